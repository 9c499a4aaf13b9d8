"""Large pictures in tiles, so that memory stays bounded: each with a halo, for work that looks at its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Slices = tuple[slice, slice]


class Tile(NamedTuple):
    """`here`: the tile in the picture; `around`: with its halo; `inner`: the tile within what `around` cuts out."""

    here: Slices
    around: Slices
    inner: Slices


def tiles(wanted: NDArray, size_px: int, halo_px: int) -> Iterator[Tile]:
    """The tiles of `wanted` (H × W) in which anything is True, row by row, clipped to the picture."""
    height_px, width_px = wanted.shape
    for y in range(0, height_px, size_px):
        for x in range(0, width_px, size_px):
            bottom, right = min(height_px, y + size_px), min(width_px, x + size_px)
            here = slice(y, bottom), slice(x, right)
            if not wanted[here].any():
                continue
            top, left = max(0, y - halo_px), max(0, x - halo_px)
            around = (
                slice(top, min(height_px, y + size_px + halo_px)),
                slice(left, min(width_px, x + size_px + halo_px)),
            )
            yield Tile(here, around, (slice(y - top, bottom - top), slice(x - left, right - left)))


def enlarged(small: NDArray[np.float32], around: Slices, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The part `around` of a small picture (h × w or h × w × C), enlarged to the full `shape` (H, W)."""
    rows, columns = around
    down, across = small.shape[0] / shape[0], small.shape[1] / shape[1]
    matrix = np.array(
        [
            [across, 0, (columns.start + 0.5) * across - 0.5],
            [0, down, (rows.start + 0.5) * down - 0.5],
        ]
    )
    size = columns.stop - columns.start, rows.stop - rows.start
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(small, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
