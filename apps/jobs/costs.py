"""What a month cost by recipe, batch and store, with their names."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from apps.jobs.models import Batch
from apps.recipes.models import Recipe
from apps.stores.models import Store
from apps.usage import months
from apps.usage import selectors as usage
from apps.usage.selectors import Sums

KINDS: dict[str, Any] = {"store": Store, "recipe": Recipe, "batch": Batch}


@dataclass(frozen=True)
class Part:
    """One recipe, batch or store; `id` is 0 for work outside any batch, `name` then empty, as for what is gone."""

    id: int
    name: str
    sums: Sums


def parts(workspace: int, month: dt.date, kind: str) -> list[Part]:
    """Each `kind` (store, recipe, batch) that something was used for in the month, the dearest first."""
    found = usage.sums_by(workspace, month, months.after(month), kind)
    names = _names(workspace, kind, [key[0] for key, _ in found])
    return [Part(key[0], names.get(key[0], ""), total) for key, total in found]


def lines(workspace: int, month: dt.date) -> list[tuple[dt.date, dict[str, str], Sums]]:
    """Every day × store × recipe × batch of the month with the names of the three, in order of days."""
    found = sorted(usage.sums_by(workspace, month, months.after(month), *usage.BY), key=lambda pair: pair[0])
    names = {kind: _names(workspace, kind, [key[usage.BY.index(kind)] for key, _ in found]) for kind in KINDS}
    return [
        (key[0], {kind: names[kind].get(key[usage.BY.index(kind)], "") for kind in KINDS}, total)
        for key, total in found
    ]


def _names(workspace: int, kind: str, ids: list[int]) -> dict[int, str]:
    return dict(KINDS[kind].objects.filter(workspace=workspace, pk__in=ids).values_list("pk", "name"))
