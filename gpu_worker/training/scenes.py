"""Endless backdrops without a product, for training: `scene(rng, size_px, kind)`; and what a product does to them."""

from __future__ import annotations

import cv2
import numpy as np

from gpu_worker.training import scenes_room as rooms
from gpu_worker.training.products_mesh import Floats
from gpu_worker.training.scenes_shadow import reflection, shadow
from gpu_worker.training.scenes_texture import Picture, Rng, laid, srgb, tile

__all__ = ["KINDS", "reflection", "scene", "shadow"]

KINDS = ("white", "grey", "paper", "texture", "room")


def scene(rng: Rng, size_px: int, kind: str | None = None) -> Picture:
    """A backdrop (size_px² × 3 sRGB) of one of KINDS, any of them without `kind`. Raises KeyError for another kind."""
    name = KINDS[int(rng.integers(len(KINDS)))] if kind is None else kind
    return {"white": white, "grey": grey, "paper": paper, "texture": texture, "room": room}[name](
        rng, size_px
    )


def _axes(size_px: int) -> tuple[Floats, Floats]:
    v, u = (np.mgrid[0:size_px, 0:size_px].astype(np.float32) + 0.5) / size_px
    return u, v


def _pool(rng: Rng, size_px: int, depth: float) -> Floats:
    """Light that falls off from somewhere in the frame (H × W, about 1 - depth to 1)."""
    # An exponential of a smooth thing: a quarter of the size is fine enough.
    small = max(8, size_px // 4)
    u, v = _axes(small)
    x, y, wide = rng.uniform(-0.1, 1.1), rng.uniform(-0.2, 0.9), rng.uniform(0.4, 1.4)
    pool = (1 - depth + depth * np.exp(-((u - x) ** 2 + (v - y) ** 2) / np.float32(wide))).astype(np.float32)
    return np.asarray(cv2.resize(pool, (size_px, size_px), interpolation=cv2.INTER_CUBIC), np.float32)


def _painted(light: Floats, colour: Floats) -> Picture:
    return np.clip(light[..., None] * colour, 0, 255).astype(np.uint8)


def white(rng: Rng, size_px: int) -> Picture:
    """Pure white, or white as cameras see it: slightly grey, tinted, uneven, with a faint horizon."""
    if rng.random() < 0.35:
        return np.full((size_px, size_px, 3), 255, np.uint8)
    tone = (rng.uniform(238, 262) + rng.normal(0, 2.0, 3)).astype(np.float32)
    light = _pool(rng, size_px, float(rng.uniform(0, 0.1)))
    if rng.random() < 0.4:
        light = light * _sweep(rng, size_px, float(rng.uniform(0.01, 0.06)))
    return _painted(light, tone)


def _sweep(rng: Rng, size_px: int, depth: float) -> Floats:
    """A floor that meets its wall, hard or as a curve: light by row."""
    v = (np.arange(size_px, dtype=np.float32) + 0.5) / size_px
    at, soft = rng.uniform(0.2, 0.8), rng.uniform(0.003, 0.25)
    step = 1 / (1 + np.exp(np.clip((at - v) / soft, -30, 30)))
    return (1 - depth * (step if rng.random() < 0.5 else 1 - step))[:, None].astype(np.float32)


def grey(rng: Rng, size_px: int) -> Picture:
    """Studio grey from near black to near white: gradients, vignettes, sweeps."""
    dark = rng.random() < 0.2
    level = rng.uniform(12, 110) if dark else rng.uniform(120, 250)
    tone = (level + rng.normal(0, 4, 3)).astype(np.float32)
    light = _pool(rng, size_px, float(rng.uniform(0.05, 0.6)))
    if rng.random() < 0.6:
        light = light * _sweep(rng, size_px, float(rng.uniform(0.03, 0.4)))
    if rng.random() < 0.3:
        u, v = _axes(size_px)
        light = light * (1 - np.float32(rng.uniform(0.2, 0.9)) * ((u - 0.5) ** 2 + (v - 0.5) ** 2))
    return _painted(light, tone)


def paper(rng: Rng, size_px: int) -> Picture:
    """Coloured card: one tone, two tones, folded or creased."""
    tone = srgb(rng, (60, 235), 110)
    light = _pool(rng, size_px, float(rng.uniform(0.02, 0.35)))
    u, v = _axes(size_px)
    for _ in range(int(rng.integers(0, 3)) if rng.random() < 0.35 else 0):
        a, at = rng.uniform(0, np.pi), rng.uniform(0.15, 0.85)
        side = (u - 0.5) * np.float32(np.cos(a)) + (v - 0.5) * np.float32(np.sin(a)) + np.float32(0.5 - at)
        crease = np.tanh(side * size_px / 2) * np.exp(-np.abs(side) / np.float32(rng.uniform(0.01, 0.2)))
        light = light * (1 + np.float32(rng.uniform(0.02, 0.09)) * crease)
    out = _painted(light, tone)
    if rng.random() < 0.35:
        a, at = (np.pi / 2 if rng.random() < 0.5 else rng.uniform(0, np.pi)), rng.uniform(0.25, 0.75)
        side = (u - 0.5) * np.float32(np.cos(a)) + (v - 0.5) * np.float32(np.sin(a)) + np.float32(0.5 - at)
        share = np.clip(side * size_px + 0.5, 0, 1)[..., None]
        out = (out * (1 - share) + _painted(light, srgb(rng, (60, 235), 110)) * share).astype(np.uint8)
    if rng.random() < 0.4:
        grain = laid(rng, tile(rng, "carpet"), size_px)[..., :1].astype(np.float32)
        out = np.clip(out * (0.96 + grain / np.float32(3200)), 0, 255).astype(np.uint8)
    return out


def texture(rng: Rng, size_px: int) -> Picture:
    """Wood, cloth, stone, tiles: laid flat, or a table in perspective with a wall behind."""
    surface = laid(rng, tile(rng), size_px) if rng.random() < 0.7 else rooms.table(rng, size_px)
    if rng.random() < 0.25:
        surface = np.asarray(cv2.GaussianBlur(surface, (0, 0), float(rng.uniform(0.5, 2.0))), np.uint8)
    return _lit(rng, surface, float(rng.uniform(0.05, 0.5)))


def room(rng: Rng, size_px: int) -> Picture:
    """A room or table with other things in it, in and out of focus."""
    return _lit(rng, rooms.room(rng, size_px), float(rng.uniform(0.05, 0.5)))


def _lit(rng: Rng, picture: Picture, depth: float) -> Picture:
    """Uneven light, now and then a window's bright patch, a warm or cold cast."""
    size = picture.shape[0]
    light = _pool(rng, size, depth) * np.float32(rng.uniform(0.8, 1.2))
    if rng.random() < 0.2:
        patch = np.zeros((size, size), np.float32)
        at, lean = rng.uniform(0, 0.8, 2) * size, rng.uniform(-0.3, 0.3) * size
        w, h = rng.uniform(0.15, 0.5, 2) * size
        corners = at + np.array([(0, 0), (w, 0), (w + lean, h), (lean, h)])
        cv2.fillConvexPoly(patch, np.round(corners).astype(np.int32), 1.0, cv2.LINE_AA)
        light = light * (1 + cv2.blur(patch, (5, 5)) * np.float32(rng.uniform(0.15, 0.7)))
    cast = (1 + rng.normal(0, 0.03, 3)).astype(np.float32)
    return np.clip(picture * light[..., None] * cast, 0, 255).astype(np.uint8)
