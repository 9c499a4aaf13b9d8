"""Signed distances of simple solids, over arrays of points. Lengths are in scene units; y points up; the
floor is y = 0.

The formulas are the usual ones of constructive distance fields (J. Hart, "Sphere Tracing", 1996).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Points = tuple[Floats, Floats, Floats]
Field = Callable[[Points], Floats]


def moved(p: Points, x: float = 0, y: float = 0, z: float = 0) -> Points:
    """Points as seen from a solid that stands at (x, y, z)."""
    return p[0] - np.float32(x), p[1] - np.float32(y), p[2] - np.float32(z)


def turned(p: Points, axis: str, degrees: float) -> Points:
    """Points as seen from a solid turned about an axis, counter-clockwise when the axis points at you."""
    c, s = np.float32(np.cos(np.radians(degrees))), np.float32(np.sin(np.radians(degrees)))
    x, y, z = p
    if axis == "x":
        return x, c * y + s * z, c * z - s * y
    if axis == "y":
        return c * x - s * z, y, c * z + s * x
    return c * x + s * y, c * y - s * x, z


def sphere(p: Points, radius: float) -> Floats:
    """A ball about the origin."""
    return np.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2) - np.float32(radius)


def ellipsoid(p: Points, rx: float, ry: float, rz: float) -> Floats:
    """A bound of the distance to an ellipsoid, exact enough near it."""
    k0 = np.sqrt((p[0] / rx) ** 2 + (p[1] / ry) ** 2 + (p[2] / rz) ** 2)
    k1 = np.sqrt((p[0] / rx**2) ** 2 + (p[1] / ry**2) ** 2 + (p[2] / rz**2) ** 2)
    return (k0 * (k0 - 1) / np.maximum(k1, 1e-6)).astype(np.float32)


def box(p: Points, hx: float, hy: float, hz: float, round_by: float = 0.0) -> Floats:
    """A box of half sides, its edges rounded."""
    qx, qy, qz = (
        np.abs(p[0]) - (hx - round_by),
        np.abs(p[1]) - (hy - round_by),
        np.abs(p[2]) - (hz - round_by),
    )
    outside = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2 + np.maximum(qz, 0) ** 2)
    return outside + np.minimum(np.maximum(qx, np.maximum(qy, qz)), 0) - np.float32(round_by)


def cylinder(p: Points, radius: float, half: float, round_by: float = 0.0) -> Floats:
    """An upright cylinder."""
    return _capped(np.hypot(p[0], p[2]) - np.float32(radius), p[1], half, round_by)


def prism(flat: Floats, along: Floats, half: float, round_by: float = 0.0) -> Floats:
    """A flat outline (its 2D distance) given thickness."""
    return _capped(flat, along, half, round_by)


def _capped(side: Floats, along: Floats, half: float, round_by: float) -> Floats:
    d, h = side + np.float32(round_by), np.abs(along) - np.float32(half - round_by)
    outside = np.sqrt(np.maximum(d, 0) ** 2 + np.maximum(h, 0) ** 2)
    return outside + np.minimum(np.maximum(d, h), 0) - np.float32(round_by)


def torus(p: Points, radius: float, tube: float) -> Floats:
    """A ring that faces z."""
    return np.hypot(np.hypot(p[0], p[1]) - np.float32(radius), p[2]) - np.float32(tube)


def capsule(p: Points, a: Sequence[float], b: Sequence[float], radius: float) -> Floats:
    """A rod with round ends from a to b."""
    ax, ay, az = (p[i] - np.float32(a[i]) for i in range(3))
    bx, by, bz = (np.float32(b[i] - a[i]) for i in range(3))
    t = np.clip((ax * bx + ay * by + az * bz) / (bx * bx + by * by + bz * bz), 0, 1)
    return np.sqrt((ax - bx * t) ** 2 + (ay - by * t) ** 2 + (az - bz * t) ** 2) - np.float32(radius)


def lathe(p: Points, profile: Sequence[tuple[float, float]], steep: float = 0.75) -> Floats:
    """A solid of revolution from (height, radius) points; `steep` under 1 keeps marching safe on slanted walls."""
    heights, radii = profile_table(tuple(profile))
    radius = np.interp(p[1], heights, radii).astype(np.float32)
    side = (np.hypot(p[0], p[2]) - radius) * np.float32(steep)
    middle, half = (heights[0] + heights[-1]) / 2, (heights[-1] - heights[0]) / 2
    return np.maximum(side, np.abs(p[1] - np.float32(middle)) - np.float32(half))


@lru_cache(maxsize=64)  # the same few are asked for at every step of a ray
def profile_table(profile: tuple[tuple[float, float], ...]) -> tuple[Floats, Floats]:
    """The profile as a smooth table (heights rising, radii), rounded at its corners."""
    points = np.asarray(profile, np.float64)
    heights = np.linspace(points[0, 0], points[-1, 0], 400)
    radii = np.interp(heights, points[:, 0], points[:, 1])
    kernel = np.hanning(25)
    smooth = np.convolve(np.pad(radii, 12, mode="edge"), kernel / kernel.sum(), mode="valid")
    return heights.astype(np.float32), smooth.astype(np.float32)


def polygon(x: Floats, y: Floats, corners: Sequence[tuple[float, float]]) -> Floats:
    """2D distance to a closed polygon, negative inside."""
    best = np.full(x.shape, np.inf, np.float32)
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        ex, ey = np.float32(x1 - x0), np.float32(y1 - y0)
        wx, wy = x - np.float32(x0), y - np.float32(y0)
        t = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey), 0, 1)
        best = np.minimum(best, (wx - ex * t) ** 2 + (wy - ey * t) ** 2)
        if y0 != y1:
            crosses = ((y0 <= y) & (y < y1)) | ((y1 <= y) & (y < y0))
            inside ^= crosses & (x < x0 + (y - np.float32(y0)) * np.float32((x1 - x0) / (y1 - y0)))
    distance = np.sqrt(best)
    return np.where(inside, -distance, distance).astype(np.float32)


def baked(
    flat: Callable[[Floats, Floats], Floats], half: float, cells: int = 768
) -> Callable[[Floats, Floats], Floats]:
    """A costly 2D function as a table over ±`half`, read by linear interpolation; beyond the table its rim goes on."""
    line = np.linspace(-half, half, cells, dtype=np.float32)
    table = flat(*np.meshgrid(line, line)).astype(np.float32)
    per_unit = np.float32((cells - 1) / (2 * half))

    def read(u: Floats, v: Floats) -> Floats:
        x = np.clip((u + np.float32(half)) * per_unit, 0, cells - 1.001)
        y = np.clip((v + np.float32(half)) * per_unit, 0, cells - 1.001)
        i, j = x.astype(np.intp), y.astype(np.intp)
        fx, fy = x - i, y - j
        top = table[j, i] * (1 - fx) + table[j, i + 1] * fx
        return (top * (1 - fy) + (table[j + 1, i] * (1 - fx) + table[j + 1, i + 1] * fx) * fy).astype(
            np.float32
        )

    return read


def blend(a: Floats, b: Floats, k: float) -> Floats:
    """Union with a fillet of width k."""
    h = np.maximum(np.float32(k) - np.abs(a - b), 0) / np.float32(k)
    return np.minimum(a, b) - h * h * np.float32(k / 4)


def carve(a: Floats, b: Floats, k: float = 0.0) -> Floats:
    """a without b, the rim rounded by k."""
    if k <= 0:
        return np.maximum(a, -b)
    h = np.maximum(np.float32(k) - np.abs(a + b), 0) / np.float32(k)
    return np.maximum(a, -b) + h * h * np.float32(k / 4)
