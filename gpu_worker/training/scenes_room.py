"""Rooms and tables that other things stand in: walls, floors, shelves, frames, windows, plants, lights out of focus."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.training import products
from gpu_worker.training.scenes_texture import Picture, Rng, floor, laid, srgb, tile

POOL = 320
POOL_PX = 128
Rgba = NDArray[np.uint8]


@cache
def thing(number: int) -> Rgba:
    """One of POOL drawn products that rooms are filled with (H × W × 4, at most POOL_PX)."""
    return products.product(np.random.default_rng((20_241, number)), POOL_PX)


def put(scene: Picture, cut: Rgba, x: int, y: int, long_px: int, dim: float = 1.0, blur: float = 0.0) -> None:
    """Draws a cut-out into `scene`, its foot's middle at (x, y), its longest side `long_px`; parts outside are lost."""
    scale = long_px / max(cut.shape[:2])
    w, h = max(2, round(cut.shape[1] * scale)), max(2, round(cut.shape[0] * scale))
    small = cv2.resize(cut, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR).astype(
        np.float32
    )
    small[..., :3] *= dim
    small[..., :3] *= small[..., 3:] / 255
    if blur > 0.3:
        edge = int(2 * blur) + 1
        wide = cv2.copyMakeBorder(small, edge, edge, edge, edge, cv2.BORDER_CONSTANT)
        small = np.asarray(cv2.GaussianBlur(wide, (0, 0), blur), np.float32)
        y += edge
        h, w = small.shape[:2]
    left, top = x - w // 2, y - h
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, scene.shape[1]), min(top + h, scene.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    piece, under = small[y0 - top : y1 - top, x0 - left : x1 - left], scene[y0:y1, x0:x1]
    under[:] = np.clip(piece[..., :3] + under * (1 - piece[..., 3:] / 255), 0, 255).astype(np.uint8)


def grounded(
    rng: Rng, scene: Picture, x: int, y: int, long_px: int, dim: float = 1.0, blur: float = 0.0
) -> None:
    """A thing with a soft dark patch under its foot."""
    cut = thing(int(rng.integers(POOL)))
    half = max(2, round(long_px * cut.shape[1] / max(cut.shape[:2]) * 0.5))
    pad = max(3, half // 2)
    x0, x1, y0, y1 = (
        max(x - half - pad, 0),
        min(x + half + pad, scene.shape[1]),
        max(y - half // 2 - pad, 0),
        min(y + half // 2 + pad, scene.shape[0]),
    )
    if x1 - x0 > 2 and y1 - y0 > 2:
        dark = np.ones((y1 - y0, x1 - x0), np.float32)
        cv2.ellipse(
            dark, (x - x0, y - y0), (half, max(1, half // 4)), 0, 0, 360, float(rng.uniform(0.4, 0.75)), -1
        )
        dark = cv2.blur(dark, (pad, pad))
        scene[y0:y1, x0:x1] = (scene[y0:y1, x0:x1] * dark[..., None]).astype(np.uint8)
    put(scene, cut, x, y, long_px, dim, blur)


def table(rng: Rng, size_px: int) -> Picture:
    """A table or floor in perspective with a wall behind it."""
    horizon = int(size_px * rng.uniform(0.08, 0.6))
    scene = wall(rng, size_px)
    scene[horizon:] = floor(rng, tile(rng), size_px - horizon, size_px, float(rng.uniform(1.5, 5)))
    if rng.random() < 0.5:
        skirt = max(2, int(size_px * rng.uniform(0.01, 0.06)))
        scene[max(horizon - skirt, 0) : horizon] = srgb(rng)
    if rng.random() < 0.6:
        edge = max(2, size_px // 40)
        dark = np.linspace(rng.uniform(0.55, 0.9), 1, edge)[:, None, None]
        scene[horizon : horizon + edge] = (scene[horizon : horizon + edge] * dark).astype(np.uint8)
    return scene


def wall(rng: Rng, size_px: int) -> Picture:
    """Paint, wallpaper, tiles or bricks."""
    if rng.random() < 0.6:
        scene = np.empty((size_px, size_px, 3), np.uint8)
        scene[:] = srgb(rng, (90, 245), 45)
        return scene
    name = rng.choice(["bricks", "tiles", "concrete", "stripes", "flowers", "planks", "stone"])
    return laid(rng, tile(rng, str(name)), size_px)


def furniture(rng: Rng, scene: Picture, horizon: int) -> None:
    """Cupboards, frames, windows, curtains, doors behind."""
    size = scene.shape[0]
    for _ in range(int(rng.integers(1, 6))):
        kind = rng.random()
        w, h = (int(v) for v in rng.uniform(0.1, 0.5, 2) * size)
        x = int(rng.uniform(-0.1, 0.95) * size)
        if kind < 0.3:
            _cupboard(rng, scene, x, horizon + int(0.05 * size), w, h)
        elif kind < 0.55:
            _frame(rng, scene, x, int(rng.uniform(0, 0.5) * size), w, h)
        elif kind < 0.7:
            _window(rng, scene, x, int(rng.uniform(-0.1, 0.2) * size), w, h)
        elif kind < 0.82:
            _curtain(rng, scene, x, w)
        else:
            shelf(rng, scene, int(rng.uniform(0.15, 0.9) * max(horizon, 0.3 * size)), x, w + h)


def _cupboard(rng: Rng, scene: Picture, x: int, foot: int, w: int, h: int) -> None:
    tone = srgb(rng)
    body = scene[max(foot - h, 0) : max(foot, 0), max(x, 0) : max(x + w, 0)]
    if not body.size:
        return
    body[:] = tone
    if rng.random() < 0.5:
        body[:] = cv2.resize(tile(rng, "tabletop"), (body.shape[1], body.shape[0]))
    for k in range(1, int(rng.integers(1, 4))):
        body[k * body.shape[0] // 4 :][:2] = tone * 0.5
    body[:, -max(1, body.shape[1] // 6) :] = (body[:, -max(1, body.shape[1] // 6) :] * 0.7).astype(np.uint8)


def _frame(rng: Rng, scene: Picture, x: int, y: int, w: int, h: int) -> None:
    rim = max(2, min(w, h) // 10)
    art = laid(rng, tile(rng), max(w, h, 8))[:h, :w]
    outer, inner = (
        scene[max(y, 0) : y + h, max(x, 0) : max(x + w, 0)],
        scene[max(y, 0) + rim : y + h - rim, max(x, 0) + rim : max(x + w - rim, 0)],
    )
    outer[:] = srgb(rng)
    inner[:] = art[: inner.shape[0], : inner.shape[1]]


def _window(rng: Rng, scene: Picture, x: int, y: int, w: int, h: int) -> None:
    pane = scene[max(y, 0) : max(y + 2 * h, 0), max(x, 0) : max(x + w, 0)]
    if not pane.size:
        return
    light = np.linspace(255, rng.uniform(170, 250), len(pane))[:, None, None]
    pane[:] = (light * rng.uniform(0.9, 1, 3)).astype(np.uint8)
    bar = srgb(rng, (60, 240), 15)
    step = max(pane.shape[1] // 2, 3)
    for k in range(0, pane.shape[1], step):
        pane[:, k : k + 2] = bar
    pane[:: max(pane.shape[0] // 3, 3)] = bar


def _curtain(rng: Rng, scene: Picture, x: int, w: int) -> None:
    cloth = scene[:, max(x, 0) : max(x + w, 0)]
    folds = 0.8 + 0.2 * np.sin(np.linspace(0, rng.uniform(10, 40), cloth.shape[1]) + rng.normal(0, 0.3))
    cloth[:] = np.clip(srgb(rng, (90, 245)) * folds[None, :, None], 0, 255).astype(np.uint8)


def shelf(rng: Rng, scene: Picture, y: int, x: int, w: int) -> None:
    """A board with books and things on it."""
    size = scene.shape[0]
    thick = max(2, size // 60)
    at = x
    while at < x + w:
        if rng.random() < 0.6:
            for _ in range(int(rng.integers(2, 8))):
                bw, bh = max(2, int(size * rng.uniform(0.01, 0.035))), int(size * rng.uniform(0.09, 0.18))
                scene[max(y - bh, 0) : max(y, 0), max(at, 0) : max(at + bw, 0)] = srgb(rng)
                at += bw
        else:
            long_px = int(size * rng.uniform(0.08, 0.2))
            put(
                scene,
                thing(int(rng.integers(POOL))),
                at + long_px // 2,
                y,
                long_px,
                float(rng.uniform(0.6, 1)),
            )
            at += long_px
        at += int(size * rng.uniform(0, 0.06))
    scene[max(y, 0) : y + thick, max(x, 0) : max(x + w, 0)] = srgb(rng)


def bokeh(rng: Rng, scene: Picture) -> Picture:
    """Discs of lights that are out of focus, added to `scene`."""
    size = scene.shape[0]
    glow = np.zeros((size, size, 3), np.float32)
    for _ in range(int(rng.integers(5, 40))):
        at = tuple(int(v) for v in rng.uniform(0, size, 2))
        tone = tuple(float(c) for c in srgb(rng, (60, 220), 90) * rng.uniform(0.2, 0.8))
        cv2.circle(glow, at, max(2, int(size * rng.uniform(0.01, 0.07))), tone, -1, cv2.LINE_AA)
    return np.clip(scene + cv2.blur(glow, (3, 3)), 0, 255).astype(np.uint8)


def room(rng: Rng, size_px: int) -> Picture:
    """A room, table or shelf full of other things, sharp, softly blurred or far out of focus.

    What stands in its middle is small or unsharp, and what is large and sharp is cut by the frame: it is never a
    product that the picture could be of.
    """
    scene = table(rng, size_px)
    horizon = int(size_px * rng.uniform(0.25, 0.6))
    if rng.random() < 0.85:
        furniture(rng, scene, horizon)
    focus = rng.random()
    if focus < 0.5:
        clutter(rng, scene, int(rng.integers(1, 7)), (0.3, 0.9), (0.12, 0.5))
        scene = _unsharp(scene, size_px * float(rng.uniform(0.008, 0.05)))
        if rng.random() < 0.3:
            scene = bokeh(rng, scene)
    else:
        clutter(rng, scene, int(rng.integers(1, 7)), (0.3, 0.6), (0.06, 0.2))
        if focus < 0.7:
            scene = _unsharp(scene, size_px * 0.004)
    if rng.random() < 0.6:
        clutter(rng, scene, int(rng.integers(1, 4)), (0.6, 1.15), (0.12, 0.42), edge=True)
    return scene


def clutter(
    rng: Rng,
    scene: Picture,
    count: int,
    rows: tuple[float, float],
    longest: tuple[float, float],
    edge: bool = False,
) -> None:
    """Things `longest` large standing between `rows` (shares of the frame), far ones first.

    `edge`: only at the frame's sides.
    """
    size = scene.shape[0]
    for y in sorted(rng.uniform(*rows, count)):
        x = (
            rng.uniform(-0.05, 1.05)
            if not edge
            else rng.choice([rng.uniform(-0.12, 0.1), rng.uniform(0.9, 1.12)])
        )
        soft = float(size * rng.uniform(0, 0.02)) if rng.random() < 0.35 else 0.0
        dim = float(rng.uniform(0.5, 1.1))
        grounded(rng, scene, int(x * size), int(y * size), int(size * rng.uniform(*longest)), dim, soft)


def _unsharp(scene: Picture, sigma: float) -> Picture:
    """Blurred by `sigma` px, on a small copy where the blur is wide."""
    size = scene.shape[0]
    small = max(1, int(sigma / 1.5))
    if small == 1:
        return np.asarray(cv2.GaussianBlur(scene, (0, 0), max(sigma, 0.3)), np.uint8)
    copy = cv2.resize(scene, (size // small, size // small), interpolation=cv2.INTER_AREA)
    copy = cv2.GaussianBlur(copy, (0, 0), sigma / small)
    return np.asarray(cv2.resize(copy, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
