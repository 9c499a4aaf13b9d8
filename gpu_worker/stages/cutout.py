"""Asks the engine where the product is, unless the file came with its own cut-out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.engines.base import Click, Hints, Matte
from gpu_worker.errors import UnusablePhoto
from gpu_worker.stages.base import Mattes, State
from gpu_worker.stages.load import Load, open_photo
from gpu_worker.stages.normalise import Normalise, normalise

# A trimap may be smaller than its photo, but not of another shape.
SAME_SHAPE = 0.02


class Cutout:
    """Gives a matte of the photo's own size, with a confidence. What a person marked goes to the engine as hints.

    Where mattes are kept, the engine is asked once for all recipes that differ in other things.
    """

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
        state.notes["cutout_given"] = False
        state.matte = made(state) if state.mattes is None else _kept_or_made(state, state.mattes)


def _kept_or_made(state: State, mattes: Mattes) -> Matte:
    assert state.rgb is not None
    name = matte_name(state)
    kept = mattes.recall(name, state.rgb.shape[:2])
    if kept is not None:
        return kept
    matte = made(state)
    mattes.keep(name, matte)
    return matte


def made(state: State) -> Matte:
    """What the engine says, within bounds."""
    assert state.rgb is not None
    matte = state.engine.cutout(state.rgb, hints(state))
    if matte.alpha.shape != state.rgb.shape[:2]:
        raise AssertionError(f"engine {state.engine.name} returned a matte of shape {matte.alpha.shape}")
    alpha = np.clip(np.nan_to_num(matte.alpha), 0.0, 1.0).astype(np.float32, copy=False)
    return Matte(alpha, matte.confidence, matte.notes)


def matte_name(state: State) -> str:
    """A digest of all that decides on the matte: the photo's bytes and how they are read, what a person or the recipe
    says of the cut-out, engine, version and weights, seed. Two recipes that agree in these share it."""
    engine, trimap = state.engine, state.inputs.get("trimap")
    told = {
        "photo": hashlib.sha256(state.inputs["main"]).hexdigest(),
        "read": [Load.version, Normalise.version],
        "said": asdict(state.recipe.cutout),
        "trimap": None if trimap is None else hashlib.sha256(trimap).hexdigest(),
        "engine": [engine.name, engine.versions["cutout"], Cutout.version, dict(engine.weights)],
        "seed": state.seed,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


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
