"""How far a product leans, read from its matte: foot, sides and symmetry. Says nothing unless they agree."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Alpha

Floats = NDArray[np.float64]
# More than this is not a tilt of the camera but the way the product stands.
MOST_DEGREES = 8.0
WORK_PX, SYMMETRY_PX = 512, 192
# A straight foot or side: so much of it lies on one line, over so much of the product's width or height.
LEAST_SUPPORT, LEAST_SPAN = 0.2, 0.6
LEAST_SYMMETRY, LEAST_PEAK = 0.94, 0.015
AGREE_DEGREES = 1.2
TRUSTED_FROM = 0.6


@dataclass(frozen=True)
class Tilt:
    """`degrees` the product leans clockwise, and `trust` (0 to 1) in that."""

    degrees: float
    trust: float

    @property
    def trusted(self) -> bool:
        """Whether to act on it."""
        return self.trust >= TRUSTED_FROM


@dataclass(frozen=True)
class _Line:
    degrees: float
    support: float
    span: float

    @property
    def straight(self) -> bool:
        return self.support >= LEAST_SUPPORT and self.span >= LEAST_SPAN


NOT_KNOWN = Tilt(0.0, 0.0)


def outline(alpha: Alpha) -> Floats:
    """The convex hull of the product (alpha ≥ 0.5): N × 2 corners (x, y) in continuous source coordinates."""
    found, _ = cv2.findContours((alpha >= 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = np.concatenate([contour.reshape(-1, 2) for contour in found]).astype(np.float64)
    # A pixel reaches from its index to the next.
    corners = np.concatenate([points + np.array([dx, dy]) for dx in (0, 1) for dy in (0, 1)])
    return np.asarray(cv2.convexHull(corners.astype(np.float32)).reshape(-1, 2), np.float64)


def tilt(alpha: Alpha) -> Tilt:
    """How far the product leans. Trusted only where independent signs agree:

    a straight foot with the mirror axis or with straight sides, or a clear mirror axis alone. A foot alone says
    nothing: that of a box or a shoe seen from its corner slopes by perspective while the product stands upright.
    """
    small = _shrunk(alpha, WORK_PX) >= 0.5
    rows, columns = np.flatnonzero(small.any(axis=1)), np.flatnonzero(small.any(axis=0))
    if min(len(rows), len(columns)) < 24:
        return NOT_KNOWN
    mask = small[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    foot, sides, mirror = _foot(mask), _sides(mask), _mirror_axis(mask)
    found = _agreed(foot, sides, mirror)
    return found if abs(found.degrees) <= MOST_DEGREES else NOT_KNOWN


def _agreed(foot: _Line, sides: float | None, mirror: float | None) -> Tilt:
    if foot.straight and mirror is not None:
        return _together(foot.degrees, mirror, 0.95)
    if mirror is not None:
        return Tilt(round(mirror, 2), 0.8) if sides is None else _together(mirror, sides, 0.9)
    if foot.straight and sides is not None:
        return _together(foot.degrees, sides, 0.9)
    return NOT_KNOWN


def _together(one: float, two: float, trust: float) -> Tilt:
    if abs(one - two) > AGREE_DEGREES:
        return NOT_KNOWN
    return Tilt(round((one + two) / 2, 2), trust)


def _foot(mask: NDArray[np.bool_]) -> _Line:
    """The line the product stands on."""
    lowest = mask.shape[0] - np.argmax(mask[::-1], axis=0)
    return _supported(lowest.astype(np.float64))


def _sides(mask: NDArray[np.bool_]) -> float | None:
    """The lean of both sides together; None where either is not straight. A bucket's sides lean apart: their mean."""
    left = _supported(mask.shape[1] - np.argmax(mask, axis=1).astype(np.float64))
    right = _supported(mask.shape[1] - np.argmax(mask[:, ::-1], axis=1).astype(np.float64))
    if not (left.straight and right.straight):
        return None
    # Down a side that leans clockwise x falls: on the right by the slope found, on the left mirrored.
    return (left.degrees - right.degrees) / 2


def _supported(edge: Floats) -> _Line:
    """The line that most of a profile rests on: slope in degrees (clockwise positive), share of places on it, share of
    the length between the first and the last of them."""
    x = np.arange(len(edge))
    angles = np.radians(np.arange(-MOST_DEGREES - 1, MOST_DEGREES + 1.01, 0.2))
    level = edge[None] - np.tan(angles)[:, None] * x
    near_px = max(1.0, 0.004 * len(edge))
    resting = level >= level.max(axis=1, keepdims=True) - near_px
    best = int(np.argmax(resting.sum(axis=1)))
    on = np.flatnonzero(resting[best])
    slope = float(np.polyfit(on, edge[on], 1)[0]) if len(on) > 2 else 0.0
    span = float(on[-1] - on[0] + 1) / len(edge)
    return _Line(float(np.degrees(np.arctan(slope))), len(on) / len(edge), span)


def _mirror_axis(mask: NDArray[np.bool_]) -> float | None:
    """The lean of the axis about which the product mirrors best; None where it does not, or does so about many axes."""
    small = _shrunk(mask.astype(np.float32), SYMMETRY_PX)
    coarse = np.arange(-MOST_DEGREES - 4, MOST_DEGREES + 4.1, 1.0)
    scores = np.array([_symmetry(small, angle) for angle in coarse])
    best = int(np.argmax(scores))
    if best < 4 or best > len(coarse) - 5 or scores[best] < LEAST_SYMMETRY:
        return None
    if scores[best] - max(scores[best - 4], scores[best + 4]) < LEAST_PEAK:
        return None
    fine = coarse[best] + np.arange(-1.5, 1.51, 0.25)
    a, b, _ = np.polyfit(fine, [_symmetry(small, angle) for angle in fine], 2)
    return float(np.clip(-b / (2 * a), fine[0], fine[-1])) if a < 0 else float(coarse[best])


def _symmetry(mask: Alpha, degrees: float) -> float:
    """Overlap of the mask, turned back by `degrees` about its centroid, with its mirror image."""
    moments = cv2.moments(mask)
    x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    side = int(np.hypot(*mask.shape)) | 1
    matrix = cv2.getRotationMatrix2D((x, y), degrees, 1.0)
    matrix[:, 2] += np.array([side // 2 - x, side // 2 - y])
    turned = cv2.warpAffine(mask, matrix, (side, side))
    mirrored = turned[:, ::-1]
    return float(np.minimum(turned, mirrored).sum() / np.maximum(turned, mirrored).sum())


def _shrunk(values: Alpha, longest_px: int) -> Alpha:
    scale = longest_px / max(values.shape)
    if scale >= 1:
        return values
    size = max(1, round(values.shape[1] * scale)), max(1, round(values.shape[0] * scale))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
