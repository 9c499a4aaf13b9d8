"""Product in a scene: several guesses at where it is, each cut by colour, and the best one by its outline. Often wrong,
so what it returns says how far the guesses agreed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Mask, Rgb
from gpu_worker.engines.classic import grabcut, shapes
from gpu_worker.engines.classic.border import gradients, rim_cover, to_lab

Float = NDArray[np.float32]
BINS = (16, 24, 24)
SMALL_SHARE = 0.5


@dataclass(frozen=True)
class Guess:
    """`mask` at work size; `agreement`: mean overlap with the two closest other guesses; `spread`: with all others."""

    mask: Mask
    agreement: float
    spread: float


def segment(rgb: Rgb, lab: Float, hint: Mask | None) -> Guess:
    """The most believable product. `hint` is a guess from elsewhere (H × W) that competes with the own ones."""
    height_px, width_px = lab.shape[:2]
    size = max(8, round(width_px * SMALL_SHARE)), max(8, round(height_px * SMALL_SHARE))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    small_lab = to_lab(small)
    guesses = [_tidy(_cut(small, prior)) for prior in _priors(small_lab)]
    if hint is not None and hint.any():
        guesses.append(cv2.resize(hint.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool))
    scores = [_score(small_lab, guess) for guess in guesses]
    best = int(np.argmax(scores))
    overlaps = sorted(shapes.overlap(guesses[best], g) for i, g in enumerate(guesses) if i != best)
    mask = _recut(rgb, guesses[best])
    return Guess(mask, float(np.mean(overlaps[-2:])), float(np.mean(overlaps)))


def _priors(lab: Float) -> list[Float]:
    """Maps from 0 to 1 of where the product may be: rare colours, what the border can't reach cheaply, and
    the middle."""
    height_px, width_px = lab.shape[:2]
    y, x = np.mgrid[0:height_px, 0:width_px]
    centre = np.exp(-((y / height_px - 0.5) ** 2 + (x / width_px - 0.5) ** 2) / (2 * 0.24**2)).astype(
        np.float32
    )
    rare = _rarity(lab, centre) * (0.3 + 0.7 * centre)
    far = _border_distance(lab)
    mixed = 0.5 * rare + 0.5 * far
    return [far * (0.4 + 0.6 * centre), rare, mixed, np.clip(0.4 * far + 0.3 * rare + 0.45 * centre, 0, 1)]


def _rarity(lab: Float, centre: Float) -> Float:
    """How much more often a colour occurs in the middle than along the border (joint Lab histogram, smoothed)."""
    low, high = (0.0, -80.0, -80.0), (100.0, 80.0, 80.0)
    index = np.zeros(lab.shape[:2], np.int64)
    for c in range(3):
        cell = ((lab[..., c] - low[c]) / (high[c] - low[c]) * BINS[c]).astype(np.int64)
        index = index * BINS[c] + np.clip(cell, 0, BINS[c] - 1)
    border = _histogram(index, shapes.rim(lab.shape[:2], 0.06))
    middle = _histogram(index, centre > 0.4)
    rare = (middle / (middle + border + 1e-6))[index]
    return np.asarray(cv2.GaussianBlur(rare.astype(np.float32), (0, 0), 2.0), np.float32)


def _histogram(index: NDArray[np.int64], where: Mask) -> Float:
    counts = np.bincount(index[where], minlength=BINS[0] * BINS[1] * BINS[2]).astype(np.float32)
    cube = (counts / max(1.0, float(counts.sum()))).reshape(BINS)
    for axis in range(3):
        before, after = np.roll(cube, 1, axis), np.roll(cube, -1, axis)
        cube = 0.5 * cube + 0.25 * (before + after)
    return cube.ravel()


def _border_distance(lab: Float) -> Float:
    """The cheapest way from the border to each pixel, where every change of colour costs: backdrop is cheap to reach
    (J. Zhang et al., "Minimum Barrier Salient Object Detection at 80 FPS", ICCV 2015, by raster scans)."""
    height_px, width_px = lab.shape[:2]
    scale = min(1.0, 160 / max(height_px, width_px))
    size = max(8, round(width_px * scale)), max(8, round(height_px * scale))
    small = np.asarray(
        cv2.bilateralFilter(cv2.resize(lab, size, interpolation=cv2.INTER_AREA), 5, 12, 3), np.float32
    )
    total = np.zeros(small.shape[:2], np.float32)
    for c in range(3):
        total += _barrier(small[..., c])
    reach = cv2.GaussianBlur(cv2.resize(total, (width_px, height_px)), (0, 0), 2.0)
    top = float(np.percentile(reach, 98))
    return np.clip(reach / max(top, 1e-3), 0, 1).astype(np.float32)


def _barrier(values: Float) -> Float:
    """Minimum barrier distance (highest minus lowest value on the way) from the border, by sweeps of whole lines."""
    distance = np.full(values.shape, np.inf, np.float32)
    distance[0], distance[-1], distance[:, 0], distance[:, -1] = 0, 0, 0, 0
    highest, lowest = values.copy(), values.copy()
    for _ in range(3):
        for turn in range(4):
            views = [np.rot90(a, turn) for a in (values, distance, highest, lowest)]
            _sweep(*views)
    return distance


def _sweep(values: Float, distance: Float, highest: Float, lowest: Float) -> None:
    """One pass downwards, in place: each line may be reached from the one above it, straight or slanting."""
    for row in range(1, len(values)):
        for shift in (0, -1, 1):
            from_high, from_low = np.roll(highest[row - 1], shift), np.roll(lowest[row - 1], shift)
            high, low = np.maximum(from_high, values[row]), np.minimum(from_low, values[row])
            reached = np.isfinite(np.roll(distance[row - 1], shift))
            better = reached & (high - low < distance[row])
            distance[row][better] = (high - low)[better]
            highest[row][better], lowest[row][better] = high[better], low[better]


def _cut(rgb: Rgb, prior: Float) -> Mask:
    level, _ = cv2.threshold((prior * 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    level = float(level) / 255
    labels = np.full(prior.shape, grabcut.MAYBE_BACK, np.uint8)
    labels[prior > level] = grabcut.MAYBE_FRONT
    labels[prior < 0.25 * level] = grabcut.BACK
    labels[shapes.shrunk(prior > max(0.85, level + 0.25), 3)] = grabcut.FRONT
    labels[shapes.rim(prior.shape, 0.015) & (prior <= level)] = grabcut.BACK
    return grabcut.cut(rgb, labels, rounds=3)


def _tidy(mask: Mask) -> Mask:
    mask = shapes.main_parts(shapes.closed(shapes.opened(mask, 2), 2), 0.08)
    gaps = shapes.holes(mask)
    return mask | (gaps & ~shapes.larger_than(gaps, 0.004 * mask.size))


def _recut(rgb: Rgb, guess: Mask) -> Mask:
    """The chosen guess once more at work size, free to move only near its outline."""
    height_px, width_px = rgb.shape[:2]
    mask = cv2.resize(guess.astype(np.float32), (width_px, height_px), interpolation=cv2.INTER_LINEAR) > 0.5
    labels = np.where(mask, grabcut.MAYBE_FRONT, grabcut.MAYBE_BACK).astype(np.uint8)
    labels[shapes.shrunk(mask, 8)] = grabcut.FRONT
    labels[~shapes.grown(mask, 10)] = grabcut.BACK
    cut = _tidy(grabcut.cut(rgb, labels, rounds=2))
    return cut if cut.any() else mask


def _score(lab: Float, mask: Mask) -> float:
    """Higher for a crisp outline, colours unlike the surroundings, a place in the middle and one compact shape."""
    area = float(mask.mean())
    if not 0.01 <= area <= 0.9:
        return -1.0
    fine, _ = gradients(lab)
    outline = shapes.grown(mask, 1) & ~shapes.shrunk(mask, 1) & ~shapes.rim(mask.shape, 0, least_px=3)
    reach = cv2.dilate(fine, np.ones((3, 3), np.uint8))
    crisp = np.clip(reach[outline] / (np.percentile(fine, 85) + 2), 0, 1.5).mean() if outline.any() else 0.0
    ring = shapes.grown(mask, max(1, mask.shape[1] // 20)) & ~mask
    rows, columns = np.nonzero(mask)
    off = float(np.hypot(rows.mean() / mask.shape[0] - 0.5, columns.mean() / mask.shape[1] - 0.5))
    compact = min(1.0, 20 * float(mask.sum()) / (float(outline.sum() / 2) ** 2 + 1))
    parts = shapes.components(mask)[0] - 2
    return float(
        crisp
        + 1.2 * _unlike(lab, mask, ring)
        - 2.0 * rim_cover(mask)
        - 1.2 * max(0.0, off - 0.12)
        + 0.35 * compact
        - 0.06 * parts
        + 0.35 * min(1.0, area / 0.12)
    )


def _unlike(lab: Float, one: Mask, two: Mask) -> float:
    """1 where the two regions share no colour, 0 where their histograms are the same."""
    if not one.any() or not two.any():
        return 0.0
    index = np.zeros(lab.shape[:2], np.int64)
    for c, (low, high) in enumerate(((0, 100), (-80, 80), (-80, 80))):
        index = index * BINS[c] + np.clip(
            (lab[..., c] - low) / (high - low) * BINS[c], 0, BINS[c] - 1
        ).astype(np.int64)
    return 1.0 - float(np.minimum(_histogram(index, one), _histogram(index, two)).sum())
