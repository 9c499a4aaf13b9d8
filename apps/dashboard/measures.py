"""QA's numbers in words that a merchant understands; only what a person can act on, the rest stays a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat

from apps.jobs.models import Render
from apps.review.policy import DEFAULTS

# Under about this variance of the Laplacian a product looks soft (gpu_worker/qa/picture.py).
SOFT_UNDER = 20
# CIEDE2000: about the smallest difference that an attentive eye sees side by side.
SEEN_FROM_DELTA_E = 1.0
# Correcting the light is meant to be seen; from here on a person should compare with the thing itself.
STRONG_FROM_DELTA_E = 2.5
# Under these a gain is no word worth.
LEAST_STOPS, LEAST_TINT = 0.05, 0.02
# A smaller part of the product that looks like the old backdrop is a shade of it.
LEAST_GLASS = 0.05


@dataclass(frozen=True)
class Reading:
    """One measure: what it is, its value in words, and whether it deserves a look."""

    name: str
    value: str
    look: bool = False


def readings(render: Render) -> list[Reading]:
    """The measures that a person judges by, in the order they matter."""
    numbers = render.measures
    found = [_cutout(render.confidence, numbers), _frames(numbers), _glass(numbers)]
    found += [read(numbers[name]) for name, read in _READ.items() if numbers.get(name) is not None]
    found += [_corrected(numbers), _straightened(numbers), _one_scale(numbers)]
    found += [_picture(numbers), _original(numbers), _scale(numbers)]
    return [reading for reading in found if reading is not None]


def _cutout(value: float | None, numbers: Mapping[str, Any]) -> Reading | None:
    if numbers.get("cutout_given"):
        return Reading("Cut-out", "came with your photo and was kept")
    return None if value is None else Reading("Cut-out confidence", f"{value:.0%}", look=value < 0.9)


def _frames(numbers: Mapping[str, Any]) -> Reading | None:
    """Somebody who uploads an animation should know that one picture of it is all that goes on."""
    if not numbers.get("first_frame_only"):
        return None
    return Reading(
        "Pictures in the file", f"{numbers.get('frames', 'several')}, the first was used", look=True
    )


def _glass(numbers: Mapping[str, Any]) -> Reading | None:
    """Whether the old backdrop may still be seen in the product, or was taken out of it. A white thing on white paper
    looks so too and makes no difference on a white backdrop: that is told without a warning."""
    used, share = numbers.get("see_through_used"), numbers.get("see_through")
    if used is not None:
        value = "the new backdrop shows" if used else "no old backdrop is seen through it: it stayed solid"
        return Reading("See-through", value, look=not used)
    if not share or share < LEAST_GLASS:
        return None
    look = (
        share > DEFAULTS["max_see_through"]
        and numbers.get("see_through_delta_e", 0.0) > DEFAULTS["max_see_through_delta_e"]
    )
    return Reading("Has the old backdrop's colours", f"{_percent(share)} of the product", look=look)


def _kept_shadow(kept: bool) -> Reading:
    value = "carried over" if kept else "could not be kept, a soft one was drawn instead"
    return Reading("The photo's own shadow", value, look=not kept)


def _corrected(numbers: Mapping[str, Any]) -> Reading | None:
    """What was done to the light, or why nothing was. Gains multiply linear light, channel by channel."""
    reason = numbers.get("correct_reason")
    if reason is None:
        return None
    red, green, blue = (numbers.get(f"correct_gain_{name}", 1.0) for name in ("red", "green", "blue"))
    stops, tint = math.log2(red * green * blue) / 3, math.log2(red / blue)
    done = [f"{abs(stops):.1f} stops {'brighter' if stops > 0 else 'darker'}"] * (abs(stops) >= LEAST_STOPS)
    done += ["warmer" if tint > 0 else "cooler"] * (abs(tint) >= LEAST_TINT)
    if not done:
        return Reading("Light corrected", f"no: {reason}" if (red, green, blue) == (1, 1, 1) else "barely")
    delta = numbers.get("correct_delta_e_mean", 0.0)
    value = f"{', '.join(done)}; colours moved by ΔE {delta:.1f} ({reason})"
    return Reading("Light corrected", value, look=delta > STRONG_FROM_DELTA_E)


def _straightened(numbers: Mapping[str, Any]) -> Reading | None:
    angle = numbers.get("straightened_degrees")
    if angle is None:
        return None
    if angle:
        return Reading(
            "Put upright", f"turned by {abs(angle):.1f}° {'to the right' if angle > 0 else 'to the left'}"
        )
    return Reading("Put upright", "not turned")


def _one_scale(numbers: Mapping[str, Any]) -> Reading | None:
    """Whether the product is as large as in its other photos, how many of them decided, and why some did not."""
    count = numbers.get("group_photos")
    if count is None:
        return None
    name = "One scale for the product"
    if not numbers.get("group_scale"):
        return Reading(name, "no: none of its photos has a sure cut-out", look=True)
    if not numbers.get("group_scale_used"):
        return Reading(name, "no: this photo would not fit at the scale of the others", look=True)
    left_out = [
        f"{n} left out, {why}"
        for n, why in (
            (numbers.get("group_unsure"), "the cut-out is not sure"),
            (numbers.get("group_unreadable"), "the file can't be used"),
        )
        if n
    ]
    decided = f"decided by {count} photo{'' if count == 1 else 's'}"
    return Reading(name, "; ".join([decided, *left_out]), look=bool(left_out))


def _pixels(levels: float) -> Reading:
    value = "not at all" if levels == 0 else f"by up to {levels:g} of 255 levels"
    return Reading("Product's own pixels changed", value, look=levels > 1)


def _colour(delta_e: float) -> Reading:
    seen = delta_e > SEEN_FROM_DELTA_E
    value = f"ΔE {delta_e:.2f}, " + ("may be visible" if seen else "not visible")
    return Reading("Colour shift in the file", value, look=seen)


def _sharpness(variance: float) -> Reading:
    soft = variance < SOFT_UNDER
    return Reading("Sharpness", f"{variance:.0f}, " + ("looks soft" if soft else "sharp"), look=soft)


def _touches(share: float) -> Reading:
    value = "no" if share == 0 else f"yes, along {_percent(share)} of it"
    return Reading("Product touches the photo's edge", value, look=share > 0.005)


def _percent(share: float) -> str:
    """Whole percents, with a decimal where rounding would hide that something is there or missing."""
    return f"{share:.1%}" if 0.0005 <= share < 0.1 or 0.9 < share < 0.9995 else f"{share:.0%}"


_READ: Mapping[str, Callable[[Any], Reading]] = {
    "fidelity_levels_max": _pixels,
    "fidelity_delta_e_p95": _colour,
    "fill": lambda share: Reading("Product fills", f"{_percent(share)} of the picture"),
    "centring_offset": lambda share: Reading("Off centre", _percent(share), look=share > 0.05),
    "border_white_share": lambda share: Reading("Pure white at the edge", _percent(share)),
    "touches_frame": _touches,
    "shadow_kept": _kept_shadow,
    "sharpness": _sharpness,
    "clipped_highlights": lambda share: Reading("Burnt-out highlights", _percent(share), look=share > 0.05),
    "clipped_shadows": lambda share: Reading("Lost in shadow", _percent(share), look=share > 0.2),
}


def _picture(numbers: Mapping[str, Any]) -> Reading | None:
    if "width_px" not in numbers:
        return None
    size = filesizeformat(numbers.get("size_bytes", 0))
    kind = str(numbers.get("format", "")).upper()
    return Reading("New file", f"{numbers['width_px']} × {numbers['height_px']} px, {kind}, {size}")


def _original(numbers: Mapping[str, Any]) -> Reading | None:
    if "source_width_px" not in numbers:
        return None
    return Reading("Your photo", f"{numbers['source_width_px']} × {numbers['source_height_px']} px")


def _scale(numbers: Mapping[str, Any]) -> Reading | None:
    scale = numbers.get("scale")
    if not scale:
        return None
    if scale > 1:
        return Reading("Product enlarged", f"{scale:.2f} times", look=scale > 2)
    return Reading("Product kept at", f"{scale:.0%} of its size")
