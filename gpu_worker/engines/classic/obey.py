"""What a person said about the photo, put where the engine can't overrule it: before, during and after the cut."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Alpha, Hints, Rgb
from gpu_worker.engines.classic import grabcut, prior
from gpu_worker.engines.classic.prior import Prior
from gpu_worker.models.salient import Salient

# A finger means more than one pixel.
CLICK_SHARE = 0.012
AROUND_CLICK = 0.28
FREE = 255


def seen(rgb: Rgb, eye: Salient, hints: Hints) -> Prior:
    """The network's opinion, looking where it was told to look."""
    found = prior.see(rgb, eye) if hints.box is None else prior.within(rgb, eye, hints.box)
    for click in hints.clicks:
        height_px, width_px = rgb.shape[:2]
        y, x = min(height_px - 1, int(click.y * height_px)), min(width_px - 1, int(click.x * width_px))
        if click.product and found.product[y, x] < 0.5:
            # It did not think of this thing: it looks there once more, from nearer.
            box = (
                click.x - AROUND_CLICK,
                click.y - AROUND_CLICK,
                click.x + AROUND_CLICK,
                click.y + AROUND_CLICK,
            )
            more = prior.within(rgb, eye, box)
            found = prior.joined(found, more)
    return found


def labels(shape: tuple[int, ...], hints: Hints) -> NDArray[np.uint8] | None:
    """Per pixel at work size: grabcut.FRONT, grabcut.BACK, FREE elsewhere; None without hints."""
    if hints.box is None and not hints.clicks and hints.trimap is None:
        return None
    out = np.full(shape[:2], FREE, np.uint8)
    if hints.trimap is not None:
        told = cv2.resize(hints.trimap, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
        out[told == 0], out[told == 255] = grabcut.BACK, grabcut.FRONT
    if hints.box is not None:
        out[~_inside(out.shape, hints.box)] = grabcut.BACK
    radius_px = max(2, round(CLICK_SHARE * max(shape[:2])))
    for click in hints.clicks:
        at = int(click.x * shape[1]), int(click.y * shape[0])
        cv2.circle(out, at, radius_px, grabcut.FRONT if click.product else grabcut.BACK, -1)
    return out


def finally_(alpha: Alpha, hints: Hints) -> Alpha:
    """The matte with what is beyond dispute: outside the box nothing, and a trimap's sure parts as they were given."""
    if hints.box is not None:
        alpha[~_inside(alpha.shape, hints.box)] = 0.0
    if hints.trimap is not None:
        told = cv2.resize(hints.trimap, alpha.shape[::-1], interpolation=cv2.INTER_NEAREST)
        alpha[told == 0], alpha[told == 255] = 0.0, 1.0
    return alpha


def _inside(shape: tuple[int, ...], box: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    out = np.zeros(shape[:2], bool)
    left, top, right, bottom = box
    rows = slice(max(0, int(np.floor(top * shape[0]))), int(np.ceil(bottom * shape[0])))
    out[rows, max(0, int(np.floor(left * shape[1]))) : int(np.ceil(right * shape[1]))] = True
    return out
