"""The product at its final size: edges freed from the old backdrop's colour, its own pixels resampled once at most."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker import light, resample
from gpu_worker.engines.base import Alpha, Mask, Rgb
from gpu_worker.resample import Planes, Reader
from gpu_worker.stages.base import UNCHANGED, Gains, Glass, Layer, Light, Placement, State
from gpu_worker.stages.transmission import shares
from gpu_worker.tiles import enlarged, tiles

TILE_PX = 96
WIDE_PX, NARROW_PX = 41, 9
QUARTER = 4
STRIP_PX = 256
# Sharpening looks two pixels around; closer to the edge than this it would see the backdrop.
SHARP_FROM_PX = 3


class Place:
    """Gives the layer that compose puts on the backdrop, and the freed source box for the cut-out file."""

    name = "place"
    needs: tuple[str, ...] = ("rgb", "matte", "glass", "gains", "placement")
    gives: tuple[str, ...] = ("freed", "layer")
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.rgb is not None and state.matte is not None and state.placement is not None
        x0, y0, x1, y1 = state.placement.box_px
        alpha = state.matte.alpha[y0:y1, x0:x1]
        state.freed = own_colours(state.rgb[y0:y1, x0:x1], alpha)
        if state.glass is None:
            state.layer = product_layer(state.freed, alpha, state.placement, state.gains)
        else:
            state.layer = glass_layer(state.freed, alpha, state.glass, state.placement, state.gains)


def product_layer(freed: Rgb, alpha: Alpha, placement: Placement, gains: Gains = UNCHANGED) -> Layer:
    """`freed` and `alpha` of the placement's box → the layer (size_px). Copied where nothing has to change."""
    if not placement.resized:
        return Layer(freed if gains == UNCHANGED else corrected(freed, gains), alpha)
    planes = transformed(reader(freed, alpha, gains), placement)
    # Ringing kernels leave 0.999 inside a solid product; its pixels must not be mixed with anything.
    cover = np.clip(planes[3], 0.0, 1.0)
    cover[cover > 0.998] = 1.0
    if placement.sharpen:
        _sharpen_inside(planes, cover, placement.sharpen)
    return Layer(_pure(planes[:3], cover), cover)


def _pure(planes: Planes, cover: Alpha) -> Rgb:
    """Levels of premultiplied light (3 × H × W) without the `cover` it was multiplied by (H × W)."""
    rgb = cv2.merge(list(light.to_levels(planes)))
    soft = np.nonzero((cover > 0) & (cover < 1))
    pure = np.asarray(planes[:, soft[0], soft[1]] / np.maximum(cover[soft], 1e-4), np.float32)
    rgb[soft] = light.to_levels(pure.T)
    return np.asarray(rgb, np.uint8)


def glass_layer(
    freed: Rgb, alpha: Alpha, glass: Glass, placement: Placement, gains: Gains = UNCHANGED
) -> Layer:
    """As `product_layer`, with the old backdrop's light taken out of glass: of its pixels what they mirror is left, and
    the share of light that passes. `glass` is of the whole photo."""
    read = _glass_reader(freed, alpha, glass, placement.box_px[:2], gains)
    if placement.resized:
        return _glass_layer(transformed(read, placement), placement.sharpen)
    height_px, width_px = alpha.shape
    strips = (slice(y, min(height_px, y + STRIP_PX)) for y in range(0, height_px, STRIP_PX))
    made = [_glass_layer(read(rows, slice(0, width_px)), 0.0) for rows in strips]
    return Layer(
        np.concatenate([strip.rgb for strip in made]),
        np.concatenate([strip.alpha for strip in made]),
        alpha,
        np.concatenate([np.asarray(strip.through) for strip in made]),
    )


def _glass_reader(freed: Rgb, alpha: Alpha, glass: Glass, at_px: tuple[int, int], gains: Gains) -> Reader:
    """Reads what the product adds to the light behind it (red, green, blue × gain), what it holds back, and alpha."""
    plain, (left, top) = reader(freed, alpha, gains), at_px

    def read(rows: slice, columns: slice) -> Planes:
        solid = plain(rows, columns)
        planes = np.concatenate([solid, solid[3:]])
        in_photo = (
            slice(rows.start + top, rows.stop + top),
            slice(columns.start + left, columns.stop + left),
        )
        there = np.nonzero(glass.clear[in_photo])
        if not there[0].size:
            return planes
        share = glass.clear[in_photo][there].astype(np.float32) / 255
        back = enlarged(glass.behind, in_photo, glass.clear.shape)[there]
        (through,), (added,) = shares(light.to_light(freed[rows, columns][there])[None], back[None])
        cover = solid[3][there]
        for channel, gain in enumerate(gains):
            mirrored = cover * added * np.float32(gain)
            planes[channel][there] = solid[channel][there] * (1 - share) + mirrored * share
        planes[3][there] = cover * (1 - share * through)
        return planes

    return read


