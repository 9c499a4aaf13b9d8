"""Draws a dozen believable product photos with exact alpha: for the demo, for tests and for measuring cut-outs.

Solids are traced through distance fields, so outlines, holes and shadows are right by construction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from gpu_worker.engines.base import Alpha, Rgb
from gpu_worker.samples import backdrops, hard, shading, soft, trace
from gpu_worker.samples.hard import Product

PRODUCTS = {
    "mug": hard.mug,
    "bottle": hard.bottle,
    "sneaker": soft.sneaker,
    "handbag": soft.handbag,
    "box": hard.box,
    "ornament": hard.ornament,
    "tshirt": soft.tshirt,
    "watch": hard.watch,
    "soap": hard.soap,
    "book": hard.book,
    "vase": hard.vase,
    "lamp": hard.lamp,
}
NAMES = tuple(PRODUCTS)
NOISE_LEVELS = 0.9


@dataclass(frozen=True)
class Sample:
    """`rgb` H × W × 3 uint8 sRGB; `alpha` H × W float32, the exact cover of each pixel; `backdrop` its kind."""

    name: str
    title: str
    rgb: Rgb
    alpha: Alpha
    backdrop: str

    @property
    def studio(self) -> bool:
        """Whether it was shot against a plain backdrop."""
        return self.backdrop in backdrops.PLAIN


def draw(name: str | int, size_px: int = 1600, seed: int = 0, backdrop: str | None = None) -> Sample:
    """One sample, the same for the same arguments. `backdrop` replaces the product's own.

    Raises KeyError or IndexError for a sample that is not there.
    """
    name = NAMES[name] if isinstance(name, int) else name
    product = PRODUCTS[name]()
    kind = backdrop or product.backdrop
    light, alpha = _photograph(product, kind, size_px, seed)
    return Sample(name, product.title, developed(light, seed), alpha, kind)


def all_samples(size_px: int = 1600, seed: int = 0) -> Iterator[Sample]:
    """Every sample, one after the other."""
    for name in NAMES:
        yield draw(name, size_px, seed)


def _photograph(product: Product, kind: str, size_px: int, seed: int) -> tuple[shading.Colours, Alpha]:
    """The scene in linear light and the product's cover."""
    camera, field = product.camera, shading.union(product.parts)
    hits = trace.shoot(field, camera, size_px, product.reach)
    colours = shading.shade(product.parts, hits, camera, size_px, product.reach, backdrops.floor_colour(kind))
    scene = backdrops.draw(kind, field, camera, size_px, product.reach, seed)
    flat = scene.reshape(-1, 3)
    cover = hits.alpha.reshape(-1)[hits.index, None]
    flat[hits.index] = colours * cover + flat[hits.index] * (1 - cover)
    return flat.reshape(size_px, size_px, 3), hits.alpha


def developed(light: shading.Colours, seed: int, grain_levels: float = NOISE_LEVELS) -> Rgb:
    """A camera's look (H × W × 3): highlights roll off, the lens softens a little, the sensor adds grain."""
    shoulder = np.where(light > 0.8, 0.8 + 0.2 * np.tanh((light - 0.8) / 0.2), light)
    # A backdrop lit beyond white stays white: what was 1 before the shoulder is 1 after it.
    shoulder = np.where(
        light >= 0.98, np.maximum(shoulder, 0.96 + (np.minimum(light, 1.04) - 0.98) * 0.66), shoulder
    )
    soft = cv2.GaussianBlur(shoulder.astype(np.float32), (0, 0), 0.55)
    levels = np.clip(soft, 0, 1) ** (1 / 2.2) * 255
    grain = np.random.default_rng(seed + 99).normal(0, grain_levels, levels.shape[:2]).astype(np.float32)
    return np.clip(np.round(levels + grain[..., None]), 0, 255).astype(np.uint8)
