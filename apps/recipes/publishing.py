"""A recipe's part ``publish``: what its pictures do to a product, and what they are called there."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from apps.lib.errors import BadRequest

# As apps.publishing.models.Mode: that room stands above this one. A test compares them.
MODES = ("replace", "add", "first", "variation")
# What may stand between braces in a text.
WORDS = ("product", "sku", "vendor", "category", "photo", "alt", "position")
TEXTS = ("file_name", "alt", "title", "caption")
DEFAULTS = {"mode": "replace", "file_name": "{photo}", "alt": "{alt}", "title": "{product}", "caption": ""}
_LONGEST = 300


def check(part: Any) -> None:
    """Raises BadRequest, naming what is wrong, for a part ``publish`` that can't be carried out."""
    if part is None:
        return
    if not isinstance(part, Mapping):
        raise BadRequest("publish has to be a table.")
    unknown = set(part) - set(DEFAULTS)
    if unknown:
        raise BadRequest(f"publish.{min(unknown)} is not known; there is {', '.join(DEFAULTS)}.")
    if part.get("mode", "replace") not in MODES:
        raise BadRequest(f"publish.mode has to be one of {', '.join(MODES)}.")
    for name in TEXTS:
        if name in part:
            _check_text(name, part[name])


def _check_text(name: str, pattern: Any) -> None:
    if not isinstance(pattern, str) or len(pattern) > _LONGEST:
        raise BadRequest(f"publish.{name} has to be a text of at most {_LONGEST} characters.")
    try:
        fields = [(field, how, turn) for _, field, how, turn in string.Formatter().parse(pattern)]
    except ValueError as error:
        raise BadRequest(f"publish.{name} has a brace that does not close.") from error
    for field, how, turn in fields:
        # Attributes, indexes and formats are refused: a pattern puts words in, it does not compute.
        if field is not None and (field not in WORDS or how or turn):
            raise BadRequest(f"publish.{name}: {{{field}}} is not known; there is {', '.join(WORDS)}.")
