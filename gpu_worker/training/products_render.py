"""Turns parts (surface and material) seen from somewhere into a cut-out: RGBA, straight alpha, exact edges."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.training import products_raster as raster
from gpu_worker.training import products_shading as shading
from gpu_worker.training.products_light import Studio
from gpu_worker.training.products_mesh import Floats, vec
from gpu_worker.training.products_raster import View
from gpu_worker.training.products_shading import Layer, Part

MARGIN_PX = 2
SHADED_PIXELS = 110_000
Rgba = NDArray[np.uint8]


def render(parts: Sequence[Part], view: View, studio: Studio, size_px: int) -> Rgba:
    """H × W × 4 cut-out, its longest side `size_px`, MARGIN_PX free all round."""
    solid = [k for k, part in enumerate(parts) if part.material.opaque >= 1]
    clear = [k for k, part in enumerate(parts) if part.material.opaque < 1]
    everything, (height, width) = _placed(parts, view, size_px)
    opaque, glass = _only(everything, solid), _only(everything, clear)
    alpha = raster.cover(opaque.xy, opaque.faces, height, width)
    rim = raster.cover(glass.xy, glass.faces, height, width) if clear else np.zeros_like(alpha)
    # Two samples a pixel each way where the product is small or thin, fewer where it fills the picture.
    fine = float(np.clip(np.sqrt(SHADED_PIXELS / max(float(np.maximum(alpha, rim).sum()), 1)), 1.25, 2))
    h, w = round(height * fine), round(width * fine)
    scale = vec((w / width, h / height))
    colour, share, front = shading.shaded(opaque, parts, studio, scale, h, w)
    if clear:
        over, thick, depth = shading.shaded(glass, parts, studio, scale, h, w)
        thick = np.where(depth > front, thick, np.float32(0))
        left = share * (1 - thick)
        share = np.asarray(thick + left, np.float32)
        both = over * thick[..., None] + colour * left[..., None]
        colour = np.asarray(both / np.maximum(share, 1e-6)[..., None], np.float32)
        alpha = _glass_cover(alpha, rim, share)
    return _finished(colour, share, alpha)


def _glass_cover(solid: Floats, rim: Floats, share: Floats) -> Floats:
    """Cover of glass and what is in it: the outline's own where it is solid, else as thick as it looks."""
    mean = cv2.resize(share, (solid.shape[1], solid.shape[0]), interpolation=cv2.INTER_AREA)
    seen = cv2.resize(
        (share > 0).astype(np.float32), (solid.shape[1], solid.shape[0]), interpolation=cv2.INTER_AREA
    )
    thickness = mean / np.maximum(seen, 1e-6)
    outline = np.maximum(solid, rim)
    return np.asarray(np.maximum(solid, outline * np.where(seen > 0, thickness, 0.5)), np.float32)


def _placed(parts: Sequence[Part], view: View, size_px: int) -> tuple[Layer, tuple[int, int]]:
    """All parts on a picture that fits them."""
    matrix = view.matrix()
    points = np.concatenate([part.mesh.points for part in parts])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    reach = float(np.abs(points - middle).max())
    seen = (points - middle) @ matrix.T / reach
    near = np.float32(view.distance) / (np.float32(view.distance) - seen[:, 2:])
    flat = seen[:, :2] * near * vec((1, -1))
    lo, hi = flat.min(axis=0), flat.max(axis=0)
    scale = (size_px - 2 * MARGIN_PX) / float((hi - lo).max())
    size = np.ceil((hi - lo) * scale - 1e-3).astype(int) + 2 * MARGIN_PX
    xy = (flat - lo) * scale + MARGIN_PX
    starts = np.cumsum([0, *(len(part.mesh.points) for part in parts[:-1])])
    faces = np.concatenate([part.mesh.faces + at for part, at in zip(parts, starts, strict=True)])
    owner = np.repeat(np.arange(len(parts)), [len(part.mesh.faces) for part in parts])
    shut = np.array([part.mesh.shut for part in parts])[owner]
    normals = np.concatenate([part.mesh.normals for part in parts]) @ matrix.T
    uv = np.concatenate([part.mesh.uv for part in parts])
    # Perspective shows a little of what faces aside; nothing that faces clearly away.
    shown = ~shut | (normals[faces, 2].max(axis=1) > -1.2 / view.distance)
    faces, owner = faces[shown], owner[shown]
    return Layer(xy.astype(np.float32), near[:, 0], normals, uv, faces, owner), (int(size[1]), int(size[0]))


def _only(layer: Layer, wanted: Sequence[int]) -> Layer:
    keep = np.isin(layer.part, wanted)
    return Layer(layer.xy, layer.depth, layer.normals, layer.uv, layer.faces[keep], layer.part[keep])


def _finished(colour: Floats, share: Floats, alpha: Floats) -> Rgba:
    """8-bit sRGB with straight alpha; colour runs on under the edge pixels."""
    h, w = alpha.shape
    weight = share[..., None]
    picture = cv2.resize(colour * weight, (w, h), interpolation=cv2.INTER_AREA)
    count = cv2.resize(share, (w, h), interpolation=cv2.INTER_AREA)[..., None]
    wide = cv2.blur(picture, (5, 5))
    near = wide / np.maximum(cv2.blur(count, (5, 5)), 1e-6)[..., None]
    flat = np.where(count > 0.05, picture / np.maximum(count, 1e-6), near)
    levels = _tone()[np.minimum(flat * np.float32(2048), 8191).astype(np.uint16)]
    return np.dstack([levels * (alpha > 0)[..., None], np.round(alpha * 255).astype(np.uint8)])


@cache
def _tone() -> NDArray[np.uint8]:
    """sRGB level of linear light from 0 to 4 (8192 steps); highlights over 0.8 roll off."""
    light = np.arange(8192) / 2048
    light = np.where(light > 0.8, 0.8 + 0.2 * np.tanh((light - 0.8) / 0.2), light)
    return np.round(light ** (1 / 2.2) * 255).astype(np.uint8)
