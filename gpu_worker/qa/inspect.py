"""Measures any picture, made here or not. Without a matte the product is estimated as what differs from the border."""

from __future__ import annotations

import cv2
import numpy as np

from gpu_worker import pixels
from gpu_worker.engines.base import Mask, Rgb
from gpu_worker.qa import picture
from gpu_worker.stages.load import open_photo
from gpu_worker.stages.normalise import normalise

# JPEG leaves a few levels of noise around everything; shadows on white stay under this where they end.
DIFFERS_LEVELS = 10


def inspect(data: bytes) -> dict[str, float | int | str | bool]:
    """Measures by name. Raises UnusablePhoto or TooLarge."""
    image = open_photo(data)
    told = pixels.describe(data)
    rgb, alpha, colour = normalise(image)
    product = alpha >= 0.5 if alpha is not None else estimate_product(rgb)
    measures: dict[str, float | int | str | bool] = {
        **picture.size(told.width_px, told.height_px, told.format, len(data)),
        "longest_px": max(told.width_px, told.height_px),
        "has_alpha": alpha is not None,
        "colour_source": colour,
        "frames": told.frames,
        "product_estimated": alpha is None,
    }
    measures |= picture.backdrop(rgb) | picture.placement(product) | picture.clipped(rgb, product)
    measures["sharpness"] = picture.sharpness(rgb, product)
    return measures


def estimate_product(rgb: Rgb) -> Mask:
    """H × W: what differs from the border's median colour, without specks. All False on a blank picture."""
    height_px, width_px = rgb.shape[:2]
    ground = np.median(picture.border(rgb).astype(np.float32), axis=0)
    apart = np.abs(rgb.astype(np.int16) - ground.astype(np.int16)).max(axis=2)
    differs = (apart > DIFFERS_LEVELS).astype(np.uint8)
    speck_px = max(3, round(0.004 * min(height_px, width_px))) | 1
    return cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((speck_px, speck_px), np.uint8)).astype(bool)
