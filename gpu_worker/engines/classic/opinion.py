"""What one way of cutting out says of a photo at work size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from gpu_worker.engines.base import Mask, Rgb


@dataclass(frozen=True)
class Opinion:
    """`mask` of the product at work size, how likely it is right (0 to 1), and the numbers that this comes from."""

    mask: Mask
    confidence: float
    notes: Mapping[str, float]


def shrunk(rgb: Rgb, longest_px: int) -> Rgb:
    """The photo with its longer side at `longest_px`, never enlarged."""
    scale = longest_px / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = max(8, round(rgb.shape[1] * scale)), max(8, round(rgb.shape[0] * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
