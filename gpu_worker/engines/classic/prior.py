"""What the network says before any pixel is decided: looks at the whole photo, at its mirror image, and closer."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Rgb
from gpu_worker.models.salient import LOOK_PX, SECOND_PX, Salient

Float = NDArray[np.float32]

# A product that fills less of the photo than this is looked at again from nearer.
NEAR_SHARE = 0.72
MARGIN_SHARE = 0.14
SEEN = 0.35


@dataclass(frozen=True)
class Prior:
    """`product`: probability per pixel (H × W). `mirrored`: overlap with what it sees in the mirror.
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
    near = _near_box(both)
    nearer = 1.0
    if near is not None:
        product, nearer = _closer(rgb, eye, product, near)
    unsure = float(((product > 0.15) & (product < 0.85)).sum())
    return Prior(product, _overlap(plain, mirror), nearer, unsure / max(1.0, float((product > 0.5).sum())))


def within(rgb: Rgb, eye: Salient, box: tuple[float, float, float, float], margin: float) -> Prior:
    """The opinion of a look at `box` (shares of the photo) with a margin alone; nothing is product outside it."""
    height_px, width_px = rgb.shape[:2]
    dx, dy = margin * (box[2] - box[0]), margin * (box[3] - box[1])
    here = np.s_[
        max(0, int((box[1] - dy) * height_px)) : int(np.ceil((box[3] + dy) * height_px)),
        max(0, int((box[0] - dx) * width_px)) : int(np.ceil((box[2] + dx) * width_px)),
    ]
    part = np.ascontiguousarray(rgb[here])
    if min(part.shape[:2]) < 16:
        return Prior(np.zeros((height_px, width_px), np.float32), 0.0, 0.0, 1.0)
    found = see(part, eye)
    product = np.zeros((height_px, width_px), np.float32)
    product[here] = found.product
    return Prior(product, found.mirrored, found.nearer, found.doubt)


def joined(one: Prior, two: Prior) -> Prior:
    """Both products are meant; the less sure of the two opinions says how sure."""
    return Prior(
        np.maximum(one.product, two.product),
        min(one.mirrored, two.mirrored),
        min(one.nearer, two.nearer),
        max(one.doubt, two.doubt),
    )


def _near_box(seen: Float) -> tuple[float, float, float, float] | None:
    """(left, top, right, bottom) as shares, with margin, of what was seen; None if that is all or nothing."""
    mask = seen > SEEN
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    top, bottom = rows[0] / seen.shape[0], (rows[-1] + 1) / seen.shape[0]
    left, right = columns[0] / seen.shape[1], (columns[-1] + 1) / seen.shape[1]
    margin = MARGIN_SHARE * max(bottom - top, right - left)
    # A long thin product is looked at in a box that is not too thin itself: the network learned on squares.
    wide = max(right - left + 2 * margin, 0.5 * (bottom - top))
    tall = max(bottom - top + 2 * margin, 0.5 * (right - left))
    if max(wide, tall) > NEAR_SHARE:
        return None
    x, y = (left + right) / 2, (top + bottom) / 2
    return max(0.0, x - wide / 2), max(0.0, y - tall / 2), min(1.0, x + wide / 2), min(1.0, y + tall / 2)


def _closer(
    rgb: Rgb, eye: Salient, product: Float, near: tuple[float, float, float, float]
) -> tuple[Float, float]:
    height_px, width_px = rgb.shape[:2]
    here = np.s_[
        int(near[1] * height_px) : int(np.ceil(near[3] * height_px)),
        int(near[0] * width_px) : int(np.ceil(near[2] * width_px)),
    ]
    if min(rgb[here].shape[:2]) < 16:
        return product, 1.0
    closer = _resized(eye.look(np.ascontiguousarray(rgb[here])), rgb[here].shape[:2])
    agreed = _overlap(closer, product[here])
    out = product * 0.5
    out[here] = 0.5 * product[here] + 0.5 * closer if agreed < 0.8 else 0.25 * product[here] + 0.75 * closer
    return np.asarray(out, np.float32), agreed


def _resized(values: Float, shape: tuple[int, ...]) -> Float:
    return np.asarray(cv2.resize(values, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _overlap(one: Float, two: Float) -> float:
    a, b = one > 0.5, two > 0.5
    union = int((a | b).sum())
    return 1.0 if union == 0 else float((a & b).sum()) / union
