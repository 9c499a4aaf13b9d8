"""How surfaces answer a photo studio: soft boxes left, right and above, a pale floor, reflections by roughness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.samples import trace
from gpu_worker.samples.sdf import Field, Floats, Points
from gpu_worker.samples.texture import smoothstep

Colours = NDArray[np.float32]  # … × 3, linear light


@dataclass
class Surface:
    """What a point is made of. `metal` surfaces mirror in their own colour; `normal` gives the one that replaces the
    geometric normal, and is only asked where it is needed."""

    colour: Colours
    rough: Floats | float = 0.5
    metal: float = 0.0
    gloss: float = 0.04
    normal: Callable[[], Points] | None = None


Material = Callable[[Points, Points], Surface]


@dataclass(frozen=True)
class Part:
    """One piece of a product: its solid and its material."""

    solid: Field
    material: Material


@dataclass(frozen=True)
class Box:
    """A rectangular light: direction of its centre, half width and height as tangents, brightness, colour."""

    centre: tuple[float, float, float]
    half: tuple[float, float]
    light: float
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


def unit(v: tuple[float, float, float]) -> tuple[float, float, float]:
    """The same direction, of length one."""
    length = float(np.sqrt(sum(c * c for c in v)))
    return v[0] / length, v[1] / length, v[2] / length


KEY = Box(unit((-0.62, 0.62, 0.60)), (0.42, 0.60), 5.0, (1.0, 0.985, 0.96))
FILL = Box(unit((0.90, 0.30, 0.42)), (0.22, 0.75), 2.2, (0.96, 0.98, 1.0))
TOP = Box(unit((0.05, 1.0, -0.15)), (0.75, 0.40), 2.6)
RIM = Box(unit((0.55, 0.35, -0.75)), (0.20, 0.60), 3.2)
BOXES = (KEY, FILL, TOP, RIM)
AMBIENT = 0.36


def union(parts: list[Part]) -> Field:
    """The whole product as one solid."""

    def field(p: Points) -> Floats:
        total = parts[0].solid(p)
        for part in parts[1:]:
            total = np.minimum(total, part.solid(p))
        return total

    return field


def around(towards: Points, rough: Floats | float, floor: Colours) -> Colours:
    """What is seen in the studio when looking into each direction: boxes, their glow, a grey room, the floor."""
    x, y, z = towards
    soft = 0.03 + 0.9 * np.asarray(rough, np.float32)
    room = 0.16 + 0.30 * smoothstep(-0.2, 1.0, y)
    below = 1 - smoothstep(-0.12, 0.08, y)
    out = room[:, None] * (1 - below[:, None]) + floor * 0.55 * below[:, None]
    for box in BOXES:
        out = out + _box_light(box, x, y, z, soft)[:, None] * np.array(box.tint, np.float32)
    return out.astype(np.float32)


def _box_light(box: Box, x: Floats, y: Floats, z: Floats, soft: Floats) -> Floats:
    cx, cy, cz = box.centre
    side = np.array(unit((cz, 0.0, -cx) if abs(cx) + abs(cz) > 1e-3 else (1.0, 0.0, 0.0)))
    lift = np.cross(np.array([cx, cy, cz]), side)
    ahead = x * cx + y * cy + z * cz
    over = np.maximum(ahead, 1e-3)
    u = np.abs(x * side[0] + z * side[2]) / over
    v = np.abs(x * lift[0] + y * lift[1] + z * lift[2]) / over
    edge_u = np.clip((box.half[0] + soft / 2 - u) / soft, 0, 1)
    edge_v = np.clip((box.half[1] + soft / 2 - v) / soft, 0, 1)
    # A rough surface spreads the box over more of the sphere, so each direction gets less of it.
    area = box.half[0] * box.half[1] / ((box.half[0] + soft / 2) * (box.half[1] + soft / 2))
    inside = edge_u * edge_u * (3 - 2 * edge_u) * edge_v * edge_v * (3 - 2 * edge_v)
    return (np.where(ahead > 0, inside, 0) * box.light * area).astype(np.float32)


def shade(
    parts: list[Part], hits: trace.Hits, camera: trace.Camera, size_px: int, reach: float, floor: Colours
) -> Colours:
    """Colour (N × 3, linear light) of every hit pixel."""
    field = union(parts)
    origin, *_ = camera.axes()
    p = trace.at(origin, hits.rays, hits.t)
    pixel = 2 * np.tan(np.radians(camera.view_degrees) / 2) * camera.distance / size_px
    n = trace.normals(field, p, max(6e-4, 0.6 * pixel))
    open_sky, key_share = _visibility(field, p, n, hits, size_px, reach)
    nearest = np.argmin(np.stack([part.solid(p) for part in parts]), axis=0)
    out = np.zeros((len(hits.t), 3), np.float32)
    for number, part in enumerate(parts):
        mine = np.flatnonzero(nearest == number)
        if not mine.size:
            continue
        here, facing, ray = ([axis[mine] for axis in v] for v in (p, n, hits.rays))
        surface = _averaged(part.material, tuple(here), tuple(facing), tuple(ray), camera, pixel)  # type: ignore[arg-type]
        out[mine] = _answer(surface, tuple(facing), tuple(ray), open_sky[mine], key_share[mine], floor)  # type: ignore[arg-type]
    return out


def _averaged(
    material: Material, p: Points, n: Points, ray: Points, camera: trace.Camera, pixel: float
) -> Surface:
    """The material with its colour taken at four places within the pixel, so that prints have smooth edges."""
    surface = material(p, n)
    _, right, up, _ = camera.axes()
    slant = np.minimum(n[0] * ray[0] + n[1] * ray[1] + n[2] * ray[2], np.float32(-0.15))
    total = np.zeros_like(surface.colour)
    for a, b in ((-0.125, -0.375), (0.375, -0.125), (0.125, 0.375), (-0.375, 0.125)):
        step = (right * a + up * b) * pixel
        # Moved along the surface, not across it: back onto the tangent plane by way of the ray.
        back = (n[0] * np.float32(step[0]) + n[1] * np.float32(step[1]) + n[2] * np.float32(step[2])) / slant
        moved = tuple(p[i] + np.float32(step[i]) - ray[i] * back for i in range(3))
        total += material(moved, n).colour
    surface.colour = total / np.float32(4)
    return surface


def _visibility(
    field: Field, p: Points, n: Points, hits: trace.Hits, size_px: int, reach: float
) -> tuple[Floats, Floats]:
    """(openness, share of the key light) at every hit, computed on a grid of every third pixel: both are smooth."""
    step = 3 if size_px >= 500 else 1
    y, x = np.divmod(hits.index, size_px)
    coarse = np.flatnonzero((y % step == 0) & (x % step == 0))
    if step == 1 or coarse.size < 500:
        coarse = np.arange(len(y))
        step = 1
    few, facing = ([axis[coarse] for axis in v] for v in (p, n))

    def grounded(q: Points) -> Floats:
        return np.minimum(field(q), q[1] + np.float32(0.01))

    sky = trace.openness(grounded, tuple(few), tuple(facing), 0.35 * reach)  # type: ignore[arg-type]
    key = trace.lit(field, tuple(few), tuple(facing), KEY.centre, 0.35, 1.2 * reach)  # type: ignore[arg-type]
    if step == 1:
        return sky, key
    return tuple(_spread(v, y, x, coarse, step, size_px) for v in (sky, key))  # type: ignore[return-value]


def _spread(
    values: Floats,
    y: NDArray[np.intp],
    x: NDArray[np.intp],
    coarse: NDArray[np.intp],
    step: int,
    size_px: int,
) -> Floats:
    """Values known at every `step`-th pixel carried to all hit pixels, smoothly and not across the outline."""
    cells = -(-size_px // step)
    grid, known = np.zeros((cells, cells), np.float32), np.zeros((cells, cells), np.float32)
    grid[y[coarse] // step, x[coarse] // step] = values
    known[y[coarse] // step, x[coarse] // step] = 1
    blurred, weight = cv2.GaussianBlur(grid, (0, 0), 0.8), cv2.GaussianBlur(known, (0, 0), 0.8)
    wide, wide_weight = (
        cv2.resize(v, (cells * step,) * 2, interpolation=cv2.INTER_LINEAR) for v in (blurred, weight)
    )
    # cv2.resize centres cells; our samples sit at their first pixel, so look half a cell further on.
    at = np.minimum(y + step // 2, cells * step - 1), np.minimum(x + step // 2, cells * step - 1)
    return np.clip(wide[at] / np.maximum(wide_weight[at], 1e-3), 0, 1).astype(np.float32)


def _answer(surface: Surface, n: Points, ray: Points, sky: Floats, key: Floats, floor: Colours) -> Colours:
    nx, ny, nz = surface.normal() if surface.normal else n
    cosine = -(nx * ray[0] + ny * ray[1] + nz * ray[2])
    facing = np.clip(cosine, 0.0, 1.0)
    light = _diffuse(nx, ny, nz, sky, key, floor)
    mirror = (ray[0] + 2 * cosine * nx, ray[1] + 2 * cosine * ny, ray[2] + 2 * cosine * nz)
    seen = around(mirror, surface.rough, floor) * (0.35 + 0.65 * sky * (0.4 + 0.6 * key))[:, None]
    # Schlick's approximation of Fresnel's law; rough surfaces mirror less at grazing angles.
    smooth = 1 - 0.85 * np.asarray(surface.rough, np.float32)
    grazing = ((1 - facing) ** 5 * smooth)[:, None]
    f0 = surface.metal * surface.colour + (1 - surface.metal) * surface.gloss
    fresnel = f0 + (np.maximum(f0, 0.9) - f0) * grazing
    return (surface.colour * light * (1 - surface.metal) * (1 - fresnel) + seen * fresnel).astype(np.float32)


def _diffuse(nx: Floats, ny: Floats, nz: Floats, sky: Floats, key: Floats, floor: Colours) -> Colours:
    def wrapped(box: Box, by: float) -> Floats:
        cosine = nx * box.centre[0] + ny * box.centre[1] + nz * box.centre[2]
        return np.clip((cosine + by) / (1 + by), 0, 1) ** 1.2

    up = 0.5 + 0.5 * ny
    total = 0.50 * (wrapped(KEY, 0.35) * (0.15 + 0.85 * key))[:, None] * np.array(KEY.tint, np.float32)
    total = total + 0.22 * (wrapped(FILL, 0.4) * sky)[:, None] * np.array(FILL.tint, np.float32)
    total = total + (0.16 * wrapped(TOP, 0.3) * sky)[:, None] + (0.10 * wrapped(RIM, 0.1))[:, None]
    total = total + (AMBIENT * up * sky)[:, None] + floor * (0.24 * (1 - up) * sky)[:, None]
    return total.astype(np.float32)
