"""Surfaces for backdrops: wood, cloth, stone, tiles and more as tileable pictures, laid flat or in perspective."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.training.products_material import noise
from gpu_worker.training.products_mesh import Floats

TILE_PX = 256
VARIANTS = 6
Picture = NDArray[np.uint8]
Rng = np.random.Generator


def srgb(rng: Rng, bright: tuple[float, float] = (30, 245), vivid: float = 60.0) -> Floats:
    """A colour (3, sRGB levels): a grey of any brightness within `bright`, tinted by up to `vivid` levels."""
    base = rng.uniform(*bright)
    return np.clip(base + rng.uniform(-1, 1, 3) * rng.uniform(0, vivid), 0, 255).astype(np.float32)


def _axes() -> tuple[Floats, Floats]:
    v, u = (np.mgrid[0:TILE_PX, 0:TILE_PX].astype(np.float32) + 0.5) / TILE_PX
    return u, v


def _scaled(field: Floats) -> Floats:
    return (field - field.min()) / max(float(np.ptp(field)), 1e-6)


def _streaks(seed: int, along: float, cells: int = 64) -> Floats:
    """Noise drawn out along u."""
    k = int(along) * 2 + 1
    drawn = cv2.blur(np.tile(noise(seed, cells), (1, 3)), (k, 1))[:, TILE_PX : 2 * TILE_PX]
    return _scaled(np.asarray(drawn, np.float32))


def _planks(seed: int) -> Floats:
    u, v = _axes()
    count = 2 + seed % 4
    board = np.floor(v * count)
    shift = (board * 0.37 + u) % 1
    moved = noise(seed, 2)[(v * 255).astype(int), ((shift * 255) + board * 61).astype(int) % 256]
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (v * 11 + moved * 3.0))
    tone = (board * 0.618) % 1
    grain = 0.35 * rings + 0.35 * _streaks(seed + 1, 20) + 0.25 * tone
    gap = np.minimum(np.abs(v * count - board), np.abs(v * count - board - 1)) < 0.025
    ends = np.abs(shift - 0.5) < 0.004
    return np.where(gap | ends, 1.0, np.clip(grain, 0, 0.95)).astype(np.float32)


def _tabletop(seed: int) -> Floats:
    _, v = _axes()
    bend = noise(seed, 2)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (v * (4 + seed) + bend * 2.5))
    return _scaled(0.5 * rings + 0.5 * _streaks(seed, 25) + 0.2 * bend)


def _weave(seed: int) -> Floats:
    u, v = _axes()
    k = (16, 24, 32, 40, 56, 64)[seed % VARIANTS]
    over = (np.floor(u * k) + np.floor(v * k)) % 2
    threads = np.where(over > 0, np.abs(np.sin(np.pi * u * k)), np.abs(np.sin(np.pi * v * k)))
    return _scaled(threads + 0.8 * noise(seed, 8))


def _knit(seed: int) -> Floats:
    u, v = _axes()
    k = (10, 14, 18, 22, 26, 32)[seed % VARIANTS]
    lean = np.abs((u * k) % 1 - 0.5)
    loops = 0.5 + 0.5 * np.cos(2 * np.pi * (v * k * 1.0 + lean * 1.2))
    return _scaled(loops * (0.4 + np.sin(np.pi * (u * k % 1))) + 0.4 * noise(seed, 16))


def _marble(seed: int) -> Floats:
    a, b = noise(seed, 4), noise(seed + 9, 2)
    veins = 1 - np.minimum(1, np.abs(a - 0.5) * (14 + 4 * (seed % 3)))
    return _scaled(veins**2 * (0.3 + b) + 0.35 * b)


def _concrete(seed: int) -> Floats:
    return _scaled(noise(seed, 4, 0.7) + 0.5 * (noise(seed + 3, 64, 0.8) > 0.7))


def _grass(seed: int) -> Floats:
    blades = cv2.blur(np.tile(noise(seed, 64, 0.9), (3, 1)), (1, 9))[TILE_PX : 2 * TILE_PX]
    return _scaled(1.2 * _scaled(np.asarray(blades, np.float32)) + 0.5 * noise(seed + 2, 8))


def _tiles(seed: int) -> Floats:
    u, v = _axes()
    k = (3, 4, 6, 8, 2, 12)[seed % VARIANTS]
    row = np.floor(v * k)
    shift = u * k + (0.5 * row if seed % 2 else 0)
    gap = np.maximum(np.abs((v * k) % 1 - 0.5), np.abs(shift % 1 - 0.5)) > 0.475
    tone = (np.floor(shift) % k * 0.754 + row * 0.569) % 1
    return np.where(gap, 1.0, 0.25 * tone + 0.35 * noise(seed, 8)).astype(np.float32)


def _bricks(seed: int) -> Floats:
    u, v = _axes()
    across, down = (4, 5, 6, 3, 4, 8)[seed % VARIANTS], 2 * (4, 5, 6, 4, 3, 8)[seed % VARIANTS]
    row = np.floor(v * down)
    x = u * across + 0.5 * (row % 2)
    gap = (np.abs((v * down) % 1 - 0.5) > 0.43) | (np.abs(x % 1 - 0.5) > 0.465)
    tone = (np.floor(x) % across * 0.754 + row * 0.569) % 1
    return np.where(gap, 1.0, 0.5 * tone + 0.45 * noise(seed, 32, 0.7)).astype(np.float32)


def _carpet(seed: int) -> Floats:
    return _scaled(noise(seed, 64, 0.95) + 0.5 * noise(seed + 1, 8))


def _stone(seed: int) -> Floats:
    """Cells of a pavement: distance to the nearest of strewn points, tileable."""
    rng = np.random.default_rng(seed)
    dots = np.full((3 * TILE_PX, 3 * TILE_PX), 255, np.uint8)
    at = rng.integers(0, TILE_PX, (12 + 10 * (seed % 4), 2))
    for dy in range(3):
        for dx in range(3):
            dots[at[:, 0] + dy * TILE_PX, at[:, 1] + dx * TILE_PX] = 0
    _, cell = cv2.distanceTransformWithLabels(dots, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    middle = slice(TILE_PX, 2 * TILE_PX)
    labels = cell[middle, middle].astype(np.float32)
    seam = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
    tone = (labels * np.float32(0.618)) % 1
    return np.where(seam, 1.0, 0.5 * tone + 0.45 * noise(seed, 16)).astype(np.float32)


def _brushed(seed: int) -> Floats:
    return _scaled(_streaks(seed, 60) + 0.4 * noise(seed, 2))


def _leather(seed: int) -> Floats:
    return _scaled(noise(seed, 32, 0.75) + 0.3 * noise(seed, 4))


def _terrazzo(seed: int) -> Floats:
    chips = noise(seed, 32, 0.3)
    level = np.where(chips > 0.62, 0.95, np.where(chips < 0.34, 0.5, 0.1))
    return cv2.GaussianBlur((level + 0.1 * noise(seed, 64)).astype(np.float32), (0, 0), 0.7)


def _polka(seed: int) -> Floats:
    u, v = _axes()
    k = (4, 6, 8, 10, 14, 20)[seed % VARIANTS]
    x, y = u * k % 1 - 0.5, v * k % 1 - 0.5
    r = np.minimum(np.hypot(x, y), np.hypot(np.abs(x) - 0.5, np.abs(y) - 0.5))
    return np.clip(0.85 * np.clip((0.22 - r) * TILE_PX / k + 0.5, 0, 1) + 0.15 * noise(seed, 32), 0, 1)


def _stripes(seed: int) -> Floats:
    u, v = _axes()
    k = (3, 5, 8, 12, 16, 24)[seed % VARIANTS]
    band = (u if seed % 2 else v) * k % 1
    return np.clip(0.8 * (band < 0.25 + 0.1 * (seed % 4)) + 0.2 * noise(seed, 32), 0, 1).astype(np.float32)


def _gingham(seed: int) -> Floats:
    u, v = _axes()
    k = (4, 6, 8, 12, 16, 20)[seed % VARIANTS]
    return np.clip(0.4 * (u * k % 1 < 0.5) + 0.4 * (v * k % 1 < 0.5) + 0.2 * noise(seed, 32), 0, 1).astype(
        np.float32
    )


def _flowers(seed: int) -> Floats:
    """Strewn blossoms, as on wallpaper and bedding."""
    rng = np.random.default_rng(seed)
    page = np.zeros((TILE_PX, TILE_PX), np.float32)
    t = np.linspace(0, 2 * np.pi, 48)
    for _ in range(14 + 12 * (seed % 3)):
        x, y = rng.integers(0, TILE_PX, 2)
        r = rng.uniform(6, 22) * (0.7 + 0.3 * np.cos(rng.integers(3, 7) * t + rng.uniform(0, 6)))
        tone = float(rng.uniform(0.3, 1))
        for dx in (-TILE_PX, 0, TILE_PX):
            for dy in (-TILE_PX, 0, TILE_PX):
                line = np.column_stack([x + dx + r * np.cos(t), y + dy + r * np.sin(t)])
                cv2.fillPoly(page, [np.round(line * 16).astype(np.int32)], tone, cv2.LINE_AA, 4)
    return np.clip(page * 0.85 + 0.15 * noise(seed, 16), 0, 1)


def _crumple(seed: int) -> Floats:
    """Creased cloth: light along folds that lie any way."""
    a, b = noise(seed, 2, 0.5), noise(seed + 5, 4, 0.5)
    ridge = 1 - np.abs(2 * a - 1) ** 0.6 + 0.5 * (1 - np.abs(2 * b - 1) ** 0.6)
    slope = np.roll(ridge, 3, 0) - np.roll(ridge, -3, 0) + np.roll(ridge, 2, 1) - np.roll(ridge, -2, 1)
    return np.clip(0.5 + slope * 0.9 + 0.12 * (noise(seed, 64) - 0.5), 0, 1).astype(np.float32)


PATTERNS: dict[str, Callable[[int], Floats]] = {
    "planks": _planks, "tabletop": _tabletop, "weave": _weave, "knit": _knit, "marble": _marble, "concrete": _concrete,
    "grass": _grass, "tiles": _tiles, "bricks": _bricks, "carpet": _carpet, "stone": _stone, "brushed": _brushed,
    "leather": _leather, "terrazzo": _terrazzo, "polka": _polka, "stripes": _stripes, "gingham": _gingham,
    "flowers": _flowers, "crumple": _crumple,
}  # fmt: skip
PALETTES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "planks": (
        (214, 176, 128),
        (164, 114, 70),
        (120, 84, 56),
        (222, 214, 200),
        (92, 70, 56),
        (168, 152, 136),
    ),
    "tabletop": ((206, 160, 108), (150, 98, 58), (100, 66, 44), (226, 204, 170), (70, 48, 36)),
    "marble": ((240, 238, 234), (60, 60, 64), (206, 214, 208), (232, 222, 206)),
    "concrete": ((176, 174, 170), (120, 120, 122), (205, 200, 192), (80, 80, 82)),
    "grass": ((96, 130, 58), (128, 146, 74), (66, 96, 44)),
    "bricks": ((170, 92, 70), (150, 120, 100), (222, 218, 210), (112, 70, 58)),
    "leather": ((120, 74, 44), (40, 36, 34), (170, 120, 80), (110, 40, 36)),
    "brushed": ((190, 192, 196), (120, 122, 128), (70, 72, 76)),
    "stone": ((160, 150, 138), (110, 108, 106), (190, 180, 160)),
}


@cache
def _pattern(name: str, seed: int) -> Picture:
    return np.round(np.clip(PATTERNS[name](seed), 0, 1) * 255).astype(np.uint8)


def tile(rng: Rng, name: str | None = None) -> Picture:
    """A tileable picture of one surface (TILE_PX² × 3 sRGB), in colours such things have."""
    name = tuple(PATTERNS)[int(rng.integers(len(PATTERNS)))] if name is None else name
    grey = _pattern(name, int(rng.integers(VARIANTS)))
    natural = PALETTES.get(name)
    if natural is not None and rng.random() < 0.85:
        first = np.array(natural[int(rng.integers(len(natural)))], np.float32) + rng.normal(0, 12, 3)
        last = (
            first * rng.uniform(0.35, 0.75)
            if rng.random() < 0.8
            else 255 - (255 - first) * rng.uniform(0.3, 0.8)
        )
    else:
        first = srgb(rng).astype(np.float64)
        last = first + (srgb(rng) - first) * rng.uniform(0.25, 1)
    share = np.linspace(0, 1, 256)[:, None] ** rng.uniform(0.6, 1.6)
    table = np.clip(first + (last - first) * share, 0, 255).astype(np.uint8)
    return np.asarray(table[grey], np.uint8)


def laid(rng: Rng, picture: Picture, size_px: int) -> Picture:
    """A surface seen straight on or from a little aside, filling the frame (size_px² × 3)."""
    angle = rng.choice([0, 90]) + rng.normal(0, 4) if rng.random() < 0.6 else rng.uniform(0, 180)
    spans = float(rng.uniform(0.6, 2.6))
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    k = TILE_PX * spans / size_px
    to_tile = np.array(
        [[c * k, -s * k, rng.uniform(0, TILE_PX)], [s * k, c * k, rng.uniform(0, TILE_PX)], [0, 0, 1]]
    )
    if rng.random() < 0.4:
        to_tile[2, :2] = rng.uniform(-0.25, 0.25, 2) / size_px
    return _warped(picture, to_tile, size_px, size_px)


def floor(rng: Rng, picture: Picture, height: int, width: int, steep: float) -> Picture:
    """A horizontal surface running away to its far edge at the top of the picture (height × width × 3).

    `steep`: how many times smaller the pattern is at the far edge than at the near one.
    """
    turn = rng.uniform(-35, 35) if rng.random() < 0.6 else rng.choice([0.0, 90.0])
    spans = float(rng.uniform(0.5, 1.8)) * TILE_PX / width
    fall = (steep - 1) / max(height, 1)
    # Row y from the top is seen at distance 1 / (1 + fall * y).
    plane = np.array(
        [[spans * steep, 0, -spans * steep * width / 2], [0, 0, TILE_PX * steep], [0, fall, 1.0]]
    )
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    shift = np.array([[c, -s, rng.uniform(0, TILE_PX)], [s, c, rng.uniform(0, TILE_PX)], [0, 0, 1]])
    return _warped(picture, shift @ plane, height, width)


def _warped(picture: Picture, to_tile: NDArray[np.float64], height: int, width: int) -> Picture:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpPerspective(picture, to_tile, (width, height), flags=flags, borderMode=cv2.BORDER_WRAP),
        np.uint8,
    )
