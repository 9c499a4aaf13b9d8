"""What the network says before any pixel is decided: looks at the whole photo, at its mirror image, and closer."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Rgb
from gpu_worker.engines.classic import shapes
from gpu_worker.models.salient import LOOK_PX, SECOND_PX, Salient

Float = NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of the photo

# A product that fills less of the photo than this is looked at again from nearer.
NEAR_SHARE = 0.72
MARGIN_SHARE = 0.14
THINNEST = 0.5
SEEN = 0.35
LEAST_PX = 16


@dataclass(frozen=True)
class Prior:
    """`product`: probability per pixel (H × W). `mirrored`: overlap with what it sees in the mirror, holes filled.
    `nearer`: overlap of the whole view with the closer one (1 where there was no need). `doubt`: unsure pixels
    per pixel of product."""

    product: Float
    mirrored: float
    nearer: float
    doubt: float


def see(rgb: Rgb, eye: Salient) -> Prior:
    """The network's opinion at the size of `rgb`."""
    plain = eye.look(rgb, LOOK_PX)
    mirror = _resized(eye.look(np.ascontiguousarray(rgb[:, ::-1]), SECOND_PX), plain.shape)[:, ::-1]
    both = np.asarray((plain + mirror) / 2, np.float32)
    product = _resized(both, rgb.shape[:2])
    near = _near_box(both, rgb.shape)
    nearer = 1.0
    if near is not None:
        product, nearer = _closer(rgb, eye, product, near)
    unsure = float(((product > 0.15) & (product < 0.85)).sum())
    return Prior(
        product, _outlines_agree(plain, mirror), nearer, unsure / max(1.0, float((product > 0.5).sum()))
    )


def within(rgb: Rgb, eye: Salient, box: tuple[float, float, float, float]) -> Prior:
    """The opinion of a look at `box` (shares of the photo) and what is around it; nothing is product outside it.

    What stands around tells the product from its ground: with the box alone the network took the ground for the
    product on one of ten photos.
    """
    height_px, width_px = rgb.shape[:2]
    here = _pixels(_around(box, rgb.shape), rgb.shape)
    part = np.ascontiguousarray(rgb[here])
    product = np.zeros((height_px, width_px), np.float32)
    if min(part.shape[:2]) < LEAST_PX:
        return Prior(product, 0.0, 0.0, 1.0)
    found = see(part, eye)
    product[here] = found.product
    outside = np.ones(product.shape, bool)
    outside[_pixels(box, rgb.shape)] = False
    product[outside] = 0.0
    return Prior(product, found.mirrored, found.nearer, found.doubt)


def joined(one: Prior, two: Prior) -> Prior:
    """Both products are meant; the less sure of the two opinions says how sure."""
    return Prior(
        np.maximum(one.product, two.product),
        min(one.mirrored, two.mirrored),
        min(one.nearer, two.nearer),
        max(one.doubt, two.doubt),
    )


def _near_box(seen: Float, shape: tuple[int, ...]) -> Box | None:
    """What of a photo of `shape` was seen, with what is around it; None if that is all or nothing."""
    mask = seen > SEEN
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    high, wide = seen.shape
    box = _around((columns[0] / wide, rows[0] / high, (columns[-1] + 1) / wide, (rows[-1] + 1) / high), shape)
    return None if max(box[2] - box[0], box[3] - box[1]) > NEAR_SHARE else box


def _around(box: Box, shape: tuple[int, ...]) -> Box:
    """`box` with a margin, and not too long and thin: the network learned on squares. Never beyond the photo."""
    height_px, width_px = shape[:2]
    wide_px, tall_px = (box[2] - box[0]) * width_px, (box[3] - box[1]) * height_px
    margin_px = MARGIN_SHARE * max(wide_px, tall_px)
    wide_px, tall_px = wide_px + 2 * margin_px, tall_px + 2 * margin_px
    half_wide = max(wide_px, THINNEST * tall_px) / width_px / 2
    half_tall = max(tall_px, THINNEST * wide_px) / height_px / 2
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return max(0.0, x - half_wide), max(0.0, y - half_tall), min(1.0, x + half_wide), min(1.0, y + half_tall)


def _pixels(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    return np.s_[
        max(0, int(box[1] * shape[0])) : int(np.ceil(box[3] * shape[0])),
        max(0, int(box[0] * shape[1])) : int(np.ceil(box[2] * shape[1])),
    ]


def _closer(rgb: Rgb, eye: Salient, product: Float, near: Box) -> tuple[Float, float]:
    here = _pixels(near, rgb.shape)
    if min(rgb[here].shape[:2]) < LEAST_PX:
        return product, 1.0
    closer = _resized(eye.look(np.ascontiguousarray(rgb[here])), rgb[here].shape[:2])
    agreed = _overlap(closer, product[here])
    out = product * 0.5
    out[here] = 0.5 * product[here] + 0.5 * closer if agreed < 0.8 else 0.25 * product[here] + 0.75 * closer
    return np.asarray(out, np.float32), agreed


def _resized(values: Float, shape: tuple[int, ...]) -> Float:
    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _outlines_agree(one: Float, two: Float) -> float:
    """A framed cover is doubted in its middle from one side: whether that is a hole is for the colours to say."""
    a, b = one > 0.5, two > 0.5
    return shapes.overlap(a | shapes.holes(a), b | shapes.holes(b))


def _overlap(one: Float, two: Float) -> float:
    return shapes.overlap(one > 0.5, two > 0.5)
