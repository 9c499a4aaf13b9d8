"""Does it matter that a product may be glass? Only where the new backdrop looks unlike the old one behind it."""

from __future__ import annotations

import numpy as np

from gpu_worker import light
from gpu_worker.colour import ciede2000, lab_of_light
from gpu_worker.engines.base import Mask
from gpu_worker.stages.base import State
from gpu_worker.stages.glass import suspicion_of

# CIEDE2000 between black and white: what will lie behind a transparent picture may be anything.
ANYTHING = 100.0
SAMPLES = 4000


def measures(state: State) -> dict[str, float]:
    """``see_through_delta_e``: mean CIEDE2000 between old and new backdrop behind what looks like glass. Absent where
    nothing does, or where nothing is known of the old backdrop."""
    seen = suspicion_of(state)
    if seen is None or not seen.where.any():
        return {}
    if state.backdrop is None:
        return {"see_through_delta_e": ANYTHING}
    rows, columns = _places(seen.where)
    old = lab_of_light(seen.behind[rows, columns])
    new = lab_of_light(light.to_light(_behind(state, rows, columns, seen.where.shape)))
    return {"see_through_delta_e": round(float(ciede2000(old, new).mean()), 2)}


def _places(where: Mask) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.nonzero(where)
    step = max(1, len(rows) // SAMPLES)
    return rows[::step], columns[::step]


def _behind(state: State, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Levels of the new backdrop where places of the small copy (`shape`) come to lie (N × 3)."""
    assert state.rgb is not None and state.placement is not None and state.backdrop is not None
    down, across = state.rgb.shape[0] / shape[0], state.rgb.shape[1] / shape[1]
    in_photo = np.stack([(columns + 0.5) * across, (rows + 0.5) * down, np.ones(len(rows))])
    x, y = np.floor(state.placement.to_canvas() @ in_photo).astype(int)
    height_px, width_px = state.backdrop.shape[:2]
    return np.asarray(state.backdrop[np.clip(y, 0, height_px - 1), np.clip(x, 0, width_px - 1)])
