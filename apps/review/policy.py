"""Policy judges what the worker measured, by the recipe's thresholds. Pure: numbers in, a verdict with reasons out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    # Recipes that correct the light do so within the worker's own bounds; a recipe may hold it to a tighter one.
    "max_correct_delta_e": math.inf,
    # What has the old backdrop's colours may be glass: this share of the product, where the new backdrop looks unlike
    # the old one (ΔE00) there. Else it makes no difference.
    "max_see_through": 0.25,
    "max_see_through_delta_e": 5.0,
}

CARRIED = "It was cut out with what a person marked in this photo before, which nobody has approved yet. Is it right?"
MAYBE_GLASS = (
    "Parts of the product have the colour of the old backdrop. "
    "If it is glass, mark it as see-through; if not, approve."
)
STAYED_SOLID = (
    "It was to be see-through, but it stayed solid: the old backdrop is not plain, or nothing of it is seen "
    "through the product."
)
SPOT_CHECK = "Spot check: one good picture in {every} is shown to a person."
BY_HAND = "It was cut out again with what a person marked in the photo. Is it right now?"


@dataclass(frozen=True)
class Verdict:
    """`outcome` is ``approve`` or ``review``.

    `needs_override`: the product's own pixels changed, so a person has to confirm it by name.
    """

    outcome: str
    reasons: tuple[str, ...] = ()
    needs_override: bool = False


def judge(
    measures: Mapping[str, Any],
    confidence: float | None,
    recipe: Mapping[str, Any],
    *,
    nth: int = 0,
    asked_by_hand: bool = False,
    marks_unseen: bool = False,
) -> Verdict:
    """What becomes of a render. `nth` counts renders, for the spot check of every so manieth good one.

    `asked_by_hand`: a person marked the product for this very picture and waits to see it, however sure the engine is
    (its confidence was calibrated without marks). `marks_unseen`: marks were carried over to it that no person has seen
    the outcome of and approved. Reasons are sentences for the person who will look.
    """
    limits = {**DEFAULTS, **{k: v for k, v in recipe.get("review", {}).items() if k in DEFAULTS}}
    unfaithful = _unfaithful(measures, limits)
    reasons = [BY_HAND] if asked_by_hand else [CARRIED] if marks_unseen else []
    reasons += [*_unsure(measures, confidence, limits), *unfaithful]
    reasons += [*_glass(measures, recipe, limits), *_off_target(measures, recipe, limits)]
    if reasons:
        return Verdict("review", tuple(reasons), needs_override=bool(unfaithful))
    every = spot_check_every(recipe)
    if every and nth and nth % every == 0:
        return Verdict("review", (SPOT_CHECK.format(every=every),))
    return Verdict("approve")


def spot_check_every(recipe: Mapping[str, Any]) -> int:
    """One good picture of so many is shown to a person; 0 for none."""
    return int(recipe.get("review", {}).get("spot_check_every", DEFAULTS["spot_check_every"]))


def is_spot_check(reasons: Sequence[str]) -> bool:
    """Whether these are a spot check's reasons, whatever number it named."""
    return len(reasons) == 1 and reasons[0].startswith(SPOT_CHECK.partition("{")[0])


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


def _glass(measures: Mapping[str, Any], recipe: Mapping[str, Any], limits: Mapping[str, float]) -> list[str]:
    """Nobody is asked what the recipe, or a person, has answered."""
    said = (recipe.get("cutout") or {}).get("see_through")
    if said:
        return [STAYED_SOLID] if measures.get("see_through_used") is False else []
    if said is not None:
        return []
    looks_so = measures.get("see_through", 0.0) > limits["max_see_through"]
    matters = measures.get("see_through_delta_e", 0.0) > limits["max_see_through_delta_e"]
    return [MAYBE_GLASS] if looks_so and matters else []


def _unfaithful(measures: Mapping[str, Any], limits: Mapping[str, float]) -> list[str]:
    reasons = []
    levels = measures.get("fidelity_levels_max")
    if levels is not None and levels > limits["max_fidelity_levels"]:
        reasons.append(f"The product's own pixels changed by up to {levels} levels.")
    delta = measures.get("fidelity_delta_e_p95")
    if delta is not None and delta > limits["max_delta_e_p95"]:
        reasons.append(f"The product's colours moved by ΔE {delta:.2f} when the file was written.")
    corrected = measures.get("correct_delta_e_mean")
    if corrected is not None and corrected > limits["max_correct_delta_e"]:
        reasons.append(
            f"Correcting the light moved the product's colours by ΔE {corrected:.2f}; "
            f"this recipe allows {limits['max_correct_delta_e']:.2f}."
        )
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
    if recipe.get("shadow", {}).get("kind") == "keep" and measures.get("shadow_kept") is False:
        reasons.append("The photo's own shadow could not be kept; a soft one was drawn instead.")
    return [*reasons, *_misplaced(measures, recipe.get("framing") or {}, limits)]


def _misplaced(
    measures: Mapping[str, Any], framing: Mapping[str, Any], limits: Mapping[str, float]
) -> list[str]:
    # No canvas keeps the photo's own place; a recipe without the field gets the worker's default canvas.
    if framing.get("canvas_px", True) is None:
        return []
    reasons = []
    wanted, fill = framing.get("fill", 0.85), measures.get("fill")
    # Margins or a shared scale decide the size instead: `fill` is then a limit that the worker keeps, not a target.
    decides = framing.get("margins") is None and framing.get("scale_px_per_px") is None
    decides = decides and framing.get("consistent", "off") == "off"
    if decides and fill is not None and abs(fill - wanted) > limits["max_fill_error"]:
        reasons.append(f"The product fills {fill:.0%} of the picture instead of {wanted:.0%}.")
    off = measures.get("centring_offset")
    if off is not None and off > limits["max_centring_offset"]:
        where = "centre" if framing.get("anchor", "center") == "center" else "its place"
        reasons.append(f"The product is {off:.0%} off {where}.")
    return reasons
