"""Colours of what each pixel shows: normals and textures carried over triangles, lit by a studio's two pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from gpu_worker.training import products_raster as raster
from gpu_worker.training.products_light import BLURS, CAP_PX, Studio
from gpu_worker.training.products_material import Material
from gpu_worker.training.products_mesh import Floats, Ints, Mesh, unit

LINE = 4096


@dataclass(frozen=True)
class Part:
    """One surface and what it is made of."""

    mesh: Mesh
    material: Material


@dataclass(frozen=True)
class Layer:
    """Parts on the picture: corners in pixels, depth, view-space normals, uv, faces and each face's part."""

    xy: Floats
    depth: Floats
    normals: Floats
    uv: Floats
    faces: Ints
    part: Ints


def shaded(
    layer: Layer, parts: Sequence[Part], studio: Studio, scale: Floats, h: int, w: int
) -> tuple[Floats, Floats, Floats]:
    """(linear colour h × w × 3, share h × w, depth h × w) at `scale` times the layer's size.

    Share is 1 where a solid shows, a material's own for glass, 0 where nothing is; depth there is -inf.
    """
    picture, cover = np.zeros((h * w, 3), np.float32), np.zeros(h * w, np.float32)
    depth = np.full(h * w, -np.inf, np.float32)
    if len(layer.faces):
        xy = layer.xy * scale
        shown = raster.nearest(xy, layer.depth, layer.faces, h, w).ravel()
        at = np.flatnonzero(shown >= 0)
        n, uv, depth[at], where = _carried(layer, xy, shown[at], at, h, w)
        open_ = _openness(depth.reshape(h, w)).ravel()[at]
        picture[at], cover[at] = _lit(layer.part[shown[at]], parts, n, uv, where, open_, studio)
    return picture.reshape(h, w, 3), cover.reshape(h, w), depth.reshape(h, w)


