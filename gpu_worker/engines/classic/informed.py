"""The classic engine with its network: the network guesses, the colours decide, and their agreement is the confidence."""

from __future__ import annotations

from dataclasses import asdict

from gpu_worker.engines.base import Hints, Rgb
from gpu_worker.engines.classic import border, certainty, fused, obey
from gpu_worker.engines.classic.opinion import Opinion
from gpu_worker.models.salient import Salient


def segment(work: Rgb, eye: Salient, hints: Hints) -> Opinion:
    """The product of a photo at work size, as far as `hints` leave it open."""
    seen = obey.seen(work, eye, hints)
    lab = border.to_lab(work)
    model = border.fit(lab)
    mask = fused.segment(work, lab, model, seen.product, obey.labels(work.shape[:2], hints), hints.keep_holes)
    if not mask.any() or mask.all():
        return Opinion(mask, 0.0, {})
    evidence = certainty.gather(lab, mask, model, seen)
    return Opinion(mask, certainty.judge(evidence), asdict(evidence))
