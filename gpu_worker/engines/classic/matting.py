"""From a hard mask to a soft edge at full size: each edge pixel is placed between the colours on its two sides.

Works upwards through sizes and in tiles along the edge, so that 12 megapixels stay within bounds.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Alpha, Mask, Rgb
from gpu_worker.engines.classic import shapes
from gpu_worker.tiles import tiles

Float = NDArray[np.float32]
BAND_PX = 6
TILE_PX = 384
HALO_PX = 40
FIRST_LEVEL_PX = 1280


def refine(rgb: Rgb, mask: Mask) -> Alpha:
    """Alpha (H × W of `rgb`) from `mask` of any smaller size with the same shape."""
    height_px, width_px = rgb.shape[:2]
    alpha: Alpha = mask.astype(np.float32)
    for level_px in _levels(max(height_px, width_px)):
        scale = min(1.0, level_px / max(height_px, width_px))
        size = max(1, round(width_px * scale)), max(1, round(height_px * scale))
        picture = rgb
        if size != (width_px, height_px):
            picture = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        alpha = _refine_at(picture, _enlarged(alpha, size))
    return alpha


def _levels(longest_px: int) -> list[int]:
    """Sizes to refine at, each at most twice the one before; a photo little larger than the first is done at once."""
    levels = [longest_px]
    while levels[0] > 1.5 * FIRST_LEVEL_PX:
        levels.insert(0, max(FIRST_LEVEL_PX, -(-levels[0] // 2)))
    return levels


def _enlarged(alpha: Alpha, size: tuple[int, int]) -> Alpha:
    if alpha.shape[::-1] == size:
        return alpha
    steps = size[0] / alpha.shape[1]
    wide = cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR)
    # The staircase of the small mask is rounded off before its outline is read.
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), max(0.6, 0.6 * steps)), np.float32)


def _refine_at(rgb: Rgb, soft: Alpha) -> Alpha:
    mask = soft > 0.5
    inside, outside = shapes.shrunk(mask, BAND_PX), ~shapes.grown(mask, BAND_PX)
    band = ~inside & ~outside
    alpha = mask.astype(np.float32)
    for here, around, inner in tiles(band, TILE_PX, HALO_PX):
        found = _matte(rgb[around], mask[around], inside[around], outside[around])
        alpha[here] = np.where(band[here], found[inner], alpha[here])
    return alpha


def _matte(rgb: Rgb, mask: Mask, inside: Mask, outside: Mask) -> Alpha:
    """Projection of each colour onto the line between local product and local backdrop colour; where these two hardly
    differ, the outline itself, slightly softened, is all there is to go by."""
    picture = rgb.astype(np.float32) / np.float32(255)
    half = max(2, BAND_PX // 2)
    front = _colour_of(picture, inside | shapes.shrunk(mask, half))
    back = _colour_of(picture, outside | ~shapes.grown(mask, half))
    line = front - back
    length2 = np.einsum("ijk,ijk->ij", line, line)
    along = np.einsum("ijk,ijk->ij", picture - back, line) / np.maximum(length2, 1e-4)
    # Noise at both ends of the line must not show as haze: the outer 6 % are cut off.
    along = np.clip((np.clip(along, 0, 1) - 0.06) / 0.88, 0, 1)
    trust = np.clip((np.sqrt(length2) - 0.04) / 0.12, 0, 1)
    outline = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2)
    alpha = trust * along + (1 - trust) * outline
    alpha[inside], alpha[outside] = 1.0, 0.0
    steered = np.mean([_guided(picture[..., c], alpha, 2, 1e-3) for c in range(3)], axis=0)
    out = 0.5 * alpha + 0.5 * np.clip(steered, 0, 1)
    return _near_outline(out, mask)


def _near_outline(alpha: Alpha, mask: Mask) -> Alpha:
    """What lies far from the outline may not contradict it: a print of paper's colour is still product."""
    far_in, far_out = shapes.shrunk(mask, 4), ~shapes.grown(mask, 4)
    out = alpha.copy()
    out[far_in] = np.maximum(out[far_in], 0.9)
    out[far_out] = np.minimum(out[far_out], 0.1)
    # Nearly solid is solid: only the true edge is mixed with a new backdrop.
    return np.clip((out - 0.03) / 0.94, 0, 1).astype(np.float32)


def _colour_of(picture: Float, known: Mask) -> Float:
    """The colour of the `known` side near each pixel: a blur under its own weight, carried on to where none is near."""
    weight = known.astype(np.float32)
    total = cv2.GaussianBlur(weight, (0, 0), 4.0)
    blurred = cv2.GaussianBlur(picture * weight[..., None], (0, 0), 4.0)
    mean = np.asarray(blurred / np.maximum(total, 1e-4)[..., None], np.float32)
    near = total > 0.02
    if near.all() or not near.any():
        return mean
    _, labels = cv2.distanceTransformWithLabels(
        (~near).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    source = np.zeros((labels.max() + 1, 3), np.float32)
    far = ~near
    # The known pixel nearest to an unknown one always borders on unknown ground.
    shore = near & shapes.grown(far, 1)
    source[labels[shore]] = mean[shore]
    mean[far] = source[labels[far]]
    return mean


def _guided(guide: Float, values: Float, radius_px: int, epsilon: float) -> Float:
    """K. He, J. Sun, X. Tang, "Guided Image Filtering" (2010), grey guide."""
    side = (2 * radius_px + 1,) * 2
    mean_g, mean_v = cv2.blur(guide, side), cv2.blur(values, side)
    slope = (cv2.blur(guide * values, side) - mean_g * mean_v) / (
        cv2.blur(guide * guide, side) - mean_g**2 + epsilon
    )
    return cv2.blur(slope, side) * guide + cv2.blur(mean_v - slope * mean_g, side)
