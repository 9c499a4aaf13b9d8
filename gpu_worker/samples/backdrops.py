"""Where samples are photographed: white, a grey sweep, coloured paper, a wooden table, a cluttered shelf."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.samples import materials as m
from gpu_worker.samples import sdf, shading, texture, trace
from gpu_worker.samples.sdf import Field, Floats, Points

Colours = NDArray[np.float32]
PAPERS = {"paper-teal": (126, 176, 172), "paper-sand": (222, 196, 160)}
PLAIN = ("white", "grey", *PAPERS)
SHADOW_STEP = 4


def floor_colour(kind: str) -> Colours:
    """What the floor throws back onto the product (3, linear light)."""
    colour = {
        "white": (244, 244, 244),
        "grey": (188, 188, 190),
        "wood": (158, 112, 72),
        "shelf": (150, 118, 88),
    }
    return m.paint(np.zeros(1, np.float32), colour.get(kind) or PAPERS[kind])[0]


def draw(kind: str, field: Field, camera: trace.Camera, size_px: int, reach: float, seed: int) -> Colours:
    """The scene without the product but with its shadow (H × W × 3, linear light)."""
    shadow = _shadow(field, camera, size_px, reach)
    if kind in PLAIN:
        return _sweep(kind, size_px) * shadow[..., None]
    if kind == "wood":
        return _table(camera, size_px, shadow, seed)
    return _shelf(camera, size_px, shadow, seed)


def _floor_points(camera: trace.Camera, size_px: int) -> tuple[Points, Floats]:
    """Where each pixel's ray meets the floor, and how far off; rays above the horizon end far away."""
    y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float32) + np.float32(0.5)
    rays = camera.rays(x.ravel(), y.ravel(), size_px)
    origin, *_ = camera.axes()
    t = np.where(rays[1] < -1e-3, -np.float32(origin[1]) / np.minimum(rays[1], -1e-3), np.float32(400))
    t = np.minimum(t, np.float32(400)).astype(np.float32)
    return trace.at(origin, rays, t), t


def _shadow(field: Field, camera: trace.Camera, size_px: int, reach: float) -> Floats:
    """Light left on the floor (H × W, 1 = all): contact darkening and the key light's soft shadow."""
    small = max(64, size_px // SHADOW_STEP)
    p, t = _floor_points(camera, small)
    near = np.flatnonzero((t < 399) & (np.hypot(p[0], p[2]) < 3.2 * reach))
    left = np.ones(small * small, np.float32)
    if near.size:
        spot: Points = (p[0][near], np.full(near.size, 2e-3, np.float32), p[2][near])
        up: Points = (np.zeros_like(spot[0]), np.ones_like(spot[0]), np.zeros_like(spot[0]))
        sky = trace.openness(field, spot, up, 0.55 * reach)
        key = trace.lit(field, spot, up, shading.KEY.centre, 0.55, 1.6 * reach)
        fill = trace.lit(field, spot, up, shading.FILL.centre, 0.7, 1.2 * reach)
        left[near] = (0.22 + 0.78 * sky) * (0.62 + 0.28 * key + 0.10 * fill)
    grid = cv2.GaussianBlur(left.reshape(small, small), (0, 0), 1.0)
    return np.clip(cv2.resize(grid, (size_px, size_px), interpolation=cv2.INTER_CUBIC), 0, 1)


def _sweep(kind: str, size_px: int) -> Colours:
    """Paper that curves up behind the product: a slow gradient and a pool of light."""
    y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float32) / np.float32(size_px)
    pool = np.exp(-((x - 0.46) ** 2 + (y - 0.42) ** 2) / np.float32(0.42))
    if kind == "white":
        level = 0.985 + 0.06 * pool
        return np.clip(np.repeat(level[..., None], 3, axis=2), 0, 1).astype(np.float32)
    colour = floor_colour(kind)
    level = 0.74 + 0.38 * pool - 0.10 * np.abs(y - 0.55)
    return (level[..., None] * colour).astype(np.float32)


def _table(camera: trace.Camera, size_px: int, shadow: Floats, seed: int) -> Colours:
    """Oak boards under the product and an unsharp room behind them."""
    p, _ = _floor_points(camera, size_px)
    board = np.floor(p[2] / np.float32(0.62))
    shift = board * np.float32(3.7)
    grain = texture.wood(p[0] + shift, p[2] * np.float32(1.1) + shift, seed + 1)
    tone = 0.86 + 0.28 * ((board * np.float32(0.618)) % 1)
    colour = m.mix(m.paint(p[0], (186, 136, 86)), m.paint(p[0], (104, 64, 36)), grain) * tone[..., None]
    gap = np.abs(p[2] / np.float32(0.62) - np.round(p[2] / np.float32(0.62)))
    colour *= (0.25 + 0.75 * texture.smoothstep(0.004, 0.022, gap))[..., None]
    light = 0.95 - 0.35 * texture.smoothstep(0.0, 9.0, np.hypot(p[0] + 1.5, p[2] - 1.0))
    table = (colour * light[..., None]).reshape(size_px, size_px, 3) * shadow[..., None]
    far = 1 - texture.smoothstep(-5.6, -3.4, p[2])
    room = _unsharp_room(size_px, seed)
    share = cv2.GaussianBlur(far.reshape(size_px, size_px), (0, 0), size_px / 160)[..., None]
    return (table * (1 - share) + room * share).astype(np.float32)


