"""Asks the engine where the product is, unless the file came with its own cut-out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Click, Hints, Matte
from gpu_worker.errors import UnusablePhoto
from gpu_worker.stages.base import State
from gpu_worker.stages.load import open_photo
from gpu_worker.stages.normalise import normalise

# A trimap may be smaller than its photo, but not of another shape.
SAME_SHAPE = 0.02


class Cutout:
    """Gives a matte of the photo's own size, with a confidence. What a person marked goes to the engine as hints."""

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
        matte = state.engine.cutout(state.rgb, hints(state))
        if matte.alpha.shape != state.rgb.shape[:2]:
            raise AssertionError(f"engine {state.engine.name} returned a matte of shape {matte.alpha.shape}")
        alpha = np.clip(np.nan_to_num(matte.alpha), 0.0, 1.0).astype(np.float32, copy=False)
        state.matte = Matte(alpha, matte.confidence, matte.notes)
        state.notes["cutout_given"] = False


def hints(state: State) -> Hints:
    """What the recipe and the input with the role ``trimap`` say. Raises UnusablePhoto where their shapes differ."""
    assert state.rgb is not None
    said = state.recipe.cutout
    drawn = state.inputs.get("trimap")
    return Hints(
        box=said.box,
        clicks=tuple(Click(x, y, product) for x, y, product in said.clicks),
        trimap=None if drawn is None else _trimap(drawn, state.rgb.shape[:2]),
        keep_holes=said.keep_holes,
    )


def _trimap(data: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The drawn picture's levels at the photo's size (H × W)."""
    rgb, _, _ = normalise(open_photo(data))
    (height_px, width_px), (rows, columns) = shape[:2], rgb.shape[:2]
    if abs(columns * height_px / (rows * width_px) - 1) > SAME_SHAPE:
        raise UnusablePhoto(
            f"The trimap has {columns} × {rows} pixels and the photo {width_px} × {height_px}: "
            "they must have the same shape."
        )
    # Nearest: a level between black and white means undecided and must not appear where there was none.
    levels = cv2.resize(rgb[..., 1], (width_px, height_px), interpolation=cv2.INTER_NEAREST)
    return np.asarray(levels, np.uint8)
