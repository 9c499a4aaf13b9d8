"""Finds where camera rays meet a distance field: coarsely first, then each pixel, then the outline in sixteen parts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.samples.sdf import Field, Floats, Points

COARSE = 8
SUBSAMPLES = 4
STEPS = 160
FAR = np.float32(1e6)


@dataclass(frozen=True)
class Camera:
    """Looks at (0, `aim`, 0) from `distance` away, `elevation` degrees up and `azimuth` degrees round;
    square picture."""

    aim: float
    distance: float
    elevation: float
    azimuth: float
    view_degrees: float = 20.0
    off_x: float = 0.0
    off_y: float = 0.0

    def axes(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """(position, right, up, forward)."""
        e, a = np.radians(self.elevation), np.radians(self.azimuth)
        away = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        forward = -away
        right = np.array([np.cos(a), 0.0, -np.sin(a)])
        up = np.cross(right, forward)
        return np.array([0.0, self.aim, 0.0]) + away * self.distance, right, up, forward

    def rays(self, px: Floats, py: Floats, size_px: int) -> Points:
        """Unit directions through picture positions (0 to `size_px`, y downwards)."""
        _, right, up, forward = self.axes()
        reach = np.tan(np.radians(self.view_degrees) / 2)
        u = ((px / size_px * 2 - 1) * reach + self.off_x).astype(np.float32)
        v = ((1 - py / size_px * 2) * reach + self.off_y).astype(np.float32)
        x, y, z = (
            np.float32(forward[i]) + u * np.float32(right[i]) + v * np.float32(up[i]) for i in range(3)
        )
        length = np.sqrt(x * x + y * y + z * z)
        return x / length, y / length, z / length


@dataclass(frozen=True)
class Hits:
    """`index`: flat pixel numbers that show the solid; `t`: distance along their rays; `alpha`: cover of all pixels."""

    index: NDArray[np.intp]
    t: Floats
    rays: Points
    alpha: Floats


def at(origin: NDArray[np.float64], rays: Points, t: Floats) -> Points:
    """The points `t` along each ray."""
    return tuple(np.float32(origin[i]) + rays[i] * t for i in range(3))  # type: ignore[return-value]


def march(
    field: Field,
    origin: NDArray[np.float64],
    rays: Points,
    start: Floats,
    end: float,
    width: float,
    steps: int = STEPS,
) -> Floats:
    """Distance to the surface along each ray, FAR where there is none. `width`: half a ray's spread per unit length."""
    t = start.copy()
    found = np.full(t.shape, FAR, np.float32)
    live = np.flatnonzero(t < end)
    for _ in range(steps):
        if not live.size:
            break
        here = tuple(axis[live] for axis in rays)
        d = field(at(origin, here, t[live]))  # type: ignore[arg-type]
        hit = d < np.maximum(width * t[live], 2e-4)
        found[live[hit]] = t[live[hit]]
        t[live] += np.maximum(d, 1e-4) * np.float32(0.92)
        live = live[~hit & (t[live] < end)]
    return found


