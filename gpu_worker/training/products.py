"""Endless drawn product cut-outs with exact alpha, for training: `product(rng)`, or a sheet of them to look at:

python -m gpu_worker.training.products OUT.png --count 64 --seed 0
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.training import products_carry as carry
from gpu_worker.training import products_home as home
from gpu_worker.training import products_jewel as jewel
from gpu_worker.training import products_kitchen as kitchen
from gpu_worker.training import products_material as material
from gpu_worker.training import products_pack as pack
from gpu_worker.training import products_shoes as shoes
from gpu_worker.training import products_tech as tech
from gpu_worker.training import products_tools as tools
from gpu_worker.training import products_toys as toys
from gpu_worker.training import products_wear as wear
from gpu_worker.training.products_light import studio
from gpu_worker.training.products_render import render
from gpu_worker.training.products_shading import Part
from gpu_worker.training.products_thing import Thing

FAMILIES: dict[str, Callable[[np.random.Generator], Thing]] = {
    "mug": kitchen.mug,
    "bottle": kitchen.bottle,
    "jar": kitchen.jar,
    "teapot": kitchen.teapot,
    "glassware": kitchen.glassware,
    "cutlery": kitchen.cutlery,
    "pan": kitchen.pan,
    "tube": kitchen.tube,
    "chair": home.chair,
    "table": home.table,
    "lamp": home.lamp,
    "plant": home.plant,
    "cushion": home.cushion,
    "candle": home.candle,
    "box": pack.box,
    "book": pack.book,
    "clock": pack.clock,
    "basket": home.basket,
    "bag": carry.bag,
    "backpack": carry.backpack,
    "shoe": shoes.shoe,
    "shirt": wear.shirt,
    "trousers": wear.trousers,
    "hat": wear.hat,
    "watch": jewel.watch,
    "ring": jewel.ring,
    "earrings": jewel.earrings,
    "necklace": jewel.necklace,
    "spectacles": jewel.spectacles,
    "towel": wear.towel,
    "phone": tech.phone,
    "camera": tech.camera,
    "headphones": tech.headphones,
    "cable": tech.cable,
    "car": tech.car,
    "hammer": tools.hammer,
    "wrench": tools.wrench,
    "key": tools.key,
    "scissors": tools.scissors,
    "ball": toys.ball,
    "guitar": toys.guitar,
    "racket": toys.racket,
    "wheels": toys.wheels,
    "plush": toys.plush,
    "rack": tools.rack,
    "composition": tools.composition,
}
NAMES = tuple(FAMILIES)


def product(rng: np.random.Generator, size_px: int = 288, family: str | None = None) -> NDArray[np.uint8]:
    """A random product: H × W × 4 RGBA with straight alpha, its longest side `size_px`, 2 px free all round.

    Alpha is the exact cover in sixteenths of a pixel (less for glass). Raises KeyError for an unknown family.
    """
    name = NAMES[int(rng.integers(len(NAMES)))] if family is None else family
    thing = FAMILIES[name](rng)
    return render(_dyed(rng, thing.parts), thing.view, studio(rng), size_px)


def _dyed(rng: np.random.Generator, parts: list[Part]) -> list[Part]:
    """Now and then a product all in white, in black or in one colour: what cut-outs find hardest."""
    kind = rng.random()
    if kind > 0.25:
        return parts
    level = rng.uniform(225, 252) if kind < 0.12 else rng.uniform(6, 32)
    tone = material.linear((float(level),) * 3) if kind < 0.2 else material.colour(rng)
    return [
        Part(part.mesh, part.material if part.material.opaque < 1 else material.dyed(part.material, tone))
        for part in parts
    ]


def sheet(count: int, seed: int, cell_px: int = 288, family: str | None = None) -> NDArray[np.uint8]:
    """`count` products side by side on greys from white to black (BGR)."""
    across = int(np.ceil(np.sqrt(count)))
    down = -(-count // across)
    page = np.empty((down * cell_px, across * cell_px, 3), np.uint8)
    for k in range(down * across):
        y, x = divmod(k, across)
        cell = page[y * cell_px : (y + 1) * cell_px, x * cell_px : (x + 1) * cell_px]
        cell[:] = (255, 236, 205, 120)[(x + y) % 4]
        if k >= count:
            continue
        cut = product(np.random.default_rng((seed, k)), cell_px - 8, family)
        h, w = cut.shape[:2]
        place = cell[(cell_px - h) // 2 :, (cell_px - w) // 2 :][:h, :w]
        share = cut[..., 3:].astype(np.float32) / 255
        place[:] = np.round(cut[..., 2::-1] * share + place * (1 - share)).astype(np.uint8)
    return page


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gpu_worker.training.products", description="A sheet of drawn products."
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--family", choices=NAMES)
    options = parser.parse_args(arguments)
    picture = sheet(options.count, options.seed, family=options.family)
    if not cv2.imwrite(str(options.out), picture):
        parser.error(f"can't write {options.out}")


if __name__ == "__main__":
    main()
