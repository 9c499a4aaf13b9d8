"""Moves pixels from the source box to the canvas: once, in linear light, alpha premultiplied. QA repeats
it to check."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float32]  # C × H × W
# Gives the planes of some rows and columns of the source, so that a large photo is never held as floats at once.
Reader = Callable[[slice, slice], Planes]
Band = tuple[int, int, int, int, NDArray[np.float32]]

STRIP_ROWS = 256
# Outputs that share one small matrix product; found by trying 16 to 128.
BAND = 32
TILE_PX = 256
LANCZOS_REACH, CUBIC_REACH = 3.0, 2.0


def resize(read: Reader, source_px: tuple[int, int], size_px: tuple[int, int]) -> Planes:
    """The source (width, height) resampled to `size_px` (width, height), C × H × W.

    Shrinking uses Lanczos with a reach of three output pixels, so nothing aliases and fabric stays crisp; enlarging the
    cubic kernel of R. Keys (1981) with a = -1/2, which rings less. Both axes are products with banded matrices.
    """
    (width_in, height_in), (width_px, height_px) = source_px, size_px
    across, down = _bands(width_in, width_px), _bands(height_in, height_px)
    middle: Planes | None = None
    for top in range(0, height_in, STRIP_ROWS):
        rows = slice(top, min(height_in, top + STRIP_ROWS))
        strip = read(rows, slice(0, width_in))
        if middle is None:
            middle = np.empty((len(strip), height_in, width_px), np.float32)
        for low, high, first, last, weights in across:
            np.matmul(strip[:, :, first:last], weights.T, out=middle[:, rows, low:high])
    assert middle is not None
    out = np.empty((len(middle), height_px, width_px), np.float32)
    for low, high, first, last, weights in down:
        np.matmul(weights, middle[:, first:last], out=out[:, low:high])
    return out


@lru_cache(maxsize=8)
def _bands(count_in: int, count_out: int) -> tuple[Band, ...]:
    """The resampling matrix of one axis in bands: outputs low:high are `weights` times inputs first:last."""
    step = count_in / count_out
    wider = max(1.0, step)
    reach = (LANCZOS_REACH if step > 1 else CUBIC_REACH) * wider
    kernel = _lanczos if step > 1 else _cubic
    bands = []
    for low in range(0, count_out, BAND):
        high = min(count_out, low + BAND)
        first = max(0, math.floor((low + 0.5) * step - reach))
        last = min(count_in, math.ceil((high - 0.5) * step + reach))
        centres = (np.arange(low, high) + 0.5) * step
        weights = kernel((np.arange(first, last)[None] + 0.5 - centres[:, None]) / wider)
        weights /= weights.sum(axis=1, keepdims=True)
        bands.append((low, high, first, last, weights.astype(np.float32)))
    return tuple(bands)


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(x) < LANCZOS_REACH, np.sinc(x) * np.sinc(x / LANCZOS_REACH), 0.0)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < CUBIC_REACH, far, 0.0))


def turn(
    read: Reader,
    source_px: tuple[int, int],
    size_px: tuple[int, int],
    to_source: NDArray[np.float64],
    zoom: float,
) -> Planes:
    """The source turned and scaled in one warp to `size_px` (width, height), C × H × W; 0 where there is no source.

    `to_source` (2 × 3) maps continuous output coordinates to source coordinates; `zoom` is output pixels per source
    pixel. Where that shrinks, each output pixel is the mean of k × k cubic samples, k the next whole 1 / zoom.
    """
    width_px, height_px = size_px
    samples = max(1, math.ceil(1 / zoom))
    out: Planes | None = None
    for top in range(0, height_px, TILE_PX):
        for left in range(0, width_px, TILE_PX):
            size = min(TILE_PX, width_px - left), min(TILE_PX, height_px - top)
            tile = _turned_tile(read, source_px, (left, top), size, to_source, samples)
            if tile is None:
                continue
            if out is None:
                out = np.zeros((len(tile), height_px, width_px), np.float32)
            out[:, top : top + size[1], left : left + size[0]] = tile
    if out is None:
        return np.zeros((len(read(slice(0, 1), slice(0, 1))), height_px, width_px), np.float32)
    return out


def _turned_tile(
    read: Reader,
    source_px: tuple[int, int],
    at: tuple[int, int],
    size: tuple[int, int],
    to_source: NDArray[np.float64],
    samples: int,
) -> Planes | None:
    corners = np.array([[x, y, 1.0] for x in (at[0], at[0] + size[0]) for y in (at[1], at[1] + size[1])])
    seen = corners @ to_source.T
    left, top = np.maximum(0, np.floor(seen.min(axis=0)).astype(int) - 4)
    right, bottom = np.minimum(source_px, np.ceil(seen.max(axis=0)).astype(int) + 4)
    if left >= right or top >= bottom:
        return None
    planes = read(slice(int(top), int(bottom)), slice(int(left), int(right)))
    # Index i of the finer grid is the continuous place at + (i + 1/2) / samples; OpenCV counts from pixel centres.
    linear = to_source[:, :2] / samples
    shift = to_source @ np.array([at[0] + 0.5 / samples, at[1] + 0.5 / samples, 1.0]) - (
        left + 0.5,
        top + 0.5,
    )
    matrix = np.column_stack([linear, shift])
    fine = size[0] * samples, size[1] * samples
    turned = [
        cv2.warpAffine(plane, matrix, fine, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderValue=0.0)
        for plane in planes
    ]
    if samples > 1:
        turned = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in turned]
    return np.stack(turned)


def sharpened(planes: Planes, amount: float) -> Planes:
    """Unsharp masking in linear light, `amount` of the difference to a blur of 0.8 px; never beyond what the 3 × 3
    neighbourhood holds, so no edge gets a halo."""
    return np.stack([_sharpened(plane, amount) for plane in planes])


def _sharpened(plane: NDArray[np.float32], amount: float) -> NDArray[np.float32]:
    soft = cv2.GaussianBlur(plane, (5, 5), 0.8)
    crisp = cv2.addWeighted(plane, 1 + amount, soft, -amount, 0)
    around = np.ones((3, 3), np.uint8)
    return np.asarray(np.clip(crisp, cv2.erode(plane, around), cv2.dilate(plane, around)), np.float32)
