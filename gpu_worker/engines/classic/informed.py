"""The classic engine with its network: it guesses, the colours decide, their agreement is the confidence."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from gpu_worker.engines.base import Hints, Rgb
from gpu_worker.engines.classic import border, certainty, fused, obey
from gpu_worker.engines.classic.opinion import Opinion
from gpu_worker.models.salient import Salient

BLANK_LEVELS = 1.0


def segment(work: Rgb, eye: Salient, hints: Hints) -> Opinion:
    """The product of a photo at work size, as far as `hints` leave it open."""
    # The network sees things even in an empty wall: a photo without light and shade shows nothing.
    if float(work.std(axis=(0, 1)).max()) < BLANK_LEVELS:
        return Opinion(np.zeros(work.shape[:2], bool), 0.0, {})
    seen = obey.seen(work, eye, hints)
    lab = border.to_lab(work)
    model = border.fit(lab)
    cut = fused.segment(work, lab, model, seen.product, obey.labels(work.shape[:2], hints), hints.keep_holes)
    if not cut.mask.any() or cut.mask.all():
        return Opinion(cut.mask, 0.0, {})
    evidence = certainty.gather(work, lab, cut, model, seen)
    return Opinion(cut.mask, certainty.judge(evidence), asdict(evidence))
