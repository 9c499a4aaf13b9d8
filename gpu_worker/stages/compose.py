"""Puts the product's own pixels on the backdrop: resampled once at most, edges freed from the old backdrop's colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import light, resample
from gpu_worker.engines.base import Alpha, Rgb
from gpu_worker.stages.base import Light, Placement, State
from gpu_worker.tiles import tiles

TILE_PX = 512
WIDE_PX, NARROW_PX = 41, 9


class Compose:
    """Gives the picture: H × W × 3, or × 4 where the backdrop is transparent."""

    name = "compose"
    needs: tuple[str, ...] = ("rgb", "matte", "placement")
    gives: tuple[str, ...] = ("layer", "picture")
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.rgb is not None and state.matte is not None and state.placement is not None
        state.layer = product_layer(state.rgb, state.matte.alpha, state.placement)
        if state.backdrop is None:
            state.picture = _over_nothing(state.layer, state.shade, state.placement)
        else:
            state.picture = _over(state.backdrop, state.layer, state.shade, state.placement)


def product_layer(rgb: Rgb, alpha: Alpha, placement: Placement) -> Light:
    """The product at its final size: linear light × alpha, and alpha (H × W × 4, float32)."""
    x0, y0, x1, y1 = placement.box_px
    a = alpha[y0:y1, x0:x1]
    layer = np.empty((*a.shape, 4), np.float32)
    layer[..., :3] = light.to_light(own_colours(rgb[y0:y1, x0:x1], a)) * a[..., None]
    layer[..., 3] = a
    placed = resample.resize(layer, placement.size_px)
    if placed is layer:
        return layer
    # Ringing kernels leave 0.999 inside a solid product; its pixels must not be mixed with anything.
    placed[..., 3] = np.where(placed[..., 3] > 0.998, 1.0, np.clip(placed[..., 3], 0, 1))
    return np.clip(placed, 0.0, 1.0)


def own_colours(rgb: Rgb, alpha: Alpha) -> Rgb:
    """`rgb` with the old backdrop taken out of half-covered pixels; wholly covered pixels stay exactly as they are.

    Colours of both sides are estimated by blurring each under its own weight and corrected once with the pixel itself:
    M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021. Done in tiles, so memory stays bounded.
    """
    out = rgb.copy()
    soft = (alpha > 0) & (alpha < 1)
    for here, around, inner in tiles(soft, TILE_PX, WIDE_PX):
        pure = _estimate(rgb[around].astype(np.float32), alpha[around])[inner]
        levels = np.clip(np.round(pure), 0, 255).astype(np.uint8)
        np.copyto(out[here], levels, where=soft[here][..., None])
    return out


def _estimate(pixels: Light, alpha: Alpha) -> Light:
    front, back = pixels, pixels
    for size_px in (WIDE_PX, NARROW_PX):
        front, back = _pass(pixels, alpha[..., None], front, back, size_px)
    return front


def _pass(pixels: Light, a: Light, front: Light, back: Light, size_px: int) -> tuple[Light, Light]:
    kernel = (size_px, size_px)
    weight_front = cv2.blur(a, kernel)[..., None] + 1e-5
    weight_back = cv2.blur(1 - a, kernel)[..., None] + 1e-5
    mean_front = cv2.blur(front * a, kernel) / weight_front
    mean_back = cv2.blur(back * (1 - a), kernel) / weight_back
    error = pixels - a * mean_front - (1 - a) * mean_back
    return np.clip(mean_front + a * error, 0, 255), mean_back


def _windows(placement: Placement) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """(part of the canvas, part of the layer) that lie on one another; None where the layer misses the canvas."""
    (x, y), (width_px, height_px) = placement.at_px, placement.size_px
    left, top = max(0, x), max(0, y)
    right, bottom = min(placement.canvas_px[0], x + width_px), min(placement.canvas_px[1], y + height_px)
    if right <= left or bottom <= top:
        return None
    return (slice(top, bottom), slice(left, right)), (slice(top - y, bottom - y), slice(left - x, right - x))


def _over(backdrop: Light, layer: Light, shade: Alpha | None, placement: Placement) -> NDArray[np.uint8]:
    ground = backdrop if shade is None else backdrop * (1 - shade[..., None])
    picture = light.to_levels(ground)
    windows = _windows(placement)
    if windows is None:
        return picture
    there, here = windows
    part = layer[here]
    picture[there] = light.to_levels(part[..., :3] + ground[there] * (1 - part[..., 3:]))
    return picture


def _over_nothing(layer: Light, shade: Alpha | None, placement: Placement) -> NDArray[np.uint8]:
    """RGBA; the shadow becomes black with an alpha that darkens a gamma-encoded page as the shade darkens light."""
    width_px, height_px = placement.canvas_px
    out = np.zeros((height_px, width_px, 4), np.float32)
    if shade is not None:
        out[..., 3] = 1 - (1 - shade) ** (1 / 2.2)
    levels = np.zeros((height_px, width_px, 4), np.uint8)
    windows = _windows(placement)
    if windows is not None:
        there, here = windows
        part = layer[here]
        a = part[..., 3:]
        covered = a + out[there][..., 3:] * (1 - a)
        colour = np.asarray(part[..., :3] / np.maximum(a, 1e-4), np.float32)
        # Shadow behind a soft edge darkens it: mix in levels, as a page will.
        mixed = light.to_levels(colour) * (a / np.maximum(covered, 1e-4))
        levels[there][..., :3] = np.where(covered > 0, np.round(mixed), 0).astype(np.uint8)
        out[there][..., 3:] = covered
    levels[..., 3] = np.round(out[..., 3] * 255).astype(np.uint8)
    return levels
