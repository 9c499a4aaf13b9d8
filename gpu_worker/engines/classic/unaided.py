"""The classic engine without its network: walls and paper on plain backdrops, competing guesses elsewhere.

It asks itself twice. Labels that the network learns from come from here, so nothing in here may know the network.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from gpu_worker.engines.base import Mask, Rgb
from gpu_worker.engines.classic import border, busy, confidence, plain, shapes
from gpu_worker.engines.classic.opinion import Opinion, shrunk

SECOND_LOOK_PX = 448
SECOND_LOOK_CROP = 0.035


@dataclass(frozen=True)
class _Look:
    """One look at the photo at work size."""

    rgb: Rgb
    lab: border.Float
    border: border.Border
    mask: Mask
    agreement: float
    plain: bool


def segment(rgb: Rgb, work: Rgb) -> Opinion:
    """The product of the photo `rgb`, found on `work`, the same photo at work size."""
    look = _look(work)
    if not look.mask.any() or look.mask.all():
        return Opinion(look.mask, 0.0, {})
    evidence = confidence.gather(
        look.lab,
        look.mask,
        look.border,
        plain=look.plain,
        steady=_steadiness(rgb, look.mask),
        agreement=look.agreement,
    )
    return Opinion(look.mask, confidence.judge(evidence), asdict(evidence))


def _look(rgb: Rgb) -> _Look:
    lab = border.to_lab(rgb)
    model = border.fit(lab)
    found = plain.segment(rgb, lab, model) if model.residual_p80 < 2 * border.PLAIN_RESIDUAL else None
    if model.plain and found is not None:
        agreement = min(found.colour_agreement, found.walls_explained)
        return _Look(rgb, lab, model, found.mask, agreement, plain=True)
    guess = busy.segment(rgb, lab, found.mask if found is not None else None)
    return _Look(rgb, lab, model, guess.mask, min(guess.agreement, 0.5 + guess.spread / 2), plain=False)


def _steadiness(rgb: Rgb, mask: Mask) -> float:
    """Overlap of `mask` with what is found in a mirrored copy whose margins are cropped, at a smaller size."""
    height_px, width_px = rgb.shape[:2]
    dy, dx = round(SECOND_LOOK_CROP * height_px), round(SECOND_LOOK_CROP * width_px)
    inner = rgb[dy : height_px - dy, dx : width_px - dx]
    second = _look(shrunk(np.ascontiguousarray(inner[:, ::-1]), SECOND_LOOK_PX)).mask[:, ::-1]
    my, mx = round(SECOND_LOOK_CROP * mask.shape[0]), round(SECOND_LOOK_CROP * mask.shape[1])
    inside = mask[my : mask.shape[0] - my, mx : mask.shape[1] - mx].astype(np.float32)
    first = np.asarray(cv2.resize(inside, second.shape[::-1], interpolation=cv2.INTER_AREA)) > 0.5
    return shapes.overlap(first, second) if second.any() else 0.0
