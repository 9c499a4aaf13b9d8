"""What composites are made of: cut-outs, whole photos with a mask, and backdrops, all small and in memory."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.training.labels import PHOTO_SUFFIXES, listed

Rgb = NDArray[np.uint8]  # H × W × 3
Rgba = NDArray[np.uint8]  # H × W × 4, straight alpha

FOREGROUND_PX = 232
BACKDROP_PX = 256
HELD_OUT_SHARE = 0.08


@dataclass
class Bank:
    """`cutouts`: products cropped to their box, by source. `photos`: whole photos whose alpha is the mask.
    `backdrops`: pictures without a product, or with one that is in the way. `textures`: bare surfaces."""

    cutouts: dict[str, list[Rgba]] = field(default_factory=dict)
    photos: list[Rgba] = field(default_factory=list)
    backdrops: list[Rgb] = field(default_factory=list)
    textures: list[Rgb] = field(default_factory=list)

    def add(self, source: str, cutouts: Iterable[Rgba]) -> None:
        """Files cut-outs under the name of their source, which decides how often they are drawn."""
        self.cutouts.setdefault(source, []).extend(cutouts)


def held_out(name: str) -> bool:
    """Whether everything of this product is kept from training, to validate on. Decided by its name alone."""
    return hashlib.sha256(name.encode()).digest()[0] < 256 * HELD_OUT_SHARE


def product_of(file: str) -> str:
    """The product that a file shows: its name without the number of the view, ``cl_boot01_3.png`` → ``cl_boot01``."""
    stem = Path(file).stem.split("__")[-1]
    return re.sub(r"[-_]\d{1,2}$", "", stem)


def products_in(index: Path) -> frozenset[str]:
    """The products that a bench folder's ``index.json`` measures with: none of them may be trained on."""
    return frozenset(product_of(entry["cut"]) for entry in json.loads(index.read_text()))


def read_labelled(folder: Path) -> Iterator[tuple[str, Rgba]]:
    """(product, whole photo with its mask as alpha) of what `labels.label` wrote."""
    for file in sorted(folder.rglob("*.png")):
        yield product_of(file.name), np.asarray(Image.open(file).convert("RGBA"))


def read_cutouts(
    folder: Path, never: frozenset[str] = frozenset(), longest_px: int = FOREGROUND_PX
) -> Iterator[tuple[str, Rgba]]:
    """(product, cut-out) of a folder of RGBA files; alpha from a sibling folder ``alpha-gt`` where there is one.

    Opaque files are left out, and those that a folder of better alphas leaves out.
    """
    truths = folder.parent / "alpha-gt"
    for entry in listed(folder):
        product = product_of(entry.path.name)
        if product in never:
            continue
        picture = Image.open(entry.path)
        if "A" not in picture.getbands() and "transparency" not in picture.info:
            continue
        rgba = np.asarray(picture.convert("RGBA")).copy()
        truth = truths / f"{entry.path.stem}.png"
        if truth.is_file():
            rgba[..., 3] = np.asarray(Image.open(truth).convert("L"))
        elif truths.is_dir():
            continue
        if (rgba[..., 3] > 128).any():
            yield product, cropped(rgba, longest_px)


def read_backdrops(folder: Path) -> Iterator[Rgb]:
    """Pictures of which any part may lie behind a product, shorter side BACKDROP_PX at most."""
    for entry in listed(folder):
        if entry.path.suffix.lower() not in PHOTO_SUFFIXES:
            continue
        rgb = np.asarray(Image.open(entry.path).convert("RGB"))
        scale = min(1.0, BACKDROP_PX / min(rgb.shape[:2]))
        yield np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def cropped(rgba: Rgba, longest_px: int = FOREGROUND_PX) -> Rgba:
    """The product's box with two pixels of margin, made smaller to `longest_px`, averaged under its own alpha."""
    inside = rgba[..., 3] > 127
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box = rgba[max(0, rows[0] - 2) : rows[-1] + 3, max(0, columns[0] - 2) : columns[-1] + 3]
    scale = min(1.0, longest_px / max(box.shape[:2]))
    size = max(2, round(box.shape[1] * scale)), max(2, round(box.shape[0] * scale))
    alpha = box[..., 3:].astype(np.float32) / 255
    light = cv2.resize(
        np.concatenate([box[..., :3] * alpha, alpha * 255], axis=2), size, interpolation=cv2.INTER_AREA
    )
    out = np.concatenate([light[..., :3] / np.maximum(light[..., 3:] / 255, 1 / 255), light[..., 3:]], axis=2)
    return np.clip(np.round(out), 0, 255).astype(np.uint8)


def freed(photo: Rgba, longest_px: int = FOREGROUND_PX) -> Rgba:
    """The product of a whole photo, its soft edge freed from the colour of the backdrop that it stood on."""
    from gpu_worker.stages.place import own_colours

    rgb = own_colours(
        np.ascontiguousarray(photo[..., :3]), np.asarray(photo[..., 3] / np.float32(255), np.float32)
    )
    return cropped(np.dstack([rgb, photo[..., 3]]), longest_px)
