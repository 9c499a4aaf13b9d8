"""Checks of single values in a recipe: each gives the value back, or raises BadRecipe with the name of its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NoReturn

from gpu_worker.errors import BadRecipe

HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")


def table(raw: Any, name: str, known: Any) -> Mapping[str, Any]:
    """`raw` if it is a table without other fields than those of the dataclass `known`; nothing is an empty table."""
    if raw is None and name != "recipe":
        return {}
    if not isinstance(raw, Mapping):
        wrong(name, "a table", raw)
    unknown = sorted(str(key) for key in raw if key not in {field.name for field in fields(known)})
    if unknown:
        prefix = "" if name == "recipe" else f"{name}."
        raise BadRecipe(f"The recipe has a field that is not known: {prefix}{unknown[0]}.")
    return raw


def one_of(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    return value if value in allowed else wrong(name, "one of " + ", ".join(allowed), value)


def word(value: Any, name: str) -> str:
    return value if isinstance(value, str) and value else wrong(name, "a name", value)


def flag(value: Any, name: str) -> bool:
    return value if isinstance(value, bool) else wrong(name, "true or false", value)


def colour(value: Any, name: str) -> str:
    good = isinstance(value, str) and HEX_COLOUR.match(value)
    return value.lower() if good else wrong(name, "a colour such as #ffffff", value)


def number(value: Any, name: str, low: float, high: float) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    return float(value) if good else wrong(name, f"a number from {low:g} to {high:g}", value)


def shares(value: Any, name: str, count: int) -> list[float]:
    if not isinstance(value, list | tuple) or len(value) != count:
        wrong(name, f"a list of {count} shares from 0 to 1", value)
    return [number(each, name, 0.0, 1.0) for each in value]


def integer(value: Any, name: str, low: int, high: int) -> int:
    good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    return value if good else wrong(name, f"a whole number from {low} to {high}", value)


def optional(value: Any, name: str, low: int, high: int) -> int | None:
    return None if value is None else integer(value, name, low, high)


def wrong(name: str, wanted: str, value: Any) -> NoReturn:
    raise BadRecipe(f"The recipe's {name} must be {wanted}, not {value!r:.60}.")
