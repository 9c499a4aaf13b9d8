"""Shopify's search syntax, as far as it is needed: ``updated_at:>'2026-01-01T00:00:00Z' AND status:active``.

What isn't known here is refused in plain words: Shopify ignores it silently, and a test that passes because of that
proves nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_TERM = re.compile(
    r"\s*(?:AND\s+)?(?P<name>[a-z_]+):(?P<op>>=|<=|>|<)?(?P<value>'[^']*'|\"[^\"]*\"|[^\s()]+)", re.IGNORECASE
)
_TIMES = frozenset({"updated_at", "created_at"})
_NUMBERS = frozenset({"id"})
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "": lambda a, b: a == b,
}


class BadSearch(ValueError):
    """A filter that the sandbox does not play."""


@dataclass(frozen=True)
class Term:
    """One condition; a time is kept in seconds, a number as one, a word in lower case."""

    name: str
    operator: str
    value: Any

    def holds(self, fields: Mapping[str, Any]) -> bool:
        """Whether a thing with these fields is meant."""
        if self.name not in fields:
            raise BadSearch(f"the sandbox does not search by {self.name}")
        have = fields[self.name]
        if self.name in _TIMES:
            have = seconds(have)
        elif isinstance(have, list | tuple):
            return self.value in [str(one).lower() for one in have]
        elif self.name not in _NUMBERS:
            have = str(have).lower()
            if str(self.value).endswith("*"):
                return have.startswith(self.value[:-1])
        return _OPERATORS[self.operator](have, self.value)


@dataclass(frozen=True)
class Search:
    """All of a filter's conditions, which hold together."""

    terms: tuple[Term, ...] = ()

    def holds(self, fields: Mapping[str, Any]) -> bool:
        """Whether a thing with these fields is meant."""
        return all(term.holds(fields) for term in self.terms)

    def by_time(self) -> Search:
        """The conditions on times alone."""
        return Search(tuple(term for term in self.terms if term.name in _TIMES))


def read(text: str | None) -> Search:
    """The conditions of a `query` argument. Raises `BadSearch`."""
    rest, terms = (text or "").strip(), []
    while rest:
        found = _TERM.match(rest)
        if found is None:
            raise BadSearch(f"the sandbox does not understand the filter from here on: {rest[:60]}")
        terms.append(_term(found["name"].lower(), found["op"] or "", found["value"].strip("'\"")))
        rest = rest[found.end() :].strip()
    return Search(tuple(terms))


def seconds(text: str) -> float:
    """A time of the API, or a day, as seconds since 1970. Raises `BadSearch`."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise BadSearch(f"not a time: {text[:40]}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _term(name: str, operator: str, value: str) -> Term:
    if name in _TIMES:
        return Term(name, operator, seconds(value))
    if name in _NUMBERS:
        if not value.isdigit():
            raise BadSearch(f"{name} is a number: {value[:40]}")
        return Term(name, operator, int(value))
    return Term(name, operator, value.lower())
