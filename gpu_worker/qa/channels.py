"""What sales channels ask of a picture, as rules over measures: each gives pass or fail with the number it saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Value = float | int | str | bool


@dataclass(frozen=True)
class Check:
    """One rule held against one picture."""

    rule: str
    passed: bool
    value: Value
    wanted: str


@dataclass(frozen=True)
class Rule:
    """`measure` is looked up among the measures and given to `holds`."""

    name: str
    measure: str
    wanted: str
    holds: Callable[[Value], bool]


def _at_least(limit: float) -> Callable[[Value], bool]:
    return lambda value: isinstance(value, int | float) and value >= limit


def _at_most(limit: float) -> Callable[[Value], bool]:
    return lambda value: isinstance(value, int | float) and value <= limit


# Amazon's main image: Seller Central "Product image requirements" as told by several seller guides in 2026 (the page
# itself asks for a login): pure white, product at least 85 %, 1,000 px for zoom, 10,000 px at most, JPEG best.
AMAZON_MAIN = (
    Rule("pure white background", "border_white_share", "every border pixel 255, 255, 255", _at_least(0.999)),
    Rule("product fills the frame", "fill", "at least 0.85", _at_least(0.85)),
    Rule("large enough to zoom", "longest_px", "at least 1000 px", _at_least(1000)),
    Rule("not too large", "longest_px", "at most 10000 px", _at_most(10_000)),
    Rule("file format", "format", "jpeg, png, tiff or gif", lambda v: v in {"jpeg", "png", "tiff", "gif"}),
    Rule("file size", "size_bytes", "at most 10 MB", _at_most(10_000_000)),
)
CHANNELS: Mapping[str, tuple[Rule, ...]] = {"amazon-main": AMAZON_MAIN}


def check(channel: str, measures: Mapping[str, Value]) -> list[Check]:
    """Every rule of the channel, in order. Raises KeyError for a channel nobody knows."""
    return [
        Check(rule.name, bool(rule.holds(measures[rule.measure])), measures[rule.measure], rule.wanted)
        for rule in CHANNELS[channel]
    ]
