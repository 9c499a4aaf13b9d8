"""A recipe's body in words. Fields that this page does not know yet are shown as they stand, never hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat

from apps.review.policy import DEFAULTS

SHADOWS = {"contact": "soft contact shadow under the product", "cast": "cast shadow", "none": "no shadow"}
KNOWN = {"pipeline", "engine", "backdrop", "framing", "shadow", "output", "review"}


@dataclass(frozen=True)
class Line:
    """One property. `colours` are hex colours to show as swatches."""

    name: str
    value: str
    colours: tuple[str, ...] = ()


def lines(body: Mapping[str, Any]) -> list[Line]:
    """What a recipe does, a line per property."""
    found = [
        Line("Pipeline", str(body.get("pipeline", ""))),
        _backdrop(body.get("backdrop", {})),
        Line("Framing", _framing(body.get("framing", {}))),
        Line("Shadow", SHADOWS.get(kind := body.get("shadow", {}).get("kind", "contact"), kind)),
        Line("File", _output(body.get("output", {}))),
        *_review(body.get("review", {})),
    ]
    if "engine" in body:
        found.append(Line("Engine", str(body["engine"])))
    return found + [Line(name, str(value)) for name, value in body.items() if name not in KNOWN]


def _backdrop(part: Mapping[str, Any]) -> Line:
    kind, colour = part.get("kind", "solid"), part.get("color", "#ffffff")
    match kind:
        case "transparent":
            return Line("Backdrop", "transparent")
        case "image":
            return Line("Backdrop", "a picture")
        case "gradient":
            lower = part.get("color2") or colour
            return Line("Backdrop", f"gradient from {colour} to {lower}", (colour, lower))
    name = "pure white" if str(colour).lower() == "#ffffff" else str(colour)
    return Line("Backdrop", name, (colour,))


def _framing(part: Mapping[str, Any]) -> str:
    canvas = part.get("canvas_px", [1600, 1600])
    fill = f"the product fills {part.get('fill', 0.85):.0%}"
    if not canvas:
        return "the photo's own size and place"
    return f"{canvas[0]} × {canvas[1]} px, {fill}"


def _output(part: Mapping[str, Any]) -> str:
    limit = part.get("max_bytes")
    text = str(part.get("format", "jpeg")).upper()
    return f"{text}, at most {filesizeformat(limit)}" if limit else text


def _review(part: Mapping[str, Any]) -> list[Line]:
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
    others = {k: v for k, v in part.items() if k not in {"min_confidence", "spot_check_every", "publish"}}
    return found + [Line(name.replace("_", " ").capitalize(), str(value)) for name, value in others.items()]
