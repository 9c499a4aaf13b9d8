"""The colours on the two sides of an outline, and where between them the outline truly runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.classic.matting_outline import Profiles, smoothed

Float = NDArray[np.float32]

# Deviation of one pixel of an even surface, JPEG included: luminance, two colour differences (1 is white).
NOISE = np.array([0.012, 0.020, 0.020], np.float32)
# Deeper is purer, down to the depth where the edge's blur has ended: each pixel of depth counts this much more.
PURER_PER_PX = 2.5
SIDE_SIGMA, VOTE_SIGMA, SHIFT_SIGMA = 3.0, 3.0, 3.0
# What fits neither side is rather a part of the product than of the backdrop: a hem, a seam, a print.
PRODUCT_TAIL, BACKDROP_TAIL = 2.5, 4.0
VOTE_LIMIT = 2.0
SHIFT_PRIOR_PX = 1.8
FARTHEST_SHIFT_PX = 6


@dataclass(frozen=True)
class Sides:
    """Mean and variance of the colours of product and backdrop near each outline point (N × 3 each)."""

    product: Float
    product_variance: Float
    backdrop: Float
    backdrop_variance: Float


def sides(across: Profiles, distance_px: Float, pure_px: float, fading_px: float) -> Sides:
    """Colours at least `pure_px` from the outline where there are such, and with less weight beyond (`fading_px`).

    The backdrop is taken from close by, so that a contact shadow belongs to it.
    """
    return Sides(
        *_side(across, -distance_px, pure_px, fading_px), *_side(across, distance_px, pure_px, fading_px)
    )


def _side(across: Profiles, depth_px: Float, pure_px: float, fading_px: float) -> tuple[Float, Float]:
    weight = np.exp(
        np.minimum(depth_px, np.float32(pure_px)) * np.float32(np.log(PURER_PER_PX))
        - np.maximum(depth_px - np.float32(pure_px), 0) * np.float32(1 / fading_px)
    )
    weight *= depth_px > 0.3
    column = weight[:, None, :]
    sums = np.concatenate(
        [
            (column @ across.colours)[:, 0],
            (column @ np.square(across.colours))[:, 0],
            weight.sum(axis=1, keepdims=True),
        ],
        axis=1,
    )
    sums = smoothed(sums, SIDE_SIGMA)
    total = np.maximum(sums[:, 6:], np.float32(1e-3))
    mean = np.asarray(sums[:, :3] / total, np.float32)
    spread = np.asarray(sums[:, 3:6] / total - mean * mean, np.float32)
    variance: Float = np.maximum(spread, np.float32(0)) + NOISE * NOISE
    return mean, variance


def misfit(colours: Float, mean: Float, variance: Float, tail: float) -> Float:
    """Minus the log likelihood of `colours` (… × 3) under a normal with heavy tails past `tail` deviations."""
    apart = (np.square(colours - mean) / variance).sum(axis=-1)
    limit = np.float32(tail * tail)
    return np.float32(0.5) * (limit * np.log1p(apart / limit) + np.log(variance).sum(axis=-1))


def shift_px(across: Profiles, known: Sides) -> Float:
    """How far outwards the true outline runs from the given one at each point (N).

    Along a profile every pixel votes for the side whose colours it has. The best outline has the most votes for the
    product inside it and for the backdrop outside; votes are shared along the outline, so that it doesn't wobble.
    """
    votes = misfit(
        across.colours, known.backdrop[:, None], known.backdrop_variance[:, None], BACKDROP_TAIL
    ) - misfit(across.colours, known.product[:, None], known.product_variance[:, None], PRODUCT_TAIL)
    votes = np.clip(votes, -VOTE_LIMIT, VOTE_LIMIT)
    gain = smoothed(2 * np.cumsum(votes, axis=1) - votes, VOTE_SIGMA)
    steps = across.steps_px
    gain -= np.square(steps) / np.float32(2 * SHIFT_PRIOR_PX**2)
    gain[:, np.abs(steps) > FARTHEST_SHIFT_PX] = -1e3
    belief = np.exp(gain - gain.max(axis=1, keepdims=True))
    belief /= belief.sum(axis=1, keepdims=True)
    shift = belief @ steps
    variance = belief @ np.square(steps) - np.square(shift)
    trust = 1 / (np.float32(0.1) + np.maximum(variance, 0))
    shared = smoothed(np.stack([shift * trust, trust], axis=1), SHIFT_SIGMA)
    return shared[:, 0] / shared[:, 1]


def blur_px(across: Profiles, distance_px: Float, known: Sides) -> tuple[Float, Float]:
    """(weighted width, weight) of the edge's blur at each point (N each).

    The width is that of a linear ramp from one side's colour to the other's; it weighs by contrast over unevenness.
    """
    line = known.product - known.backdrop
    contrast2 = np.square(line).sum(axis=1)
    share = ((across.colours - known.backdrop[:, None]) @ line[..., None])[..., 0]
    share = np.clip(share / np.maximum(contrast2, np.float32(1e-4))[:, None], 0, 1)
    # ∫ a(1 - a) across a linear ramp from 0 to 1 is a sixth of its width.
    mixed = (share * (1 - share) * (np.abs(distance_px) < 6)).sum(axis=1) * 6
    uneven = (known.product_variance + known.backdrop_variance).sum(axis=1)
    weight = contrast2 / (uneven + np.float32(1e-4))
    weight *= weight > 40
    return mixed * weight, weight
