"""Moves pixels from the source box to the canvas: once, in linear light, alpha premultiplied. QA repeats
it to check."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Float = NDArray[np.float32]


def resize(values: Float, size_px: tuple[int, int]) -> Float:
    """`values` (H × W × C) resampled to `size_px` (width, height); unchanged where the size already fits.

    Pillow's kernels widen when shrinking, so nothing aliases. Lanczos keeps fabric crisp when shrinking; enlarging uses
    the bicubic kernel, which rings less.
    """
    height_px, width_px = values.shape[:2]
    if (width_px, height_px) == size_px:
        return values
    shrinks = size_px[0] < width_px
    kernel = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(values[..., c])).resize(size_px, kernel))
        for c in range(values.shape[2])
    ]
    return np.stack(planes, axis=-1)
