"""Coverage of single pixels: which mix of the two sides' colours explains each best, given where the outline runs.

After Y.-Y. Chuang, B. Curless, D. Salesin, R. Szeliski, "A Bayesian Approach to Digital Matting" (2001), with the mean
over a grid of coverages in place of their ascent, and the distance from the outline as prior.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from gpu_worker.engines.classic.matting_sides import BACKDROP_TAIL, PRODUCT_TAIL, Sides, misfit

Float = NDArray[np.float32]

COVERAGES = 13
TABLE_PX, TABLE_PER_PX = 16, 40
NEARLY = np.float32(0.03)


def prior_table(ramp_px: float, position_px: float) -> Float:
    """Log prior of each coverage (rows: signed distance, columns: COVERAGES from 0 to 1).

    The edge is a linear ramp `ramp_px` wide whose place is known to a deviation of `position_px`.
    """
    distance_px = np.arange(-TABLE_PX * TABLE_PER_PX, TABLE_PX * TABLE_PER_PX + 1) / TABLE_PER_PX
    bounds_px = np.linspace(ramp_px / 2, -ramp_px / 2, COVERAGES + 1)
    below = ndtr((bounds_px[None] - distance_px[:, None]) / position_px)
    share = below[:, :-1] - below[:, 1:]
    share[:, 0] += 1 - below[:, 0]
    share[:, -1] += below[:, -1]
    return np.log(np.maximum(share, 1e-9)).astype(np.float32)


def coverage(colours: Float, distance_px: Float, known: Sides, table: Float) -> Float:
    """Expected coverage (N, 0 to 1) of pixels with `colours` (N × 3, opponent) at `distance_px` from the outline.

    `known` are the sides at each of the pixels. Where they look alike, colours say nothing: the prior's ramp remains.
    """
    row = np.round((distance_px + TABLE_PX) * TABLE_PER_PX).astype(np.int32)
    log_prior = table[np.clip(row, 0, len(table) - 1)]
    belief = np.empty((COVERAGES, len(colours)), np.float32)
    shares = np.linspace(0, 1, COVERAGES, dtype=np.float32)
    for index, share in enumerate(shares):
        rest = 1 - share
        mixed = share * known.product + rest * known.backdrop
        variance = share * share * known.product_variance + rest * rest * known.backdrop_variance
        tail = float(share * PRODUCT_TAIL + rest * BACKDROP_TAIL)
        belief[index] = log_prior[:, index] - misfit(colours, mixed, variance, tail)
    belief -= belief.max(axis=0)
    np.exp(belief, out=belief)
    mean = (shares @ belief) / belief.sum(axis=0)
    # Noise keeps the mean off its ends; nearly solid is solid, so that no haze is mixed with a new backdrop.
    return np.clip((mean - NEARLY) / (1 - 2 * NEARLY), 0, 1)
