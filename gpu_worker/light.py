"""Between sRGB levels and linear light, by table: light adds up and scales in linear light only."""

from __future__ import annotations

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
    light: Float = _TO_LIGHT[levels]
    return light


def to_levels(light: Float) -> NDArray[np.uint8]:
    """Linear light (clipped to 0 to 1) → the nearest sRGB levels, same shape."""
    steps = np.clip(light, 0.0, 1.0) * np.float32(_STEPS) + np.float32(0.5)
    levels: NDArray[np.uint8] = _TO_LEVEL[steps.astype(np.uint16)]
    return levels
