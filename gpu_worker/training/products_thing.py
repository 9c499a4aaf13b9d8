"""A product to be drawn, and how such products are photographed."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_worker.training.products_material import Rng
from gpu_worker.training.products_raster import View
from gpu_worker.training.products_shading import Part


@dataclass(frozen=True)
class Thing:
    """Its parts and where it is seen from."""

    parts: list[Part]
    view: View


def standing(rng: Rng, turn: float = 45.0, low: float = 3.0, high: float = 32.0) -> View:
    """On a table, seen from slightly above, turned by up to `turn` degrees; now and then any way round."""
    azimuth = float(rng.uniform(-180, 180) if rng.random() < 0.1 else rng.uniform(-turn, turn))
    roll = float(rng.normal(0, 1.2)) if rng.random() < 0.7 else 0.0
    return View(azimuth, float(rng.uniform(low, high)), roll, float(rng.uniform(3.2, 12)))


def lying(rng: Rng, tilt: float = 30.0) -> View:
    """Flat on a table (its front is +z), seen from above or a little aslant, turned any way or upright."""
    roll = float(rng.uniform(-180, 180) if rng.random() < 0.4 else rng.normal(0, 6))
    return View(
        float(rng.uniform(-0.6, 0.6) * tilt),
        float(rng.uniform(-0.3, 1) * tilt),
        roll,
        float(rng.uniform(4, 12)),
    )
