"""A rule as one sentence in a merchant's words."""

from __future__ import annotations

import dataclasses

from apps.automation.models import Happening, Rule
from apps.jobs.filters import Filter
from apps.jobs.meaning import meant
from apps.jobs.models import Lane

LANES = {
    Lane.URGENT: "before everything else",
    Lane.STANDARD: "",
    Lane.BULK: "when nothing newer waits",
}


def sentence(rule: Rule) -> str:
    """When what happens, on which products, what is made, and when not."""
    recipe = str(rule.recipe) if rule.recipe else "the automatic recipe"
    parts = [
        f"When {_either([_event(rule, e) for e in rule.events])}{_which(rule)}, make {recipe}",
        "at once" if not rule.calm_s else f"once the product was left alone for {duration(rule.calm_s)}",
        LANES[Lane(rule.lane)],
        f"at most {rule.daily_cap:,} a day" if rule.daily_cap is not None else "",
    ]
    if rule.quiet_from is not None and rule.quiet_until is not None:
        parts.append(f"not between {rule.quiet_from:%H:%M} and {rule.quiet_until:%H:%M}")
    return ", ".join(part for part in parts if part) + "."


def duration(seconds: int) -> str:
    """Exactly: 90 seconds, 2 minutes, 1 hour."""
    for size, name in ((3600, "hour"), (60, "minute")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {name}{'' if seconds == size else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def _event(rule: Rule, event: str) -> str:
    if event == Happening.TAG_ADDED and rule.tags:
        return f"the tag {_either([f'“{tag}”' for tag in rule.tags])} is added"
    return Happening(event).label


def _which(rule: Rule) -> str:
    only = Filter.from_json(rule.filter)
    of_product = dataclasses.replace(only, missing_alt=False, main_photo_only=False, never_rendered=False)
    of_photo = Filter(
        missing_alt=only.missing_alt,
        main_photo_only=only.main_photo_only,
        never_rendered=only.never_rendered,
    )
    products = " and ".join(meant(of_product))
    return (f" on products {products}" if products else "") + "".join(f", {m}" for m in meant(of_photo))


def _either(words: list[str]) -> str:
    return " or ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} or {words[-1]}"
