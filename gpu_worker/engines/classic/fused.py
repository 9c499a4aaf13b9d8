"""The network's guess made exact: a cut by colour between what it is sure of; a plain backdrop gives away more."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Mask, Rgb
from gpu_worker.engines.classic import grabcut, plain, shapes
from gpu_worker.engines.classic.border import Border

Float = NDArray[np.float32]


FREE = 255
ROUNDS = 2
WIDER = 0.2
# L* below the paper; added belief; belief from which on it is added in full.
DARK, LIFT, FAINT = 20.0, 0.3, 0.2
# Overlap of the guess with what walls shut off, from which on walls may add to it, and may draw the outline:
# where the product stands in front of another thing on white, the walls are that thing's.
LIFTED, OUTLINED = 0.75, 0.9
# Belief under which nothing is cut any more, however much its colour is the product's. On a plain backdrop colours
# are worth more: a skipping rope that the network hardly sees.
UNLIKELY, UNLIKELY_ON_PLAIN = 0.45, 0.25


@dataclass(frozen=True)
class Cut:
    """`mask` of the product, and on a plain backdrop its overlap with what walls alone shut off from the border."""

    mask: Mask
    walls: float | None = None


def segment(
    rgb: Rgb,
    lab: Float,
    border: Border,
    product: Float,
    told: NDArray[np.uint8] | None = None,
    keep_holes: bool | None = None,
) -> Cut:
    """The product at work size from the network's probabilities `product` (H × W).

    `told` are GrabCut's FRONT and BACK where a person has decided, FREE elsewhere; `keep_holes` see Hints.
    """
    cues, shut = None, None
    if border.plain:
        cues = plain.read_cues(lab, border)
        shut = plain.enclosed(cues, border)
        product = _walled(product, lab, border, cues, shut)
    guess = product > 0.5
    if told is not None:
        guess = (guess | (told == grabcut.FRONT)) & (told != grabcut.BACK)
    if not guess.any() or guess.all():
        return Cut(guess)
    reach_px = float(np.clip(0.035 * np.sqrt(guess.sum()), 4, 14))
    labels = np.full(guess.shape, grabcut.MAYBE_BACK, np.uint8)
    labels[guess] = grabcut.MAYBE_FRONT
    sure = shapes.shrunk(product > 0.6, round(reach_px)) | (shapes.shrunk(guess, 3) & (product > 0.97))
    labels[sure] = grabcut.FRONT
    unlikely = UNLIKELY_ON_PLAIN if border.plain else UNLIKELY
    away = ~shapes.grown(product > unlikely, round(1.3 * reach_px))
    labels[away] = grabcut.BACK
    if cues is not None:
        paper = shapes.joined_to_border((cues.apart < 1.5 * border.noise + 0.4) & (product < 0.8))
        labels[paper] = grabcut.BACK
        labels[cues.unshadowlike & (product > 0.5) & (labels == grabcut.MAYBE_FRONT)] = grabcut.FRONT
        assert shut is not None
        if shapes.overlap(shut, guess) > OUTLINED:
            labels[shapes.shrunk(shut, 2) & (product > 0.55)] = grabcut.FRONT
            labels[~shapes.grown(shut, 2) & (product < 0.6)] = grabcut.BACK
    if told is not None:
        labels = np.where(told == FREE, labels, told)
    if not (labels != grabcut.BACK).any():
        return Cut(np.zeros(guess.shape, bool))
    near = _near(labels != grabcut.BACK, 24)
    out = np.zeros(guess.shape, bool)
    out[near] = grabcut.cut(rgb[near], labels[near], ROUNDS)
    mask = _settled(out, product, told, keep_holes)
    return Cut(mask, None if shut is None else shapes.overlap(mask, shut))


def by_colour_alone(rgb: Rgb, mask: Mask) -> float:
    """Overlap of `mask` with a cut that knows only a wide box around it: half a vase whose foot has the table's colour
    stands out here, however sure the network is. Done at half size.
    """
    size = max(16, mask.shape[1] // 2), max(16, mask.shape[0] // 2)
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    found = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    if not rows.size:
        return 0.0
    wide = np.s_[
        max(1, rows[0] - round(WIDER * np.ptp(rows))) : min(
            size[1] - 1, rows[-1] + round(WIDER * np.ptp(rows))
        ),
        max(1, columns[0] - round(WIDER * np.ptp(columns))) : min(
            size[0] - 1, columns[-1] + round(WIDER * np.ptp(columns))
        ),
    ]
    labels = np.full(found.shape, grabcut.BACK, np.uint8)
    labels[wide] = grabcut.MAYBE_FRONT
    return shapes.overlap(found, grabcut.cut(small, labels, ROUNDS + 1))


def _walled(product: Float, lab: Float, border: Border, cues: plain.Cues, shut: Mask) -> Float:
    """More belief in what has a crisp outline on a plain backdrop, unless it is as dark as a contact shadow.

    The network doubts a white sole on white paper; the paper's walls do not.
    """
    if shapes.overlap(shut, product > 0.5) < LIFTED:
        return product
    light = lab[..., 0] - border.surface[..., 0] > -DARK
    shut = shut & (light | cues.unshadowlike)
    more = product + LIFT * np.minimum(1, product / FAINT)
    return np.where(shut, np.minimum(more, 1), product).astype(np.float32)


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
    cut = shapes.opened(cut, 1)
    if told is not None:
        cut = _without_refused(cut, told)
    count, labels, area = shapes.components(cut)
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


def _without_refused(cut: Mask, told: NDArray[np.uint8]) -> Mask:
    """Whole parts go that a person clicked away and nowhere claimed, as long as another part is left."""
    points = (told == grabcut.BACK) & ~shapes.joined_to_border(told == grabcut.BACK)
    count, labels, _ = shapes.components(cut | points)
    refused = np.bincount(labels[points], minlength=count) > 0
    claimed = np.bincount(labels[told == grabcut.FRONT], minlength=count) > 0
    gone = refused & ~claimed
    gone[0] = False
    left = cut & ~gone[labels]
    return left if left.any() else cut
