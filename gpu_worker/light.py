"""Between sRGB levels and linear light, by table: light adds up and scales in linear light only."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


def _decode(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1: encoded value (0 to 1) → linear light."""
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def _encode(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1: linear light → encoded value (0 to 1)."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


_TO_LIGHT = _decode(np.arange(256) / 255.0).astype(np.float32)
# 65,536 steps of light are 20 per level where levels are narrowest (the toe), so every level survives the round trip.
_STEPS = 65535
_TO_LEVEL = np.round(_encode(np.arange(_STEPS + 1) / _STEPS) * 255.0).astype(np.uint8)


def to_light(levels: NDArray[np.uint8]) -> Float:
    """sRGB levels 0 to 255 → linear light 0 to 1, same shape."""
    if not levels.size:
        return np.empty(levels.shape, np.float32)
    return np.asarray(cv2.LUT(_flat(levels), _TO_LIGHT), np.float32).reshape(levels.shape)


def to_levels(light: Float) -> NDArray[np.uint8]:
    """Linear light (clipped to 0 to 1) → the nearest sRGB levels, same shape."""
    if not light.size:
        return np.empty(light.shape, np.uint8)
    flat = _flat(light)
    # Saturates and rounds on the way to 16 bits.
    steps = cv2.addWeighted(flat, _STEPS, flat, 0, 0, dtype=cv2.CV_16U)
    return np.asarray(cv2.LUT(steps, _TO_LEVEL), np.uint8).reshape(light.shape)


def _flat(values: NDArray) -> NDArray:
    """Rows of one channel, as OpenCV's scalar operations want them; a view where the memory allows."""
    return np.ascontiguousarray(values).reshape(len(values) if values.ndim > 1 else 1, -1)
