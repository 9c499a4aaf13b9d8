"""A recipe's body in words. Fields that this page does not know yet are shown as they stand, never hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat

from apps.jobs.services import marks
from apps.publishing.models import Mode
from apps.review.policy import DEFAULTS

Part = Mapping[str, Any]

SHADOWS = {
    "contact": "soft contact shadow under the product",
    "cast": "cast shadow",
    "keep": "the photo's own shadow, carried over",
    "none": "no shadow",
}
CORRECTIONS = {
    "auto": "exposure and white balance",
    "exposure": "exposure alone",
    "white_balance": "white balance alone",
}
PLACES = {
    "top": "at the top",
    "bottom": "at the bottom",
    "left": "on the left",
    "right": "on the right",
    "top-left": "at the top left",
    "top-right": "at the top right",
    "bottom-left": "at the bottom left",
    "bottom-right": "at the bottom right",
}
SIDES = ("left", "top", "right", "bottom")
# Every 45 degrees from the camera's side round by the right.
DIRECTIONS = (
    "the front",
    "the front right",
    "the right",
    "the back right",
    "behind",
    "the back left",
    "the left",
    "the front left",
)
# What each table may hold; the worker's recipe has no field that is missing here (a test compares them).
KNOWN: Mapping[str, frozenset[str]] = {
    name: frozenset(fields.split())
    for name, fields in {
        "pipeline": "",
        "engine": "",
        "correct": "",
        "outputs": "name longest_px format max_bytes quality",
        "cutout": "box clicks keep_holes see_through",
        "backdrop": "kind color color2 shape angle center horizon softness",
        "framing": "canvas_px fill margins anchor scale_px_per_px straighten consistent",
        "shadow": "kind strength",
        "light": "azimuth elevation softness",
        "reflection": "strength fade",
        "output": "format max_bytes quality disclose sharpen",
        "review": "",
        "publish": "mode file_name alt title caption",
    }.items()
}


@dataclass(frozen=True)
class Line:
    """One property. `colours` are hex colours to show as swatches."""

    name: str
    value: str
    colours: tuple[str, ...] = ()


def lines(body: Part) -> list[Line]:
    """What a recipe does, a line per property; what it leaves alone has none."""
    shadow = _part(body, "shadow")
    found = [
        Line("Pipeline", str(body.get("pipeline", ""))),
        *_named("Cut-out", marks.said(_part(body, "cutout"))),
        *_named("Light in the photo", _correct(body.get("correct", "off"))),
        _backdrop(_part(body, "backdrop")),
        Line("Framing", _framing(_part(body, "framing"))),
        Line("Shadow", _shadow(shadow)),
        *_named("Light from", _light(_part(body, "light"), shadow)),
        *_named("Reflection", _reflection(_part(body, "reflection"))),
        Line("File", _output(_part(body, "output"))),
        *_named("More files", "; ".join(_extra(extra) for extra in body.get("outputs") or ())),
        *_review(_part(body, "review")),
        *_publish(_part(body, "publish")),
    ]
    if "engine" in body:
        found.append(Line("Engine", str(body["engine"])))
    return found + _unknown(body)


def _part(body: Part, name: str) -> Part:
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


def _named(name: str, value: str) -> list[Line]:
    return [Line(name, value)] if value else []


def _correct(wanted: str | None) -> str:
    if wanted in ("off", None):
        return ""
    return f"corrected: {CORRECTIONS.get(wanted, wanted)}"


def _backdrop(part: Part) -> Line:
    kind, colour = part.get("kind", "solid"), part.get("color", "#ffffff")
    other = part.get("color2") or colour
    match kind:
        case "transparent":
            return Line("Backdrop", "transparent")
        case "image":
            return Line("Backdrop", "a picture")
        case "gradient":
            return Line("Backdrop", _gradient(part, colour, other), (colour, other))
        case "sweep":
            at = part.get("horizon")
            where = "behind the product's foot" if at is None else f"at {at:.0%} of the height"
            return Line("Backdrop", f"wall {colour} that runs into a floor {other} {where}", (colour, other))
    name = "pure white" if str(colour).lower() == "#ffffff" else str(colour)
    return Line("Backdrop", name, (colour,))


def _gradient(part: Part, colour: str, other: str) -> str:
    if part.get("shape") == "radial":
        return f"round gradient from {colour} inside to {other} outside"
    turned = f", turned by {part['angle']:g}°" if part.get("angle") else ""
    return f"gradient from {colour} to {other}{turned}"


def _framing(part: Part) -> str:
    canvas = part.get("canvas_px", [1600, 1600])
    if not canvas:
        return "the photo's own size and place"
    said = [f"{canvas[0]} × {canvas[1]} px", _size(part)]
    if part.get("margins"):
        said.append(_margins(part["margins"]))
    anchor = part.get("anchor", "center")
    if anchor != "center":
        said.append(f"it stands {PLACES.get(anchor, anchor)}")
    if part.get("straighten", "off") != "off":
        said.append("small tilts are put upright")
    if _one_scale(part):
        said.append("all photos of a product at one scale")
    return ", ".join(said)


def _size(part: Part) -> str:
    if part.get("scale_px_per_px"):
        return f"the product at {part['scale_px_per_px']:.0%} of its size in the photo"
    most = "at most " if part.get("margins") or _one_scale(part) else ""
    return f"the product fills {most}{part.get('fill', 0.85):.0%}"


def _one_scale(part: Part) -> bool:
    return part.get("consistent", "off") == "product" and not part.get("scale_px_per_px")


def _margins(margins: list[float]) -> str:
    if len(set(margins)) == 1:
        return f"{margins[0]:.0%} stay free on every side"
    free = [f"{share:.0%} {side}" for share, side in zip(margins, SIDES, strict=False) if share]
    return f"free stay {' and '.join(free)}"


def _shadow(part: Part) -> str:
    kind, strength = part.get("kind", "contact"), part.get("strength", 1.0)
    words = SHADOWS.get(kind, str(kind))
    return words if kind == "none" or strength == 1 else f"{words}, {strength:.0%} as dark"


def _light(part: Part, shadow: Part) -> str:
    """Nothing where no shadow is drawn: the light is then not used."""
    if not part or shadow.get("kind", "contact") == "none":
        return ""
    around = DIRECTIONS[round(part.get("azimuth", 320.0) / 45) % 8]
    softness = part.get("softness", 0.5)
    soft = "hard" if softness < 0.34 else "soft" if softness < 0.67 else "very soft"
    return f"{around}, {part.get('elevation', 50.0):g}° above the ground, {soft}"


def _reflection(part: Part) -> str:
    strength = part.get("strength", 0.0)
    if not strength:
        return ""
    return f"in the floor, {strength:.0%} strong, gone after {part.get('fade', 0.35):.0%} of the height"


def _output(part: Part) -> str:
    said = [_file(part, part.get("format", "jpeg"))]
    if part.get("sharpen", "off") != "off":
        said.append("sharpened where it was made smaller")
    if part.get("disclose"):
        said.append("marked as made with AI")
    return ", ".join(said)


def _extra(part: Part) -> str:
    return (
        f"{part.get('name', '')}: {part.get('longest_px', '')} px {_file(part, part.get('format'))}".strip()
    )


def _file(part: Part, format: str | None) -> str:
    said = [format.upper()] if format else []
    if part.get("max_bytes"):
        said.append(f"at most {filesizeformat(part['max_bytes'])}")
    if part.get("quality"):
        said.append(f"quality {part['quality']}")
    return ", ".join(said)


def _review(part: Part) -> list[Line]:
    confidence = part.get("min_confidence", DEFAULTS["min_confidence"])
    every = int(part.get("spot_check_every", DEFAULTS["spot_check_every"]))
    by_itself = part.get("publish", "auto") == "auto"
    found = [
        Line(
            "Goes out by itself",
            f"from {confidence:.0%} cut-out confidence" if by_itself else "never, a person starts it",
        )
    ]
    if every:
        found.append(Line("Spot check", f"one good picture in {every} is shown to a person"))
    bound = part.get("max_correct_delta_e")
    if bound is not None:
        found.append(Line("Corrected light", f"may move colours by ΔE {bound:g} on average"))
    shown = {"min_confidence", "spot_check_every", "publish", "max_correct_delta_e"}
    others = {k: v for k, v in part.items() if k not in shown}
    return found + [Line(name.replace("_", " ").capitalize(), str(value)) for name, value in others.items()]


def _publish(part: Part) -> list[Line]:
    """What is said of the picture in the store; what a recipe leaves as usual has no line."""
    mode = part.get("mode", "replace")
    found = [Line("In the product it", dict(Mode.choices).get(mode, str(mode)))] if mode != "replace" else []
    names = {"file_name": "File name", "alt": "Alt text", "title": "Media title", "caption": "Caption"}
    return found + [Line(name, str(part[key])) for key, name in names.items() if part.get(key)]


def _unknown(body: Part) -> list[Line]:
    found = []
    for name, value in body.items():
        if name not in KNOWN:
            found.append(Line(name, str(value)))
        elif name != "review" and isinstance(value, Mapping):
            found += [Line(f"{name}.{k}", str(v)) for k, v in value.items() if k not in KNOWN[name]]
    return found
