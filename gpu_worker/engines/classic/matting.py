"""From a hard mask to a soft edge at full size: the outline is first moved onto the true edge, then each pixel near it
is placed between the colours on its two sides.

Only the outline's neighbourhood is computed, upwards through sizes. Closed-form matting (Levin 2008) in a band around
the moved outline measured the same on the edge at twenty times the cost, and worse around the mask's own outline. On 15
photos of five backdrops with one hard mask each, mean error in the edge band: this .085, closed-form .088 (3 s), KNN
matting (Chen 2012) .106 (70 s), the hard mask .100.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gpu_worker.engines.base import Alpha, Mask, Rgb
from gpu_worker.engines.classic import matting_outline, matting_posterior, matting_sides
from gpu_worker.engines.classic.matting_sides import Sides

Float = NDArray[np.float32]

GROWTH = 2.5
PIXELS_AT_ONCE = 32768
LEAST_RAMP_PX, MOST_RAMP_PX = 2.0, 6.0


@dataclass(frozen=True)
class Edge:
    """The outline's points (N × 2), how far outwards the true edge lies at each (N), the colours on its sides, and how
    wide its blur is in this photo."""

    points: Float
    shift_px: Float
    sides: Sides
    ramp_px: float


def refine(rgb: Rgb, mask: Mask) -> Alpha:
    """Alpha (H × W, 0 to 1) of `rgb` (H × W × 3) from `mask` of any size with the photo's shape.

    The mask's outline may be off by up to about three of its own pixels.
    """
    height_px, width_px = rgb.shape[:2]
    longest_px = max(height_px, width_px)
    alpha: Alpha = np.full((height_px, width_px), mask.any(), np.float32)
    if mask.all() or not mask.any():
        return alpha
    for level_px in _levels(max(mask.shape), longest_px):
        scale = level_px / longest_px
        size = max(1, round(width_px * scale)), max(1, round(height_px * scale))
        picture = rgb
        if size != (width_px, height_px):
            picture = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        alpha = _refined_at(picture, matting_outline.signed_distance(mask, size))
        mask = alpha > 0.5
    return alpha


def _levels(mask_px: int, photo_px: int) -> list[int]:
    """Sizes to refine at, each at most GROWTH times the one before."""
    levels = [photo_px]
    while levels[0] > GROWTH * mask_px:
        levels.insert(0, max(mask_px, round(levels[0] / GROWTH)))
    return levels


def _refined_at(rgb: Rgb, distance_px: Float) -> Alpha:
    alpha: Alpha = (distance_px < 0).astype(np.float32)
    edge = _edge(rgb, distance_px)
    if edge is None:
        return alpha
    position_px = max(1.0, 0.4 * edge.ramp_px)
    width_px = edge.ramp_px / 2 + 2.5 * position_px
    table = matting_posterior.prior_table(edge.ramp_px, position_px)
    tree = cKDTree(edge.points)
    rows, columns = np.nonzero(np.abs(distance_px) < width_px + np.abs(edge.shift_px).max())
    for start in range(0, len(rows), PIXELS_AT_ONCE):
        y, x = rows[start : start + PIXELS_AT_ONCE], columns[start : start + PIXELS_AT_ONCE]
        _, nearest = tree.query(np.stack([x, y], axis=1))
        outside_px = distance_px[y, x] - edge.shift_px[nearest]
        alpha[y, x] = outside_px < 0
        near = np.abs(outside_px) < width_px
        y, x, nearest = y[near], x[near], nearest[near]
        sides = _picked(edge.sides, nearest)
        colours = matting_outline.opponent(rgb[y, x])
        alpha[y, x] = matting_posterior.coverage(colours, outside_px[near], sides, table)
    return alpha


def _picked(sides: Sides, index: NDArray[np.intp]) -> Sides:
    return Sides(
        sides.product[index],
        sides.product_variance[index],
        sides.backdrop[index],
        sides.backdrop_variance[index],
    )


def _edge(rgb: Rgb, distance_px: Float) -> Edge | None:
    """The edge along all outlines of `distance_px`; None where the product fills the photo or there is none."""
    points, shifts, parts, width, weight = [], [], [], 0.0, 0.0
    for block in matting_outline.outline_blocks(distance_px):
        across = matting_outline.profiles(rgb, distance_px, block)
        guess = matting_sides.sides(across, across.distance_px, pure_px=4.0, fading_px=6.0)
        shift = matting_sides.shift_px(across, guess)
        moved = across.distance_px - shift[:, None]
        known = matting_sides.sides(across, moved, pure_px=2.0, fading_px=3.0)
        widths, weights = matting_sides.blur_px(across, moved, known)
        width, weight = width + float(widths[block.core].sum()), weight + float(weights[block.core].sum())
        points.append(block.points[block.core])
        shifts.append(shift[block.core])
        parts.append(_picked(known, np.flatnonzero(block.core)))
    if not points:
        return None
    sides = Sides(
        np.concatenate([part.product for part in parts]),
        np.concatenate([part.product_variance for part in parts]),
        np.concatenate([part.backdrop for part in parts]),
        np.concatenate([part.backdrop_variance for part in parts]),
    )
    ramp_px = float(np.clip(width / weight if weight else 0.0, LEAST_RAMP_PX, MOST_RAMP_PX))
    return Edge(np.concatenate(points), np.concatenate(shifts), sides, ramp_px)
