"""How sure a cut-out is, from cues that fail for different reasons. Calibrated on composites, checked on
real photos."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Mask
from gpu_worker.engines.classic import shapes
from gpu_worker.engines.classic.border import Border, gradients, rim_cover

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    """`steady`: overlap with the cut-out of a mirrored, cropped copy. `agreement`: overlap of independent cues.
    `weak_outline`: share of the outline where neither colour nor edge tells the sides apart. `rim`: share of the
    photo's edge covered. `residual`: how far the border strays from one surface. `area`: share of the photo."""

    plain: bool
    steady: float
    agreement: float
    weak_outline: float
    rim: float
    residual: float
    area: float


def gather(
    lab: Float, mask: Mask, border: Border, *, plain: bool, steady: float, agreement: float
) -> Evidence:
    """Takes the remaining measures of a mask at work size."""
    return Evidence(
        plain=plain,
        steady=steady,
        agreement=agreement,
        weak_outline=weak_outline(lab, mask),
        rim=rim_cover(mask),
        residual=border.residual_p80,
        area=float(mask.mean()),
    )


def weak_outline(lab: Float, mask: Mask) -> float:
    """Share of the outline with less than 5 Lab units between its sides and no visible edge (1 where there is none)."""
    inner, outer = (
        shapes.shrunk(mask, 2) & ~shapes.shrunk(mask, 6),
        shapes.grown(mask, 6) & ~shapes.grown(mask, 2),
    )
    outline = shapes.grown(mask, 1) & ~mask
    if inner.sum() < 20 or outer.sum() < 20 or not outline.any():
        return 1.0
    step = _near_mean(lab, inner) - _near_mean(lab, outer)
    apart = np.sqrt(np.einsum("ijk,ijk->ij", step, step))
    fine, _ = gradients(lab)
    edge = cv2.dilate(fine, shapes.disc(2))
    return float(((apart < 5) & (edge < 1.5))[outline].mean())


def _near_mean(lab: Float, where: Mask) -> Float:
    weight = where.astype(np.float32)
    total = np.maximum(cv2.GaussianBlur(weight, (0, 0), 5.0), 1e-3)[..., None]
    return np.asarray(cv2.GaussianBlur(lab * weight[..., None], (0, 0), 5.0) / total, np.float32)


def judge(evidence: Evidence) -> float:
    """0 to 1. Over 0.9 the cut-out may be used unseen; each cue alone can pull it below."""
    if evidence.area < 0.002 or evidence.area > 0.95:
        return 0.0
    score = 0.985
    score *= _ramp(evidence.steady, (0.60, 0.15), (0.90, 0.75), (0.96, 0.96), (0.985, 1.0))
    score *= _ramp(evidence.agreement, (0.50, 0.40), (0.80, 0.82), (0.93, 0.97), (0.98, 1.0))
    score *= _ramp(evidence.weak_outline, (0.04, 1.0), (0.15, 0.93), (0.40, 0.60), (1.0, 0.2))
    score *= _ramp(evidence.rim, (0.005, 1.0), (0.05, 0.90), (0.30, 0.55))
    score *= _ramp(evidence.residual, (3.0, 1.0), (4.5, 0.92), (9.0, 0.80), (25.0, 0.65))
    score *= _ramp(evidence.area, (0.002, 0.2), (0.01, 0.85), (0.02, 1.0), (0.85, 1.0), (0.95, 0.6))
    return round(float(score), 4)


def _ramp(value: float, *points: tuple[float, float]) -> float:
    """Straight lines through (value, factor) points, flat beyond the ends."""
    xs, ys = zip(*points, strict=True)
    return float(np.interp(value, xs, ys))
