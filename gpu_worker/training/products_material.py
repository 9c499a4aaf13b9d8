"""What surfaces are made of: texture pictures, gloss, bumps and glass. Colours are linear light, 0 to 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.training.products_mesh import Floats

TILE_PX = 256
Rng = np.random.Generator
Colour = NDArray[np.float32]


@dataclass(frozen=True)
class Material:
    """`texture` h × w × 3 linear colour, repeated over uv. `rough` 0 mirror to 1 chalk; `shine` reflection head-on;
    `bump` h × w heights with `depth`; `opaque` < 1 is glass: its cover seen head-on (its rim is solid)."""

    texture: Floats
    rough: float = 0.6
    shine: float = 0.04
    metal: bool = False
    bump: Floats | None = None
    depth: float = 0.0
    opaque: float = 1.0
    sheen: float = 0.0

    def tiled(self, u: float, v: float) -> Material:
        """The same pattern, whole times finer."""
        tile = np.tile(self.texture, (max(1, round(v)), max(1, round(u)), 1))
        return replace(
            self,
            texture=np.asarray(
                cv2.resize(tile, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA), np.float32
            ),
        )


def linear(rgb: tuple[float, float, float]) -> Colour:
    """sRGB levels 0 to 255 as linear light."""
    return ((np.array(rgb, np.float32) / 255) ** np.float32(2.2)).astype(np.float32)


BLACK = linear((22, 22, 24))


def plain(colour: Colour) -> Floats:
    """A texture of one colour."""
    return np.full((2, 2, 3), colour, np.float32)


def hsv(h: float, s: float, v: float) -> Colour:
    """Linear colour from hue (0 to 1), saturation and sRGB brightness."""
    i = np.array([5, 3, 1])
    k = (i + h * 6) % 6
    return linear(tuple(255 * (v - v * s * np.clip(np.minimum(k, 4 - k), 0, 1))))


def colour(rng: Rng) -> Colour:
    """A colour as products have it: a third white, grey or black, else saturated, pastel or earthy."""
    kind = rng.random()
    if kind < 0.14:
        return linear((float(rng.uniform(225, 252)),) * 3) * np.float32(rng.uniform(0.94, 1, 3))
    if kind < 0.28:
        return linear((float(rng.uniform(8, 45)),) * 3) * np.float32(rng.uniform(0.85, 1, 3))
    if kind < 0.38:
        return linear((float(rng.uniform(60, 200)),) * 3)
    if kind < 0.62:
        return hsv(rng.random(), float(rng.uniform(0.6, 1)), float(rng.uniform(0.5, 1)))
    if kind < 0.80:
        return hsv(rng.random(), float(rng.uniform(0.12, 0.5)), float(rng.uniform(0.7, 0.97)))
    return hsv(
        float(rng.normal(0.09, 0.05)) % 1, float(rng.uniform(0.2, 0.7)), float(rng.uniform(0.25, 0.85))
    )


@cache
def noise(seed: int = 0, cells: int = 4, fall: float = 0.55) -> Floats:
    """A tileable fractal noise picture, TILE_PX square, 0 to 1."""
    rng = np.random.default_rng(seed + 1000 * cells)
    total = np.zeros((TILE_PX, TILE_PX), np.float32)
    weight = 1.0
    while cells <= TILE_PX // 2:
        lattice = np.pad(rng.random((cells, cells), dtype=np.float32), 2, mode="wrap")
        step = TILE_PX // cells
        wide = cv2.resize(lattice, ((cells + 4) * step,) * 2, interpolation=cv2.INTER_CUBIC)
        total += wide[2 * step : -2 * step, 2 * step : -2 * step] * np.float32(weight)
        weight *= fall
        cells *= 2
    total -= total.min()
    return total / total.max()


@cache
def _wood_grain(seed: int) -> Floats:
    bend, fibre = noise(seed, 2), noise(seed + 1, 4)
    v = np.arange(TILE_PX, dtype=np.float32)[:, None] / TILE_PX
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (6 * v + 2.2 * bend))
    streak = cv2.GaussianBlur(
        noise(seed + 2, 64), (0, 0), sigmaX=14, sigmaY=0.6, borderType=cv2.BORDER_REFLECT
    )
    streak = (streak - streak.min()) / np.ptp(streak)
    return np.clip(0.45 * rings + 0.35 * streak + 0.3 * fibre - 0.05, 0, 1).astype(np.float32)


@cache
def _weave(threads: int) -> Floats:
    v, u = np.mgrid[0:TILE_PX, 0:TILE_PX].astype(np.float32) * (np.pi * threads / TILE_PX)
    over = (np.floor(u / np.pi) + np.floor(v / np.pi)) % 2
    return np.where(over > 0, np.abs(np.sin(u)), np.abs(np.sin(v))).astype(np.float32)


def mixed(a: Colour, b: Colour, share: Floats) -> Floats:
    """Colours between `a` and `b` by `share` (h × w)."""
    return (a + (b - a) * share[..., None]).astype(np.float32)


def solid(material: Material) -> Material:
    """The same without its pattern, for straps and small parts."""
    return replace(material, texture=plain(material.texture.mean(axis=(0, 1))), bump=None)


def dyed(material: Material, c: Colour) -> Material:
    """The same in one colour; of its pattern only a trace stays, as relief and shade do on white or black goods."""
    tone = material.texture.mean(axis=2, keepdims=True)
    trace = np.clip(tone / max(float(tone.mean()), 1e-3), 0.4, 1.4) ** np.float32(0.25)
    return replace(material, texture=np.clip(c * trace, 0, 1).astype(np.float32))


def matte(c: Colour, rough: float = 0.9) -> Material:
    """Unglazed clay, painted wood, rubber."""
    return Material(
        mixed(c * 0.93, np.minimum(c * 1.05, 1), noise(3)), rough, 0.03, bump=noise(4, 32), depth=0.15
    )


def plastic(c: Colour, rough: float = 0.15) -> Material:
    """Moulded plastic or lacquer."""
    return Material(plain(c), rough, 0.045)


def ceramic(c: Colour, rng: Rng) -> Material:
    """Glaze, now and then speckled."""
    if rng.random() < 0.35:
        speck = (noise(int(rng.integers(8)), 64) > 0.66).astype(np.float32)
        return Material(
            mixed(c, c * 0.35, np.asarray(cv2.GaussianBlur(speck, (0, 0), 0.8), np.float32)), 0.2, 0.05
        )
    return Material(plain(c), float(rng.uniform(0.05, 0.3)), 0.05)


METALS = ((215, 215, 220), (190, 192, 196), (235, 196, 120), (222, 160, 130), (150, 150, 158), (70, 72, 78))


def metal(rng: Rng, kind: int | None = None) -> Material:
    """Steel, silver, gold, copper, gun metal; polished or brushed."""
    tint = linear(METALS[int(rng.integers(len(METALS))) if kind is None else kind])
    if rng.random() < 0.35:
        brushed = cv2.GaussianBlur(noise(5, 64), (0, 0), sigmaX=20, sigmaY=0.5, borderType=cv2.BORDER_REFLECT)
        brushed = (brushed - brushed.min()) / np.ptp(brushed)
        return Material(mixed(tint * 0.75, tint, brushed), 0.45, 0.9, True, brushed, 0.12)
    return Material(plain(tint), float(rng.uniform(0.0, 0.3)), 0.9, True)


def wood(rng: Rng) -> Material:
    """Pine to ebony, oiled or lacquered."""
    pale = hsv(float(rng.uniform(0.05, 0.11)), float(rng.uniform(0.3, 0.65)), float(rng.uniform(0.4, 0.95)))
    grain = _wood_grain(int(rng.integers(6)))
    return Material(
        mixed(pale, pale * float(rng.uniform(0.3, 0.6)), grain),
        float(rng.uniform(0.3, 0.8)),
        0.04,
        bump=grain,
        depth=0.2,
    )


def fabric(c: Colour, rng: Rng) -> Material:
    """Woven cloth with visible or fine threads."""
    threads = int(rng.choice([32, 48, 64, 96]))
    cloth = _weave(threads)
    share = np.clip(cloth * 0.6 + noise(int(rng.integers(6)), 8) * 0.5 - 0.1, 0, 1).astype(np.float32)
    return Material(
        mixed(c * 0.55, np.minimum(c * 1.06, 1), share), 0.95, 0.02, bump=cloth, depth=0.35, sheen=0.12
    )


def leather(c: Colour, rng: Rng) -> Material:
    """Grained leather."""
    grain = noise(int(rng.integers(6)), 32, 0.7)
    return Material(
        mixed(c * 0.75, np.minimum(c * 1.05, 1), grain),
        float(rng.uniform(0.3, 0.55)),
        0.045,
        bump=grain,
        depth=0.7,
    )


def fur(c: Colour) -> Material:
    """Plush pile."""
    pile = noise(9, 64, 0.8)
    return Material(
        mixed(c * 0.45, np.minimum(c * 1.1, 1), pile), 1.0, 0.02, bump=pile, depth=1.6, sheen=0.35
    )


def glass(rng: Rng, tint: Colour | None = None) -> Material:
    """Clear or coloured glass: little seen head-on, solid at its rim."""
    clear = rng.random() < 0.5
    c = tint if tint is not None else (linear((228, 236, 234)) if clear else hsv(rng.random(), 0.5, 0.6))
    return Material(
        plain(c), 0.03, 0.06, opaque=float(rng.uniform(0.2, 0.45) if clear else rng.uniform(0.5, 0.85))
    )


def any_material(rng: Rng, c: Colour | None = None) -> Material:
    """Anything a hard thing may be made of."""
    c = colour(rng) if c is None else c
    makers: list[Callable[[], Material]] = [
        lambda: matte(c),
        lambda: plastic(c, float(rng.uniform(0.05, 0.5))),
        lambda: plastic(c, float(rng.uniform(0.05, 0.5))),
        lambda: ceramic(c, rng),
        lambda: metal(rng),
        lambda: wood(rng),
        lambda: leather(c, rng),
        lambda: fabric(c, rng),
    ]
    return makers[int(rng.integers(len(makers)))]()