def shoot(field: Field, camera: Camera, size_px: int, reach: float) -> Hits:
    """Every pixel of a square picture against the solid, which lies within `reach` of the camera's aim."""
    origin, *_ = camera.axes()
    near, end = camera.distance - reach, camera.distance + reach
    pixel = float(np.tan(np.radians(camera.view_degrees) / 2) / size_px)
    start = _coarse(field, camera, size_px, near, end)
    y, x = np.divmod(np.arange(size_px * size_px), size_px)
    begin = start[np.minimum(y // COARSE, len(start) - 1), np.minimum(x // COARSE, len(start) - 1)]
    maybe = np.flatnonzero(begin < end)
    px, py = (x[maybe] + 0.5).astype(np.float32), (y[maybe] + 0.5).astype(np.float32)
    rays = camera.rays(px, py, size_px)
    t = np.full(size_px * size_px, FAR, np.float32)
    t[maybe] = march(field, origin, rays, begin[maybe], end, pixel * 0.5)
    alpha = (t < FAR).astype(np.float32)
    edge = _edges(alpha.reshape(size_px, size_px))
    alpha[edge], t[edge] = _subsampled(field, camera, size_px, edge, begin[edge], end, pixel, t[edge])
    index = np.flatnonzero(alpha > 0)
    px, py = (x[index] + 0.5).astype(np.float32), (y[index] + 0.5).astype(np.float32)
    return Hits(index, t[index], camera.rays(px, py, size_px), alpha.reshape(size_px, size_px))


def _coarse(field: Field, camera: Camera, size_px: int, near: float, end: float) -> Floats:
    """A safe start for each block of COARSE² pixels: the block's whole cone is still free there."""
    cells = -(-size_px // COARSE)
    y, x = np.divmod(np.arange(cells * cells), cells)
    middle = ((x + 0.5) * COARSE).astype(np.float32), ((y + 0.5) * COARSE).astype(np.float32)
    rays = camera.rays(*middle, size_px)
    cone = float(np.tan(np.radians(camera.view_degrees) / 2) / size_px * 2) * COARSE
    found = march(field, camera.axes()[0], rays, np.full(cells * cells, near, np.float32), end, cone)
    return (np.where(found < FAR, found - cone * found, FAR)).reshape(cells, cells).astype(np.float32)


def _edges(cover: Floats) -> NDArray[np.intp]:
    kernel = np.ones((3, 3), np.uint8)
    return np.flatnonzero(cv2.dilate(cover, kernel) != cv2.erode(cover, kernel))


def _subsampled(
    field: Field,
    camera: Camera,
    size_px: int,
    edge: NDArray[np.intp],
    begin: Floats,
    end: float,
    pixel: float,
    fallback: Floats,
) -> tuple[Floats, Floats]:
    """(cover, distance to show) of outline pixels from SUBSAMPLES² rays each."""
    y, x = np.divmod(edge, size_px)
    origin, *_ = camera.axes()
    begin = np.where(begin < FAR, begin, np.float32(camera.distance * 0.7))
    parts = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES
    # All rays together: what a step costs is mostly that it is taken, hardly how many take it.
    px = np.add.outer(np.repeat(parts, SUBSAMPLES), x).astype(np.float32).ravel()
    py = np.add.outer(np.tile(parts, SUBSAMPLES), y).astype(np.float32).ravel()
    starts = np.tile(begin, SUBSAMPLES**2)
    found = march(field, origin, camera.rays(px, py, size_px), starts, end, pixel / 24, 2 * STEPS)
    t = found.reshape(SUBSAMPLES**2, len(edge))
    cover, total = np.zeros(len(edge), np.float32), np.zeros(len(edge), np.float32)
    for one in t:
        cover += one < FAR
        total += np.where(one < FAR, one, 0)
    shown = np.where(cover > 0, total / np.maximum(cover, 1), fallback)
    return np.float32(1 / SUBSAMPLES**2) * cover, np.where(fallback < FAR, fallback, shown).astype(np.float32)


def normals(field: Field, p: Points, step: float) -> Points:
    """Unit normals by four evaluations at the corners of a tetrahedron."""
    h = np.float32(step)
    total = [np.zeros_like(p[0]) for _ in range(3)]
    for signs in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        d = field((p[0] + h * signs[0], p[1] + h * signs[1], p[2] + h * signs[2]))
        for axis, sign in enumerate(signs):
            total[axis] += d if sign > 0 else -d
    length = np.maximum(np.sqrt(total[0] ** 2 + total[1] ** 2 + total[2] ** 2), 1e-9)
    return total[0] / length, total[1] / length, total[2] / length


def openness(field: Field, p: Points, n: Points, reach: float) -> Floats:
    """How open the half space over each point is: 1 free, 0 buried. Five samples along the normal."""
    closed = np.zeros_like(p[0])
    for i in range(1, 6):
        step = np.float32(reach * (i / 5) ** 1.5)
        d = field((p[0] + n[0] * step, p[1] + n[1] * step, p[2] + n[2] * step))
        closed += np.clip(1 - d / step, 0, 2) * np.float32(0.62**i)
    return np.clip(1 - closed * np.float32(0.72), 0, 1)


def lit(
    field: Field, p: Points, n: Points, towards: tuple[float, float, float], softness: float, reach: float
) -> Floats:
    """Share of a large light that each point sees, by the narrowest gap on the way to its centre."""
    share = np.ones_like(p[0])
    t = np.full_like(p[0], 0.02 * reach)
    base = tuple(p[i] + n[i] * np.float32(0.004 * reach) for i in range(3))
    for _ in range(18):
        d = field(tuple(base[i] + t * np.float32(towards[i]) for i in range(3)))
        share = np.minimum(share, np.clip(0.5 + 0.5 * d / (np.float32(softness) * t), 0, 1))
        t = np.minimum(t + np.clip(d, 0.02 * reach, 0.15 * reach), np.float32(reach))
    return (share * share * (3 - 2 * share)).astype(np.float32)
