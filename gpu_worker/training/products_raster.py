"""Draws triangles: which one each pixel shows, and the exact share of each pixel they cover.

Triangles are cut into rows and rows into pixels, all at once in numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.training.products_mesh import Floats, Ints, rotation

FINE = 4
NONE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class View:
    """Seen from `azimuth` degrees round and `elevation` degrees up, rolled by `roll`, from `distance` away."""

    azimuth: float
    elevation: float
    roll: float = 0.0
    distance: float = 9.0

    def matrix(self) -> Floats:
        """3 × 3: to x right, y up, z towards the viewer."""
        turned = rotation("x", self.elevation) @ rotation("y", -self.azimuth)
        return (rotation("z", self.roll) @ turned).astype(np.float32)


@dataclass(frozen=True)
class Rows:
    """One piece of one triangle on one row: from `left` to `right` (fractions of pixels) at row `y`."""

    triangle: Ints
    y: Ints
    left: Floats
    right: Floats


def rows(xy: Floats, faces: Ints) -> Rows:
    """Cuts triangles (corners N × 2 in pixels) at the middle of each row."""
    corner = xy[faces]
    corner = np.take_along_axis(corner, np.argsort(corner[:, :, 1], axis=1)[:, :, None], axis=1)
    (x0, y0), (x1, y1), (x2, y2) = (corner[:, k].T for k in range(3))
    top, bottom = np.ceil(y0 - 0.5).astype(np.intp), np.ceil(y2 - 0.5).astype(np.intp)
    count = np.maximum(bottom - top, 0)
    triangle = np.repeat(np.arange(len(faces)), count)
    y = _runs(count) + np.repeat(top, count)
    # One line of numbers per triangle, so that each row reads them together.
    lean = [
        (xb - xa) / np.maximum(yb - ya, 1e-6)
        for xa, ya, xb, yb in ((x0, y0, x2, y2), (x0, y0, x1, y1), (x1, y1, x2, y2))
    ]
    low, high = np.minimum(np.minimum(x0, x1), x2), np.maximum(np.maximum(x0, x1), x2)
    table = np.stack([x0, y0, x1, y1, *lean, low, high], axis=1).astype(np.float32).take(triangle, axis=0)
    x0, y0, x1, y1, long_lean, upper_lean, lower_lean, low, high = table.T
    middle = (y + 0.5).astype(np.float32)
    long = x0 + long_lean * (middle - y0)
    short = np.where(middle < y1, x0 + upper_lean * (middle - y0), x1 + lower_lean * (middle - y1))
    short = np.clip(short, low, high)
    return Rows(triangle, y, np.minimum(long, short), np.maximum(long, short))


def _runs(count: Ints) -> Ints:
    """0 … count - 1 for each entry, end to end."""
    start = np.cumsum(count) - count
    return np.arange(int(count.sum())) - np.repeat(start, count)


def cover(xy: Floats, faces: Ints, height: int, width: int) -> Floats:
    """Share of each pixel under any triangle (H × W, 0 to 1, in sixteenths)."""
    left, right, _, y, _ = _spans(xy * np.float32(FINE), faces, height * FINE, width * FINE)
    steps = np.zeros((height * FINE, width * FINE + 1), np.int16)
    base = y * (width * FINE + 1)
    one = np.ones(1, np.int16)
    np.add.at(steps.reshape(-1), base + left, one)
    np.subtract.at(steps.reshape(-1), base + right, one)
    inside = np.cumsum(steps, axis=1, dtype=np.int16, out=steps)[:, :-1] > 0
    # Means of 4 × 4 zeros and sixteens are whole numbers, so that 8 bits lose nothing.
    count = cv2.resize(inside.view(np.uint8) * np.uint8(16), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(count * np.float32(1 / 16), np.float32)


def _spans(xy: Floats, faces: Ints, height: int, width: int) -> tuple[Ints, Ints, Ints, Ints, Rows]:
    """(first pixel, end, triangle, row, cut) of each row that holds the middle of a pixel of the picture."""
    cut = rows(xy, faces)
    left = np.clip(np.ceil(cut.left - 0.5), 0, width).astype(np.intp)
    right = np.clip(np.ceil(cut.right - 0.5), 0, width).astype(np.intp)
    keep = np.flatnonzero((right > left) & (cut.y >= 0) & (cut.y < height))
    return left[keep], right[keep], cut.triangle[keep], cut.y[keep], cut


def nearest(xy: Floats, depth: Floats, faces: Ints, height: int, width: int) -> NDArray[np.int64]:
    """Index of the triangle that each pixel's middle shows (H × W), -1 for none. Larger `depth` is nearer."""
    left, right, triangle, y, _ = _spans(xy, faces, height, width)
    lo, hi = float(depth.min()), float(depth.max())
    plane = planes(xy, faces, ((depth - lo) / max(hi - lo, 1e-9))[:, None])[:, :, 0]
    slope, down, base = plane[triangle].T
    # Distance in steps of 2⁻²⁰ of the product's depth over the triangle's number: the least key wins.
    far = np.clip(1.5 - (slope * (left + 0.5) + down * (y + 0.5) + base), 0, 3) * 2**20
    count = right - left
    span = np.repeat(np.arange(len(count)), count)
    step = np.arange(len(span)) - np.repeat(np.cumsum(count) - count, count)
    key = np.maximum(far[span] - (slope * np.float32(2**20))[span] * step, 0).astype(np.int64)
    key <<= 32
    key |= triangle[span]
    picture = np.full(height * width, NONE)
    np.minimum.at(picture, (y * width + left)[span] + step, key)
    picture[picture != NONE] &= 0xFFFFFFFF
    picture[picture == NONE] = -1
    return picture.reshape(height, width)


def planes(xy: Floats, faces: Ints, values: Floats) -> Floats:
    """Per triangle the linear function of x and y that meets `values` (N × C) at its corners (M × 3 × C)."""
    a, b, c = (xy[faces[:, k]].astype(np.float64) for k in range(3))
    va, vb, vc = (values[faces[:, k]] for k in range(3))
    (ux, uy), (wx, wy) = (b - a).T, (c - a).T
    area = ux * wy - uy * wx
    thin = np.abs(area) < 1e-6
    area = np.where(thin, 1.0, area)[:, None]
    du, dw = vb - va, vc - va
    gx = np.where(thin[:, None], 0, (du * wy[:, None] - dw * uy[:, None]) / area)
    gy = np.where(thin[:, None], 0, (dw * ux[:, None] - du * wx[:, None]) / area)
    base = va - gx * a[:, :1] - gy * a[:, 1:]
    return np.stack([gx, gy, base], axis=1).astype(np.float32)
