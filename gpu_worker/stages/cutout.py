"""Asks the engine where the product is, unless the file came with its own cut-out."""

from __future__ import annotations

import numpy as np

from gpu_worker.engines.base import Matte
from gpu_worker.stages.base import State


class Cutout:
    """Gives a matte of the photo's own size, with a confidence."""

    name = "cutout"
    needs: tuple[str, ...] = ("rgb",)
    gives: tuple[str, ...] = ("matte",)
    engine = True
    version = "1"

    def run(self, state: State) -> None:
        assert state.rgb is not None
        if state.given_alpha is not None:
            # Somebody cut this out already: that work is kept, not repeated.
            state.matte = Matte(state.given_alpha, 1.0, {"given": 1.0})
            state.notes["cutout_given"] = True
            return
        matte = state.engine.cutout(state.rgb)
        if matte.alpha.shape != state.rgb.shape[:2]:
            raise AssertionError(f"engine {state.engine.name} returned a matte of shape {matte.alpha.shape}")
        alpha = np.clip(np.nan_to_num(matte.alpha), 0.0, 1.0).astype(np.float32)
        state.matte = Matte(alpha, matte.confidence, matte.notes)
        state.notes["cutout_given"] = False
