"""Exposure and white balance, read from a neutral old backdrop. Only declares gains; place applies them, once."""

from __future__ import annotations

import numpy as np

from gpu_worker import colour, light
from gpu_worker.stages.base import UNCHANGED, Gains, Light, State
from gpu_worker.stages.ground import Ground, ground_of

# A backdrop counts as meant to be neutral below this chroma (CIELAB), and as paper above this lightness.
NEUTRAL_CHROMA, PAPER_LIGHTNESS = 14.0, 62.0
# Where white paper belongs, and how far the light may be turned up (stops).
PAPER_LIGHT, MOST_STOPS = 0.90, 0.6
# The product's colours may move by so much through white balance: mean CIEDE2000 and mean hue (degrees).
MOST_DELTA_E, MOST_HUE_DEGREES = 4.0, 6.0
# Of the product's pixels at most this share may be burnt out by more light.
MOST_CLIPPED = 0.002
SAMPLES = 4000
# Below this chroma a hue is noise.
COLOURFUL = 8.0


class Correct:
    """Gives `gains`: what red, green and blue light are multiplied by. (1, 1, 1) unless the recipe asks."""

    name = "correct"
    needs: tuple[str, ...] = ("rgb", "matte")
    gives: tuple[str, ...] = ("gains",)
    engine = False
    version = "1"

    def run(self, state: State) -> None:
        assert state.rgb is not None and state.matte is not None
        state.gains = UNCHANGED
        if state.recipe.correct == "off":
            return
        seen = ground_of(state)
        product = _product(state.rgb, state.matte.alpha)
        if seen is None or not len(product):
            state.notes["correct_reason"] = (
                "the old backdrop is not plain, so nothing tells the light's colour"
            )
        else:
            state.gains, state.notes["correct_reason"] = gains(product, _paper(seen), state.recipe.correct)
        _tell(state, product)


def gains(product: Light, paper: Light, wanted: str) -> tuple[Gains, str]:
    """The gains for a product (N × 3 linear light) before `paper` (3, its linear light), and why.

    White balance scales the three channels until the paper is neutral (J. von Kries, 1902, on sRGB's primaries), as far
    as the product's colours stay within the bounds. Exposure scales all three alike, which moves no hue.
    """
    shown = colour.lab_of_light(paper[None])[0]
    chroma = float(np.hypot(shown[1], shown[2]))
    if chroma > NEUTRAL_CHROMA or shown[0] < PAPER_LIGHTNESS:
        return UNCHANGED, "the old backdrop is no white or light grey paper"
    found = np.ones(3)
    if wanted in ("auto", "white_balance"):
        luminance = float(paper @ colour.TO_XYZ[1])
        found = _bounded(product, luminance / np.maximum(paper, 1e-3))
    if wanted in ("auto", "exposure"):
        found = found * _exposure(product * found.astype(np.float32), float((paper * found).mean()))
    red, green, blue = (round(float(gain), 4) for gain in found)
    return (red, green, blue), "measured on the old backdrop"


def _bounded(product: Light, full: np.ndarray) -> np.ndarray:
    """As much of the full white balance as keeps the product's colours within the bounds; halving finds it."""
    low, high = 0.0, 1.0
    if _within(product, full):
        return full
    for _ in range(6):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(product, full**middle) else (low, middle)
    return np.asarray(full**low)


def _within(product: Light, found: np.ndarray) -> bool:
    delta_e, hue = shift(product, found)
    return delta_e <= MOST_DELTA_E and hue <= MOST_HUE_DEGREES


def _exposure(product: Light, paper: float) -> float:
    """The gain that brings the paper to where it belongs, less where the product would burn out. Never below 1: paper
    that is white already, or burnt out, says nothing about too much light on the product."""
    wanted = min(PAPER_LIGHT / max(paper, 1e-3), 2**MOST_STOPS)
    brightest = float(np.quantile(product.max(axis=1), 1 - MOST_CLIPPED))
    return max(1.0, min(wanted, 1 / max(brightest, 1e-3)))


def shift(product: Light, found: np.ndarray) -> tuple[float, float]:
    """(mean CIEDE2000, mean turn of hue in degrees among colourful places) that gains give at constant luminance."""
    before = colour.lab_of_light(product)
    moved = np.clip(product * found.astype(np.float32), 0, 1)
    ratio = (product @ colour.TO_XYZ[1]) / np.maximum(moved @ colour.TO_XYZ[1], 1e-5)
    after = colour.lab_of_light(np.clip(moved * ratio[:, None], 0, 1).astype(np.float32))
    delta_e = float(colour.ciede2000(before, after).mean())
    vivid = np.hypot(before[:, 1], before[:, 2]) > COLOURFUL
    if not vivid.any():
        return delta_e, 0.0
    one, two = (np.degrees(np.arctan2(lab[vivid, 2], lab[vivid, 1])) for lab in (before, after))
    return delta_e, float(np.abs((two - one + 180) % 360 - 180).mean())


def _product(rgb: np.ndarray, alpha: np.ndarray) -> Light:
    """Linear light of up to SAMPLES solid places of the product (N × 3)."""
    step = max(1, round((alpha.size / (40 * SAMPLES)) ** 0.5))
    thin = alpha[::step, ::step] >= 1
    found = rgb[::step, ::step][thin]
    return light.to_light(found[:: max(1, len(found) // SAMPLES)])


def _paper(seen: Ground) -> Light:
    """The light of the old backdrop, where it was seen."""
    free = seen.alpha < 0.02
    return np.asarray(
        np.median(seen.surface[free] if free.any() else seen.surface.reshape(-1, 3), axis=0), np.float32
    )


def _tell(state: State, product: Light) -> None:
    for name, gain in zip(("red", "green", "blue"), state.gains, strict=True):
        state.notes[f"correct_gain_{name}"] = gain
    delta_e, hue = (0.0, 0.0) if state.gains == UNCHANGED else shift(product, np.array(state.gains))
    state.notes["correct_delta_e_mean"] = round(delta_e, 3)
    state.notes["correct_hue_degrees"] = round(hue, 3)
