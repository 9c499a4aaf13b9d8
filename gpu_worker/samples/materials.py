"""Materials that products are made of, each a function of place and normal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpu_worker.samples import texture
from gpu_worker.samples.sdf import Floats, Points
from gpu_worker.samples.shading import Material, Surface

Rgb = tuple[float, float, float]


def paint(shape: Floats, colour: Rgb) -> NDArray[np.float32]:
    """One colour (given as sRGB 0 to 255, as a designer would) for every point, in linear light."""
    light = (np.array(colour) / 255.0) ** 2.2
    return np.broadcast_to(light.astype(np.float32), (*shape.shape, 3)).copy()


def mix(one: NDArray[np.float32], two: NDArray[np.float32], share: Floats) -> NDArray[np.float32]:
    """`share` of two, the rest of one."""
    return (one * (1 - share[..., None]) + two * share[..., None]).astype(np.float32)


def glazed(colour: Rgb, speckle: float = 0.0, rough: float = 0.10, seed: int = 1) -> Material:
    """Glossy ceramic or enamel, with dark specks if wanted."""

    def material(p: Points, n: Points) -> Surface:
        base = paint(p[0], colour)
        cloud = texture.noise(p[0] + p[2], p[1], 3.0, seed)
        base *= (0.94 + 0.12 * cloud)[..., None]
        if speckle:
            round_ = np.arctan2(p[0], p[2]) * np.float32(0.8)
            flecks = np.maximum(
                texture.specks(round_, p[1], 0.11, seed + 3),
                texture.specks(round_ + 9, p[1] + 5, 0.05, seed + 4) * 0.6,
            )
            base = mix(base, base * 0.30, flecks * np.float32(speckle))
        return Surface(base, rough, gloss=0.045, normal=lambda: texture.wrinkle(n, p, 2.5, 0.03, seed))

    return material


def matte(colour: Rgb, rough: float = 0.7, bump: float = 0.06, scale: float = 0.6, seed: int = 2) -> Material:
    """Unglazed clay, soft plastic, painted wood."""

    def material(p: Points, n: Points) -> Surface:
        shade = texture.noise(p[0] + p[2] * 0.6, p[1] + p[2] * 0.4, scale * 2, seed)
        base = paint(p[0], colour) * (0.92 + 0.16 * shade)[..., None]
        return Surface(base, rough, normal=lambda: texture.wrinkle(n, p, scale, bump, seed))

    return material


def leather(colour: Rgb, seed: int = 3) -> Material:
    """Fine grain, a soft sheen, and worn lighter here and there."""

    def material(p: Points, n: Points) -> Surface:
        worn = texture.grain(p[0] + p[2], p[1], 2.4, seed)
        pores = texture.grain(p[0] * np.float32(1.1) + p[2], p[1] + p[2] * np.float32(0.3), 0.5, seed + 4)
        base = paint(p[0], colour) * (0.82 + 0.32 * worn)[..., None] * (0.84 + 0.28 * pores)[..., None]
        return Surface(base, 0.40, gloss=0.05, normal=lambda: texture.wrinkle(n, p, 0.55, 0.34, seed))

    return material


def cloth(colour: Rgb, pitch: float = 0.022, depth: float = 0.10, seed: int = 5) -> Material:
    """Woven threads that catch the light."""

    def material(p: Points, n: Points) -> Surface:
        threads = texture.weave(p[0] + p[2] * 0.5, p[1] + p[2] * 0.5, pitch)
        cloud = texture.noise(p[0] + p[2], p[1] - p[2], 1.8, seed)
        base = paint(p[0], colour) * (0.90 + 0.14 * cloud)[..., None] * (1 + 0.5 * depth * threads)[..., None]
        return Surface(base, 0.9, gloss=0.02, normal=lambda: texture.wrinkle(n, p, 0.12, depth, seed))

    return material


def metal(colour: Rgb, rough: float = 0.18, brushed: float = 0.0) -> Material:
    """Polished, or brushed round its axis."""

    def material(p: Points, n: Points) -> Surface:
        def brushed_normal() -> Points:
            lines = texture.noise(np.hypot(p[0], p[1]), p[2], 0.18, 7) - np.float32(0.5)
            y = n[1] + np.float32(brushed) * lines
            length = np.sqrt(n[0] ** 2 + y**2 + n[2] ** 2)
            return n[0] / length, y / length, n[2] / length

        return Surface(paint(p[0], colour), rough, metal=1.0, normal=brushed_normal if brushed else None)

    return material


def timber(pale: Rgb, dark: Rgb, seed: int = 4) -> Material:
    """Oiled wood, its grain upright."""

    def material(p: Points, n: Points) -> Surface:
        grain = texture.wood(p[1] * 2.0, p[0] + p[2], seed)
        return Surface(mix(paint(p[0], pale), paint(p[0], dark), grain), 0.45)

    return material
