"""The classic engine: decides at work size, refines the edge at full size, and asks itself twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from gpu_worker.engines.base import Mask, Matte, Rgb
from gpu_worker.engines.classic import border, busy, confidence, matting, plain, shapes

WORK_PX = 640
SECOND_LOOK_PX = 448
SECOND_LOOK_CROP = 0.035
LEAST_SIDE_PX = 32


@dataclass(frozen=True)
class _Look:
    """One look at the photo at work size."""

    rgb: Rgb
    lab: border.Float
    border: border.Border
    mask: Mask
    agreement: float
    plain: bool


class ClassicEngine:
    """Needs nothing but a CPU. Right on studio photos; on scenes it may be wrong and says so by a low confidence."""

    name = "classic"
    versions: Mapping[str, str] = {"cutout": "1"}

    def load(self) -> None:
        """Nothing to load."""

    def cutout(self, rgb: Rgb) -> Matte:
        """See Engine.cutout."""
        if min(rgb.shape[:2]) < LEAST_SIDE_PX:
            return Matte(np.zeros(rgb.shape[:2], np.float32), 0.0)
        look = _look(_shrunk(rgb, WORK_PX))
        if not look.mask.any() or look.mask.all():
            return Matte(np.zeros(rgb.shape[:2], np.float32), 0.0)
        evidence = confidence.gather(
            look.lab,
            look.mask,
            look.border,
            plain=look.plain,
            steady=_steadiness(rgb, look.mask),
            agreement=look.agreement,
        )
        notes = {name: round(float(value), 4) for name, value in asdict(evidence).items()}
        return Matte(matting.refine(rgb, look.mask), confidence.judge(evidence), notes)


def _look(rgb: Rgb) -> _Look:
    lab = border.to_lab(rgb)
    model = border.fit(lab)
    found = plain.segment(rgb, lab, model) if model.residual_p80 < 2 * border.PLAIN_RESIDUAL else None
    if model.plain and found is not None:
        agreement = min(found.colour_agreement, found.walls_explained)
        return _Look(rgb, lab, model, found.mask, agreement, plain=True)
    guess = busy.segment(rgb, lab, found.mask if found is not None else None)
    return _Look(rgb, lab, model, guess.mask, min(guess.agreement, 0.5 + guess.spread / 2), plain=False)


def _shrunk(rgb: Rgb, longest_px: int) -> Rgb:
    scale = longest_px / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = max(8, round(rgb.shape[1] * scale)), max(8, round(rgb.shape[0] * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _steadiness(rgb: Rgb, mask: Mask) -> float:
    """Overlap of `mask` with what is found in a mirrored copy whose margins are cropped, at a smaller size."""
    height_px, width_px = rgb.shape[:2]
    dy, dx = round(SECOND_LOOK_CROP * height_px), round(SECOND_LOOK_CROP * width_px)
    inner = rgb[dy : height_px - dy, dx : width_px - dx]
    second = _look(_shrunk(np.ascontiguousarray(inner[:, ::-1]), SECOND_LOOK_PX)).mask[:, ::-1]
    my, mx = round(SECOND_LOOK_CROP * mask.shape[0]), round(SECOND_LOOK_CROP * mask.shape[1])
    inside = mask[my : mask.shape[0] - my, mx : mask.shape[1] - mx].astype(np.float32)
    first = np.asarray(cv2.resize(inside, second.shape[::-1], interpolation=cv2.INTER_AREA)) > 0.5
    return shapes.overlap(first, second) if second.any() else 0.0
