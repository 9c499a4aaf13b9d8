"""Small operations on masks that the segmentation is written in."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Mask


@cache
def disc(radius_px: int) -> NDArray[np.uint8]:
    """A round structuring element."""
    side = 2 * radius_px + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def grown(mask: Mask, radius_px: int) -> Mask:
    """The mask widened by `radius_px`."""
    return cv2.dilate(mask.astype(np.uint8), disc(radius_px)).astype(bool)


def shrunk(mask: Mask, radius_px: int) -> Mask:
    """The mask narrowed by `radius_px`; the edge of the photo does not narrow it."""
    return cv2.erode(
        mask.astype(np.uint8), disc(radius_px), borderType=cv2.BORDER_CONSTANT, borderValue=1
    ).astype(bool)


def opened(mask: Mask, radius_px: int) -> Mask:
    """Without what is thinner than the radius."""
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc(radius_px)).astype(bool)


def closed(mask: Mask, radius_px: int) -> Mask:
    """With gaps narrower than the radius bridged."""
    wide = np.pad(mask.astype(np.uint8), radius_px)
    wide = np.asarray(cv2.morphologyEx(wide, cv2.MORPH_CLOSE, disc(radius_px)), np.uint8)
    return wide[radius_px : -radius_px or None, radius_px : -radius_px or None].astype(bool)


def components(mask: Mask) -> tuple[int, NDArray[np.int32], NDArray[np.int32]]:
    """(count with the ground, labels, area of each label); 8-connected."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return count, np.asarray(labels, np.int32), np.asarray(stats[:, cv2.CC_STAT_AREA], np.int32)


def joined_to_border(mask: Mask) -> Mask:
    """The parts of the mask that touch the edge of the photo (4-connected, so that a diagonal wall holds)."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    chosen = np.zeros(labels.max() + 1, bool)
    chosen[rim[rim > 0]] = True
    return chosen[labels]


def main_parts(mask: Mask, share: float) -> Mask:
    """The largest component and every other that has at least `share` of its area."""
    count, labels, area = components(mask)
    if count < 3:
        return mask
    keep = area >= share * area[1:].max()
    keep[0] = False
    return keep[labels]


def larger_than(mask: Mask, area_px: float) -> Mask:
    """Components of more than `area_px` pixels."""
    _, labels, area = components(mask)
    keep = area > area_px
    keep[0] = False
    return keep[labels]


def holes(mask: Mask) -> Mask:
    """What the mask encloses without covering it."""
    return ~mask & ~joined_to_border(~mask)


def rim(shape: tuple[int, int], share: float, least_px: int = 2) -> Mask:
    """A frame along the edge of the photo, `share` of the shorter side wide."""
    wide = max(least_px, round(share * min(shape)))
    frame = np.ones(shape, bool)
    frame[wide:-wide, wide:-wide] = False
    return frame


def overlap(one: Mask, two: Mask) -> float:
    """Intersection over union; 1 where both are empty."""
    union = int((one | two).sum())
    return 1.0 if union == 0 else float((one & two).sum()) / union
