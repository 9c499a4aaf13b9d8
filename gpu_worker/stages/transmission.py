"""How glass shows in a photo: C = t · B + s. Not a stage.

C is the light seen, B that of the backdrop behind it, t the share that passes, the same for red, green and blue, and s
what the glass mirrors of a colourless room (linear light all of them).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gpu_worker.engines.base import Alpha
from gpu_worker.stages.base import Light

# On grey paper t and s can't be told apart: then the light seen is what passed. On coloured paper this hardly counts.
PREFERS_PASSING = 0.02
# Glass mirrors less than what a white label gives back: these shares of the way from the paper's light to white.
MIRRORS, WHITE = 0.3, 0.5
# A little more light than the paper's is the paper's: it is not quite smooth, and glass gathers light.
BRIGHTER = 0.05
# Distance in a*, b* (CIELAB) from what glass could show: so far it is glass, and so many times as far it is not. The
# less even the paper's own colour, the more is allowed.
SAME_HUE, PER_UNEVENNESS, OTHER_HUE = 2.0, 2.0, 2.0


@dataclass(frozen=True)
class Fit:
    """The best t (`through`, 0 to 1) and s (`added`) of each place, and how far its colour is `off` what they explain
    (distance in a*, b*). H × W each."""

    through: Alpha
    added: Alpha
    off: Alpha


def fit(seen: Light, behind: Light) -> Fit:
    """Least squares over the three channels of each place (H × W × 3 both, linear light), with t ≤ 1 and s ≥ 0."""
    through, added = shares(seen, behind)
    apart = _hue(seen) - _hue(through[..., None] * behind + added[..., None])
    return Fit(through, added, np.hypot(apart[..., 0], apart[..., 1]))


def shares(seen: Light, behind: Light) -> tuple[Alpha, Alpha]:
    """(t, s) of each place alone, H × W each; see `fit`."""
    bb, b1 = np.einsum("ijk,ijk->ij", behind, behind), behind.sum(axis=2)
    cb, c1 = np.einsum("ijk,ijk->ij", seen, behind), seen.sum(axis=2)
    prior = np.float32(PREFERS_PASSING)
    determinant = np.maximum(bb * (3 + prior) - b1 * b1, np.float32(1e-9))
    through = (cb * (3 + prior) - b1 * c1) / determinant
    added = (bb * c1 - b1 * cb) / determinant
    through = np.where(added < 0, cb / np.maximum(bb, np.float32(1e-9)), through)
    added = np.where(through > 1, (c1 - b1) / 3, added)
    return np.clip(through, 0, 1).astype(np.float32), np.maximum(added, 0).astype(np.float32)


def _hue(linear: Light) -> Light:
    clipped = np.clip(linear, 0, 1).astype(np.float32)
    return np.asarray(cv2.cvtColor(clipped, cv2.COLOR_LRGB2Lab)[..., 1:], np.float32)


def glassy(
    found: Fit, behind: Light, strays: float, passing: tuple[float, float], loose: float = 1.0
) -> Alpha:
    """How far each place looks like glass before `behind`: 1 wholly, 0 not at all (H × W). `strays`: how uneven the
    backdrop is (CIELAB). `passing`: the shares of light that are too little for glass, and enough. `loose` > 1 allows
    so much more distance in hue, for single pixels, which are noisy."""
    paper = behind.mean(axis=2)
    room = np.clip(1 - paper, 0, 1)
    passes = _ramp(found.through, *passing)
    least = BRIGHTER * paper
    mirrors = 1 - _ramp(found.added, MIRRORS * room + least, WHITE * room + 1.5 * least)
    same = loose * (SAME_HUE + PER_UNEVENNESS * strays)
    same_hue = 1 - _ramp(found.off, same, OTHER_HUE * same)
    return np.asarray(passes * mirrors * same_hue, np.float32)


def _ramp(values: Alpha, low: Alpha | float, high: Alpha | float) -> Alpha:
    t = np.clip((values - low) / np.maximum(np.asarray(high) - low, 1e-6), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
