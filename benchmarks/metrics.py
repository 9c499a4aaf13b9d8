"""Figures of merit for mattes and for confidences. Pure functions over arrays; no files, no engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Alpha = NDArray[np.float32]  # H × W, 0 to 1
Mask = NDArray[np.bool_]  # H × W

SOLID = 0.5
# Truth is stored in 8 bits: what is this close to 0 or 1 is a rounding of it, not a soft edge.
SOFT_LOW, SOFT_HIGH = 0.02, 0.98
BAND_PX_AT_1024 = 6.0


def iou(found: Alpha, truth: Alpha) -> float:
    """Intersection over union of both mattes cut at 0.5 (0.5 itself is product). Two empty mattes agree: 1."""
    one, other = found >= SOLID, truth >= SOLID
    union = np.count_nonzero(one | other)
    return float(np.count_nonzero(one & other) / union) if union else 1.0


def mae(found: Alpha, truth: Alpha, where: Mask | None = None) -> float | None:
    """Mean absolute difference (0 to 1) over the picture, or over `where`; None where that is empty."""
    difference = np.abs(found.astype(np.float32) - truth.astype(np.float32))
    chosen = difference if where is None else difference[where]
    return float(chosen.mean(dtype=np.float64)) if chosen.size else None


def band_px(height_px: int, width_px: int) -> float:
    """How far the edge band reaches: 6 px per 1024 px of the longer side, never under 2.

    Six is what a blurred lens, JPEG's 8 px blocks and the matting of the edge can reach. A wider band would fill up
    with pixels that no matte gets wrong and hide a halo; a narrower one would not see a nibbled or a fat outline.
    """
    return max(2.0, BAND_PX_AT_1024 * max(height_px, width_px) / 1024)


def edge_band(truth: Alpha, reach_px: float | None = None) -> Mask:
    """The pixels within `reach_px` (Euclidean) of the truth's edge.

    The edge is every half-covered pixel and both sides of every hard step, so a cut-out without soft pixels has a band
    too. All False where the truth has no edge. Only the truth decides, so every engine is judged on the same pixels.
    """
    height_px, width_px = truth.shape
    reach_px = band_px(height_px, width_px) if reach_px is None else reach_px
    edge = (truth > SOFT_LOW) & (truth < SOFT_HIGH)
    solid = truth >= SOLID
    down, right = solid[1:] != solid[:-1], solid[:, 1:] != solid[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    if not edge.any():
        return np.zeros(truth.shape, np.bool_)
    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= reach_px, np.bool_)


def edge_mae(found: Alpha, truth: Alpha) -> float | None:
    """Mean absolute difference within the edge band; None where the truth has no edge."""
    return mae(found, truth, edge_band(truth))


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """The chance that a random positive scores higher than a random negative; ties count half. None without both.

    Mann and Whitney's U over the number of pairs, by mid-ranks (Hanley and McNeil 1982).
    """
    marks = np.asarray(positive, np.bool_)
    positives = int(marks.sum())
    negatives = marks.size - positives
    if not positives or not negatives:
        return None
    _, value, counts = np.unique(np.asarray(scores, np.float64), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[value]  # equal scores share the middle of their places
    wins = float(ranks[marks].sum()) - positives * (positives + 1) / 2
    return wins / (positives * negatives)


def brier(chances: Sequence[float], happened: Sequence[bool]) -> float | None:
    """Mean squared difference of a stated chance and what happened (Brier 1950): 0 is perfect; None for no pairs."""
    if not len(chances):
        return None
    said, was = np.asarray(chances, np.float64), np.asarray(happened, np.float64)
    return float(((said - was) ** 2).mean())


@dataclass(frozen=True)
class Bin:
    """Photos whose stated chance lies in [low, high): how many, the mean chance, the share where it came true, and the
    95 % interval of that share."""

    low: float
    high: float
    count: int
    stated: float
    observed: float
    interval: tuple[float, float]


def reliability(chances: Sequence[float], happened: Sequence[bool], bins: int = 10) -> list[Bin]:
    """The non-empty ones of `bins` equally wide bins, lowest first. A chance of 1 falls into the last."""
    said, was = np.asarray(chances, np.float64), np.asarray(happened, np.bool_)
    place = np.clip((said * bins).astype(np.int64), 0, bins - 1)
    found = []
    for number in range(bins):
        inside = place == number
        count = int(inside.sum())
        if count:
            good = int(was[inside].sum())
            low, high = number / bins, (number + 1) / bins
            found.append(Bin(low, high, count, float(said[inside].mean()), good / count, wilson(good, count)))
    return found


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error (Naeini et al. 2015): mean of |observed − stated| over the bins, by their counts."""
    total = sum(b.count for b in bins)
    return sum(b.count * abs(b.observed - b.stated) for b in bins) / total if total else None


def wilson(good: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval (1927) for `good` out of `count`: (low, high). Sensible for few trials, none or all."""
    share = good / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * float(np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)))
    return max(0.0, middle - half), min(1.0, middle + half)


def growth_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float | None:
    """The slope k of cost ~ size^k, by least squares in logarithms: 1 is linear. None with fewer than two sizes."""
    if len(set(sizes)) < 2 or min(sizes) <= 0 or min(costs) <= 0:
        return None
    slope, _ = np.polyfit(np.log(np.asarray(sizes, float)), np.log(np.asarray(costs, float)), 1)
    return float(slope)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that is at least as large as `percent` of them (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
