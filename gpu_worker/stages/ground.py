"""What the photo's own backdrop tells: its light without the product, as a smooth surface. Not a stage."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from gpu_worker import light
from gpu_worker.engines.base import Alpha, Rgb
from gpu_worker.engines.classic import border
from gpu_worker.stages.base import Light, State

WORK_PX = 480


@dataclass(frozen=True)
class Ground:
    """At work size: `rgb` the photo, `alpha` the product, `surface` the backdrop's linear light (h × w × 3), and its
    `noise` as a share of it. `scale` is work pixels per photo pixel. `lab` is the surface before it is rounded,
    and `strays` how far the backdrop strays from it (CIELAB, per channel)."""

    rgb: Rgb
    alpha: Alpha
    surface: Light
    noise: float
    scale: tuple[float, float]
    lab: Light
    strays: float


def ground_of(state: State) -> Ground | None:
    """The old backdrop of the photo in hand, looked at once. None too where the file came with its own cut-out: what
    lies under its transparency was never seen."""
    assert state.rgb is not None and state.matte is not None
    if "ground" not in state.looked_up:
        given = bool(state.notes.get("cutout_given"))
        state.looked_up["ground"] = None if given else ground(state.rgb, state.matte.alpha)
    found: Ground | None = state.looked_up["ground"]
    return found


def ground(rgb: Rgb, alpha: Alpha) -> Ground | None:
    """The old backdrop, or None where it is not one smooth surface (a scene, a pattern, a photo full of product)."""
    shrink = min(1.0, WORK_PX / max(rgb.shape[:2]))
    size = max(1, round(rgb.shape[1] * shrink)), max(1, round(rgb.shape[0] * shrink))
    if min(size) < 32:
        return None
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    cover = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    found = border.fit(border.to_lab(small))
    if not found.plain:
        return None
    levels = np.clip(cv2.cvtColor(found.surface, cv2.COLOR_Lab2RGB), 0, 1)
    surface = light.to_light(np.round(levels * 255).astype(np.uint8))
    # Lab's L is roughly the cube root of light: a step of one in L is three in a hundred of light, times 1 / L.
    noise = 3 * found.noise / max(10.0, float(found.surface[..., 0].mean()))
    scale = size[0] / rgb.shape[1], size[1] / rgb.shape[0]
    return Ground(small, cover, np.maximum(surface, 1e-3), noise, scale, found.surface, found.noise)