def _muted(rng: np.random.Generator) -> NDArray[np.float64]:
    """A colour as things at home have it (sRGB 0 to 255)."""
    base = np.array((146.0, 126.0, 106.0)) * rng.uniform(0.35, 1.45)
    return np.clip(base + rng.integers(-28, 29, 3), 10, 240)


def _unsharp_room(size_px: int, seed: int) -> Colours:
    """A wall with a window, a plant and a cupboard, far out of focus."""
    rng = np.random.default_rng(seed + 40)
    small = 160
    room = np.empty((small, small, 3), np.float32)
    room[:] = (np.array((206, 200, 188)) / 255.0) ** 2.2
    for _ in range(9):
        colour = tuple(float(c) for c in (_muted(rng) / 255.0) ** 2.2)
        x, y = (int(v) for v in rng.integers(0, small, 2))
        w, h = (int(v) for v in rng.integers(14, 60, 2))
        if rng.random() < 0.6:
            cv2.rectangle(room, (x, y), (x + w, y + h), colour, -1)
        else:
            cv2.circle(room, (x, y), w // 2, colour, -1)
    unsharp = cv2.GaussianBlur(room, (0, 0), 4.5)
    return np.asarray(cv2.resize(unsharp, (size_px, size_px), interpolation=cv2.INTER_CUBIC), np.float32)


def _shelf(camera: trace.Camera, size_px: int, shadow: Floats, seed: int) -> Colours:
    """A shelf board in front of a wall, full of other things; drawn small and a little out of focus."""
    small = max(96, size_px // 3)
    p, _ = _floor_points(camera, small)
    board = m.mix(
        m.paint(p[0], (170, 128, 88)),
        m.paint(p[0], (112, 76, 48)),
        texture.wood(p[0], p[2] * np.float32(1.4), seed + 2),
    )
    wall = (
        m.paint(p[0], (186, 178, 164))
        * (0.7 + 0.5 * texture.noise(p[0] * 0 + p[2] * 0, p[0], 9.0, 3))[..., None]
    )
    scene = np.where((p[2] > -2.6)[..., None], board, wall).reshape(small, small, 3).astype(np.float32)
    parts = _clutter(seed)
    hits = trace.shoot(shading.union(parts), camera, small, 3.6)
    colours = shading.shade(parts, hits, camera, small, 2.2, floor_colour("shelf"))
    ground = _shadow(shading.union(parts), camera, small, 2.4)
    scene = scene * ground[..., None] * np.float32(0.8)
    flat = scene.reshape(-1, 3)
    cover = hits.alpha.reshape(-1)[hits.index, None]
    flat[hits.index] = colours * cover * np.float32(0.85) + flat[hits.index] * (1 - cover)
    unsharp = cv2.GaussianBlur(flat.reshape(small, small, 3), (0, 0), max(0.6, small / 330))
    wide = cv2.resize(unsharp, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    return (np.clip(wide, 0, 1) * shadow[..., None]).astype(np.float32)


def _clutter(seed: int) -> list[shading.Part]:
    """Books, jars and a bowl beside and behind the product."""
    rng = np.random.default_rng(seed + 7)
    parts: list[shading.Part] = []
    for x in (-2.55, -2.2, -1.88, -1.6, 1.35, 1.72, 2.05, 2.4):
        tall, thick = float(rng.uniform(0.8, 1.35)), float(rng.uniform(0.11, 0.17))
        colour = tuple(float(c) for c in _muted(rng))
        lean = float(rng.uniform(-5, 5))

        def book(
            q: Points, x: float = x, tall: float = tall, thick: float = thick, lean: float = lean
        ) -> Floats:
            return sdf.box(sdf.turned(sdf.moved(q, x, tall, -1.9), "z", lean), thick, tall, 0.6, 0.02)

        parts.append(shading.Part(book, m.cloth(colour)))  # type: ignore[arg-type]
    for x, z, r, colour in (
        (-1.25, -1.1, 0.34, (70, 110, 120)),
        (1.55, -0.6, 0.42, (208, 186, 150)),
        (0.7, -2.0, 0.4, (150, 60, 50)),
    ):
        profile = [(0.0, r * 0.8), (0.3 * r, r), (1.6 * r, r * 0.9), (2.2 * r, r * 0.5), (2.6 * r, r * 0.55)]

        def jar(
            q: Points, x: float = x, z: float = z, profile: list[tuple[float, float]] = profile
        ) -> Floats:
            return sdf.lathe(sdf.moved(q, x, 0, z), profile, 0.65)

        parts.append(shading.Part(jar, m.glazed(colour)))
    return parts
