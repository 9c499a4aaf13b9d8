"""Policy judges what the worker measured, by the recipe's thresholds. Pure: numbers in, a verdict with reasons out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A recipe's "review" part may set each of these.
DEFAULTS: dict[str, float] = {
    "min_confidence": 0.9,
    "max_fidelity_levels": 1,
    "max_delta_e_p95": 1.0,
    "min_border_white_share": 0.98,
    "max_fill_error": 0.05,
    "max_centring_offset": 0.05,
    "max_touch_share": 0.005,
    "spot_check_every": 0,
}


@dataclass(frozen=True)
class Verdict:
    """`outcome` is ``approve`` or ``review``.

    `needs_override`: the product's own pixels changed, so a person has to confirm it by name.
    """

    outcome: str
    reasons: tuple[str, ...] = ()
    needs_override: bool = False


def judge(
    measures: Mapping[str, Any], confidence: float | None, recipe: Mapping[str, Any], *, nth: int = 0
) -> Verdict:
    """What becomes of a render. `nth` counts the store's renders, for the spot check of every so manieth good one.

    Reasons are sentences for the person who will look.
    """
    limits = {**DEFAULTS, **{k: v for k, v in recipe.get("review", {}).items() if k in DEFAULTS}}
    unfaithful = _unfaithful(measures, limits)
    reasons = [*_unsure(measures, confidence, limits), *unfaithful, *_off_target(measures, recipe, limits)]
    if reasons:
        return Verdict("review", tuple(reasons), needs_override=bool(unfaithful))
    every = int(limits["spot_check_every"])
    if every and nth and nth % every == 0:
        return Verdict("review", (f"Spot check: one good picture in {every} is shown to a person.",))
    return Verdict("approve")


def _unsure(measures: Mapping[str, Any], confidence: float | None, limits: Mapping[str, float]) -> list[str]:
    reasons = []
    sure = confidence if confidence is not None else 0.0
    if sure < limits["min_confidence"]:
        reasons.append(
            f"The cut-out may be wrong: confidence {sure:.2f}, this recipe asks for {limits['min_confidence']:.2f}."
        )
    if measures.get("touches_frame", 0.0) > limits["max_touch_share"]:
        reasons.append("The product touches the edge of the photo, so a part of it may be missing.")
    return reasons


def _unfaithful(measures: Mapping[str, Any], limits: Mapping[str, float]) -> list[str]:
    reasons = []
    levels = measures.get("fidelity_levels_max")
    if levels is not None and levels > limits["max_fidelity_levels"]:
        reasons.append(f"The product's own pixels changed by up to {levels} levels.")
    delta = measures.get("fidelity_delta_e_p95")
    if delta is not None and delta > limits["max_delta_e_p95"]:
        reasons.append(f"The product's colours moved by ΔE {delta:.2f} when the file was written.")
    return reasons


def _off_target(
    measures: Mapping[str, Any], recipe: Mapping[str, Any], limits: Mapping[str, float]
) -> list[str]:
    reasons = []
    backdrop = recipe.get("backdrop", {})
    if backdrop.get("kind") == "solid" and str(backdrop.get("color", "")).lower() in {"#fff", "#ffffff"}:
        white = measures.get("border_white_share")
        if white is not None and white < limits["min_border_white_share"]:
            reasons.append(f"Only {white:.0%} of the edge is pure white.")
    framing = recipe.get("framing", {})
    if framing.get("canvas_px"):
        wanted, fill = framing.get("fill", 0.85), measures.get("fill")
        if fill is not None and abs(fill - wanted) > limits["max_fill_error"]:
            reasons.append(f"The product fills {fill:.0%} of the picture instead of {wanted:.0%}.")
        off = measures.get("centring_offset")
        if off is not None and off > limits["max_centring_offset"]:
            reasons.append(f"The product is {off:.0%} off centre.")
    return reasons