def _carried(
    layer: Layer, xy: Floats, face: Ints, at: Ints, h: int, w: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """(normals towards the viewer, uv, depth, place from -½ to ½) of the pixels `at` that show triangles `face`."""
    seen = np.zeros(len(layer.faces), bool)
    seen[face] = True
    number = np.cumsum(seen) - 1
    values = np.concatenate([layer.normals, layer.uv, layer.depth[:, None]], axis=1)
    plane = raster.planes(xy, layer.faces[seen], values).reshape(-1, 18)
    row, column = np.divmod(at, w)
    px, py = (column + 0.5).astype(np.float32), (row + 0.5).astype(np.float32)
    each = plane.take(number[face], axis=0)
    value = each[:, 12:] + each[:, :6] * px[:, None]
    value += each[:, 6:12] * py[:, None]
    n = unit(value[:, :3])
    n *= np.where(n[:, 2:] < 0, np.float32(-1), np.float32(1))
    return n, value[:, 3:5], value[:, 5], np.stack([px / w - 0.5, 0.5 - py / h], axis=1)


def _openness(depth: Floats) -> Floats:
    """How open each place is (0.4 to 1), from the depth picture: lower than its neighbourhood is darker."""
    h, w = depth.shape
    small = cv2.resize(depth, (max(w // 4, 8), max(h // 4, 8)), interpolation=cv2.INTER_NEAREST)
    known = np.isfinite(small).astype(np.float32)
    filled = np.where(known > 0, small, 0).astype(np.float32)
    closed = np.zeros_like(filled)
    for radius in (0.02, 0.06):
        k = max(3, int(radius * max(small.shape)) * 2 + 1)
        total = cv2.blur(filled, (k, k), borderType=cv2.BORDER_CONSTANT)
        count = cv2.blur(known, (k, k), borderType=cv2.BORDER_CONSTANT)
        above = total / np.maximum(count, 1e-3) - filled
        closed += np.float32(0.5) * np.clip(above * np.float32(1.6 / radius), 0, 1) * known
    wide = cv2.resize(cv2.GaussianBlur(closed, (0, 0), 1.0), (w, h), interpolation=cv2.INTER_LINEAR)
    return np.asarray(1 - 0.6 * np.clip(wide, 0, 1), np.float32)


def _lit(
    owner: Ints, parts: Sequence[Part], n: Floats, uv: Floats, where: Floats, open_: Floats, studio: Studio
) -> tuple[Floats, Floats]:
    """Colour (N × 3, linear) and share (N) of pixels with their normals, uv and place on the picture."""
    base = _surfaces(owner, parts, n, uv)
    materials = [part.material for part in parts]
    shine, rough, metal, opaque, sheen = (
        np.array([getattr(m, name) for m in materials], np.float32)[owner]
        for name in ("shine", "rough", "metal", "opaque", "sheen")
    )
    away = 1 - np.clip(n[:, 2], 0, 1)
    two = away * away
    fresnel = shine + (1 - shine) * (1 - rough) * two * two * away
    blur = np.minimum(np.round(rough * len(BLURS)), len(BLURS) - 1)
    diffuse = _cap(studio.diffuse, n[:, 0], n[:, 1], 0.0)
    mirror = _cap(studio.mirrors, n[:, 0] + where[:, 0] * np.float32(0.25), n[:, 1], blur)
    clear = opaque < 1
    share = np.ones(len(n), np.float32)
    if clear.any():
        bright = np.clip(fresnel * mirror[:, 0] * 1.2, 0, 1)
        share = np.where(clear, np.clip(opaque + (1 - opaque) * away**2.2 + bright, 0, 1), share)
        # What is seen through glass is the room upside down.
        through = _cap(studio.mirrors, -n[:, 0], -n[:, 1], 1.0)
        diffuse = np.where(clear[:, None], 0.45 * diffuse + 0.5 * through, diffuse)
    open_ = open_[:, None]
    polished = base * mirror * (0.55 + 0.45 * open_)
    other = (base * (diffuse + (sheen * two)[:, None]) + fresnel[:, None] * mirror) * open_
    return np.where(metal[:, None] > 0, polished, other), share


def _surfaces(owner: Ints, parts: Sequence[Part], n: Floats, uv: Floats) -> Floats:
    """Colour of each pixel's material (N × 3); its bumps tilt the normals `n` in place."""
    base = np.empty((len(owner), 3), np.float32)
    order = np.argsort(owner.astype(np.int16), kind="stable")
    ends = np.searchsorted(owner[order], np.arange(len(parts) + 1))
    for k, part in enumerate(parts):
        mine = order[ends[k] : ends[k + 1]]
        if not mine.size:
            continue
        m = part.material
        here = uv[mine]
        base[mine] = sample(m.texture, here)
        if m.bump is not None and m.depth:
            n[mine] = _bumped(n[mine], here, m.bump, m.depth)
    return base


def sample(texture: Floats, uv: Floats) -> Floats:
    """A picture (h × w × C) read at uv (N × 2) between its pixels, repeated: N × C."""
    h, w = texture.shape[:2]
    if h * w <= 4:
        return np.broadcast_to(texture[0, 0], (len(uv), texture.shape[2]))
    # One row and column more, so that reading may run over the seam.
    ring = np.asarray(cv2.copyMakeBorder(texture, 0, 1, 0, 1, cv2.BORDER_WRAP), np.float32)
    return _read(ring, (uv[:, 0] - np.floor(uv[:, 0])) * w, (uv[:, 1] - np.floor(uv[:, 1])) * h)


def _read(picture: Floats, x: Floats, y: Floats) -> Floats:
    """A picture's values (N × C) at positions x, y; OpenCV wants them as a picture no wider than 32767."""
    rows = -(-len(x) // LINE)
    maps = np.zeros((2, rows * LINE), np.float32)
    maps[0, : len(x)], maps[1, : len(x)] = x, y
    got = cv2.remap(picture, maps[0].reshape(rows, LINE), maps[1].reshape(rows, LINE), cv2.INTER_LINEAR)
    return np.asarray(got.reshape(rows * LINE, -1)[: len(x)], np.float32)


def _bumped(n: Floats, uv: Floats, bump: Floats, depth: float) -> Floats:
    """Normals tilted by the slope of a material's heights."""
    across, down = np.roll(bump, -1, 1) - np.roll(bump, 1, 1), np.roll(bump, -1, 0) - np.roll(bump, 1, 0)
    slope = sample(np.dstack([across * np.float32(depth), down * np.float32(-depth)]), uv)
    n[:, :2] -= slope
    return unit(n)


def _cap(cap: Floats, x: Floats, y: Floats, page: Floats | float) -> Floats:
    """A matcap read at normals' x and y; `page` counts matcaps from the top of a stack of them."""
    u = np.clip(x, -0.98, 0.98) * np.float32(CAP_PX / 2) + np.float32(CAP_PX / 2 - 0.5)
    v = np.clip(y, -0.98, 0.98) * np.float32(-CAP_PX / 2) + np.float32(CAP_PX / 2 - 0.5)
    return _read(cap, u, v + page * np.float32(CAP_PX))
