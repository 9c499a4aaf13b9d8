"""The network's guess made exact: a colour-model cut between what it is sure of, with what a plain backdrop gives away."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Mask, Rgb
from gpu_worker.engines.classic import grabcut, plain, shapes
from gpu_worker.engines.classic.border import Border

Float = NDArray[np.float32]


FREE = 255
ROUNDS = 2


def segment(
    rgb: Rgb,
    lab: Float,
    border: Border,
    product: Float,
    told: NDArray[np.uint8] | None = None,
    keep_holes: bool | None = None,
) -> Mask:
    """The product at work size from the network's probabilities `product` (H × W).

    `told` are GrabCut's FRONT and BACK where a person has decided, FREE elsewhere; `keep_holes` see Hints.
    """
    guess = product > 0.5
    if told is not None:
        guess = (guess | (told == grabcut.FRONT)) & (told != grabcut.BACK)
    if not guess.any() or guess.all():
        return guess
    reach_px = float(np.clip(0.035 * np.sqrt(guess.sum()), 4, 14))
    labels = np.full(guess.shape, grabcut.MAYBE_BACK, np.uint8)
    labels[guess] = grabcut.MAYBE_FRONT
    sure = shapes.shrunk(product > 0.6, round(reach_px)) | (shapes.shrunk(guess, 3) & (product > 0.97))
    labels[sure] = grabcut.FRONT
    away = ~shapes.grown(product > 0.25, round(1.3 * reach_px))
    labels[away] = grabcut.BACK
    if border.plain:
        cues = plain.read_cues(lab, border)
        paper = shapes.joined_to_border((cues.apart < 1.5 * border.noise + 0.4) & (product < 0.8))
        labels[paper] = grabcut.BACK
        labels[cues.unshadowlike & (product > 0.5) & (labels == grabcut.MAYBE_FRONT)] = grabcut.FRONT
    if told is not None:
        labels = np.where(told == FREE, labels, told)
    if not (labels != grabcut.BACK).any():
        return np.zeros(guess.shape, bool)
    near = _near(labels != grabcut.BACK, 24)
    out = np.zeros(guess.shape, bool)
    out[near] = grabcut.cut(rgb[near], labels[near], ROUNDS)
    return _settled(out, product, told, keep_holes)


def _near(mask: Mask, margin_px: int) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.s_[
        max(0, rows[0] - margin_px) : rows[-1] + 1 + margin_px,
        max(0, columns[0] - margin_px) : columns[-1] + 1 + margin_px,
    ]


def _settled(cut: Mask, product: Float, told: NDArray[np.uint8] | None, keep_holes: bool | None) -> Mask:
    """Parts that nobody believes in go, holes that nobody sees are closed."""
    believed = product
    if told is not None:
        believed = np.where(
            told == grabcut.FRONT, 40.0, np.where(told == grabcut.BACK, -40.0, product)
        ).astype(np.float32)
    count, labels, area = shapes.components(shapes.opened(cut, 1))
    if count < 2:
        return np.zeros(cut.shape, bool)
    belief = np.bincount(labels.ravel(), believed.ravel(), count) / np.maximum(area, 1)
    biggest = area[1:].max()
    keep = (belief > 0.45) & (area > 0.01 * biggest) | (area == biggest) | (belief > 1)
    keep[0] = False
    out: Mask = keep[labels]
    if keep_holes:
        return out
    if keep_holes is False:
        return out | shapes.holes(out)
    count, labels, area = shapes.components(shapes.holes(out))
    belief = np.bincount(labels.ravel(), believed.ravel(), count) / np.maximum(area, 1)
    close = ((belief > 0.5) | (area < 0.0004 * cut.size)) & (belief > -1)
    close[0] = False
    return out | close[labels]