def _glass_layer(planes: Planes, sharpen: float) -> Layer:
    """From planes as `_glass_reader` gives them, resampled or not."""
    held, cover = (np.clip(plane, 0.0, 1.0) for plane in planes[3:])
    held[held > 0.998] = 1.0
    cover[cover > 0.998] = 1.0
    if sharpen:
        _sharpen_inside(planes, held, sharpen)
    own = np.maximum(planes[:3], 0)
    # A page that knows alpha alone must cover at least what shines.
    alpha = np.maximum(held, np.minimum(own.max(axis=0), 1))
    return Layer(_pure(own, alpha), alpha, cover, 1 - held)


def reader(rgb: Rgb, alpha: Alpha | None, gains: Gains = UNCHANGED) -> Reader:
    """Reads red, green and blue light × gain, and with an `alpha` those × alpha and alpha itself."""
    tables = _tables(gains)

    def read(rows: slice, columns: slice) -> Planes:
        levels = cv2.split(rgb[rows, columns])
        cover = None if alpha is None else alpha[rows, columns]
        planes = np.empty((3 if cover is None else 4, *levels[0].shape), np.float32)
        for channel, table in enumerate(tables):
            value = cv2.LUT(levels[channel], table)
            planes[channel] = value if cover is None else cv2.multiply(value, cover)
        if cover is not None:
            planes[3] = cover
        return planes

    return read


def _tables(gains: Gains) -> list[light.Float]:
    linear = light.to_light(np.arange(256, dtype=np.uint8))
    return [np.minimum(linear * np.float32(gain), np.float32(1)) for gain in gains]


def corrected(rgb: Rgb, gains: Gains) -> Rgb:
    """Levels under the declared gains alone (H × W × 3)."""
    curves = np.stack([light.to_levels(table) for table in _tables(gains)], axis=-1)
    return np.asarray(cv2.LUT(rgb, curves[None]), np.uint8)


def transformed(read: Reader, placement: Placement) -> Planes:
    """What `read` gives of the placement's box, scaled and turned as declared (C × H × W); not sharpened."""
    if placement.zoom is None:
        return resample.resize(read, placement.box_size_px, placement.size_px)
    from_source = np.vstack([placement.to_canvas(), [0, 0, 1]])
    to_source = np.linalg.inv(from_source)[:2]
    to_source[:, 2] += to_source[:, :2] @ np.array(placement.at_px) - np.array(placement.box_px[:2])
    return resample.turn(read, placement.box_size_px, placement.size_px, to_source, placement.zoom)


def _sharpen_inside(planes: Planes, cover: Alpha, amount: float) -> None:
    side = 2 * SHARP_FROM_PX + 1
    inside = cv2.erode((cover == 1).astype(np.uint8), np.ones((side, side), np.uint8))
    np.copyto(planes[:3], resample.sharpened(planes[:3], amount), where=inside.astype(bool))


def own_colours(rgb: Rgb, alpha: Alpha) -> Rgb:
    """`rgb` with the old backdrop taken out of half-covered pixels; wholly covered pixels stay exactly as they are.

    Colours of both sides are estimated by blurring each under its own weight and corrected once with the pixel itself:
    M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021. The wide blur is taken at a quarter of the
    size, the narrow one in tiles along the edge, so time and memory follow the edge and not the area.
    """
    out = rgb.copy()
    soft: Mask = (alpha > 0) & (alpha < 1)
    if not soft.any():
        return out
    wide = _wide_means(rgb, alpha)
    for here, around, inner in tiles(soft, TILE_PX, NARROW_PX):
        pixels, cover = rgb[around].astype(np.float32), _threefold(alpha[around])
        front, back = (enlarged(mean, around, alpha.shape) for mean in wide)
        front, back = _own(pixels, cover, front, back), back
        front, back = _means(front, back, cover, NARROW_PX)
        pure = _own(pixels, cover, front, back)[inner]
        np.copyto(out[here], cv2.convertScaleAbs(pure), where=soft[here][..., None])
    return out


def _wide_means(rgb: Rgb, alpha: Alpha) -> tuple[Light, Light]:
    """Colours of product and backdrop around each place, at a quarter of the size."""
    size = max(1, rgb.shape[1] // QUARTER), max(1, rgb.shape[0] // QUARTER)
    pixels = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    cover = _threefold(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))
    return _means(pixels, pixels, cover, WIDE_PX // QUARTER | 1)


def _threefold(alpha: NDArray) -> Light:
    return np.asarray(cv2.merge([np.ascontiguousarray(alpha, np.float32)] * 3), np.float32)


def _means(front: Light, back: Light, cover: Light, size_px: int) -> tuple[Light, Light]:
    kernel = (size_px, size_px)
    weight = cv2.blur(cover, kernel)
    front = cv2.blur(cv2.multiply(front, cover), kernel) / (weight + np.float32(1e-5))
    rest = np.float32(1) - cover
    back = cv2.blur(cv2.multiply(back, rest), kernel) / (np.float32(1 + 1e-5) - weight)
    return front, back


def _own(pixels: Light, cover: Light, front: Light, back: Light) -> Light:
    """The front that explains the pixel: the mean, moved by what the mixture of both means misses."""
    error = pixels - back - cover * (front - back)
    return np.clip(front + cover * error, 0, 255)
