"""Fills the bank: reads folders, draws products and scenes, in as many processes as there are cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.training import bank as banks
from gpu_worker.training import labels
from gpu_worker.training.bank import Bank

Picture = NDArray[np.uint8]

# A forked copy of a process whose libraries hold threads can wait for ever on a lock that nobody holds any more.
CLEAN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Sources:
    """Where the bank comes from; see `python -m gpu_worker.training train --help`."""

    photos: tuple[Path, ...] = ()
    cutouts: tuple[Path, ...] = ()
    backdrops: tuple[Path, ...] = ()
    never: tuple[Path, ...] = ()
    drawn: int = 2500
    scenes: int = 1200
    seed: int = 0
    keep: Path | None = None
    longest_px: int = banks.FOREGROUND_PX
    held_only: bool = False


def one_thread() -> None:
    os.environ["WORKER_THREADS"] = "1"
    cv2.setNumThreads(1)


def gather(asked: Sources) -> tuple[Bank, Bank]:
    """(what is trained on, whole products held out for validation)."""
    never = frozenset().union(*(banks.products_in(index) for index in asked.never))
    train, held = Bank(), Bank()
    for folder in asked.photos:
        for product, photo in banks.read_labelled(folder):
            if product in never:
                continue
            into = held if banks.held_out(product) else train
            if into is train and asked.held_only:
                continue
            into.photos.append(photo)
            into.add("photos", [banks.freed(photo, asked.longest_px)])
    for folder in asked.cutouts:
        for product, cutout in banks.read_cutouts(folder, never, asked.longest_px):
            (held if banks.held_out(product) else train).add("cutouts", [cutout])
    out = {
        name: max(1, round(count * banks.HELD_OUT_SHARE))
        for name, count in (("drawn", asked.drawn), ("scene", asked.scenes // 2))
    }
    products, scenes = (out["drawn"], out["scene"]) if asked.held_only else (asked.drawn, asked.scenes // 2)
    drawn = _kept(asked.keep, "product", partial(_product, asked.longest_px), products, asked.seed)
    textures = _kept(asked.keep, "texture", _texture, scenes, asked.seed)
    rooms = _kept(asked.keep, "room", _room, scenes, asked.seed)
    held.add("drawn", drawn[: out["drawn"]])
    train.add("drawn", drawn[out["drawn"] :])
    for into, part in ((held, slice(0, out["scene"])), (train, slice(out["scene"], None))):
        into.textures.extend(textures[part])
        into.backdrops.extend(rooms[part])
    for folder in asked.backdrops:
        for index, backdrop in enumerate(banks.read_backdrops(folder)):
            (held if index % 12 == 0 else train).backdrops.append(backdrop)
    for name, bank in (("train", train), ("held out", held)):
        sizes = {source: len(cuts) for source, cuts in bank.cutouts.items()}
        print(
            f"{name}: {sizes}, {len(bank.photos)} whole photos, "
            f"{len(bank.textures)} textures, {len(bank.backdrops)} backdrops",
            flush=True,
        )
    return train, held


def _kept(
    folder: Path | None, name: str, draw: Callable[[int, int], Picture], count: int, seed: int
) -> list[Picture]:
    """`count` pictures of `draw(seed, index)`, taken from `folder` where they have been drawn before."""
    if folder is None:
        return list(_drawn(draw, seed, range(count)))
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}-{seed}-{index:05}.png" for index in range(count)]
    missing = [index for index, file in enumerate(files) if not file.is_file()]
    for index, picture in zip(missing, _drawn(draw, seed, missing), strict=True):
        Image.fromarray(picture).save(files[index], compress_level=1)
    return [np.asarray(Image.open(file)) for file in files]


def _drawn(draw: Callable[[int, int], Picture], seed: int, numbers: Sequence[int]) -> Iterator[Picture]:
    if numbers:
        with ProcessPoolExecutor(os.cpu_count() or 1, CLEAN, one_thread) as pool:
            yield from pool.map(draw, [seed] * len(numbers), numbers, chunksize=25)


def _product(longest_px: int, seed: int, index: int) -> Picture:
    from gpu_worker.training import products

    return products.product(np.random.default_rng((seed, index)), longest_px)


def _texture(seed: int, index: int) -> Picture:
    from gpu_worker.training import scenes

    return scenes.scene(np.random.default_rng((seed, 7, index)), banks.BACKDROP_PX, "texture")


def _room(seed: int, index: int) -> Picture:
    from gpu_worker.training import scenes

    return scenes.scene(np.random.default_rng((seed, 8, index)), banks.BACKDROP_PX, "room")


def label_all(photos: list[labels.Listed], out: Path, network: Path | None, workers: int) -> Iterator[int]:
    """Labels the photos in `workers` processes and writes those that are trusted; yields how many were, as it goes."""
    out.mkdir(parents=True, exist_ok=True)
    parts = [photos[i :: 4 * workers] for i in range(4 * workers)]
    kept = 0
    with ProcessPoolExecutor(workers, CLEAN, one_thread) as pool:
        for count in pool.map(_label_part, parts, [out] * len(parts), [network] * len(parts)):
            kept += count
            yield kept


def _label_part(photos: list[labels.Listed], out: Path, network: Path | None) -> int:
    from gpu_worker.engines.classic.engine import ClassicEngine

    kept = 0
    for photo, rgba in labels.label(photos, ClassicEngine(network=network)):
        if rgba is not None:
            Image.fromarray(rgba).save(out / f"{photo.path.parent.name}__{photo.path.stem}.png")
            kept += 1
    return kept
