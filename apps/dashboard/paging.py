"""Pages by id, newest first: no count, no offset, stable while rows are added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode

M = TypeVar("M", bound=Model)
PAGE_SIZE = 24


@dataclass(frozen=True)
class Page(Generic[M]):
    """Rows of one page; `older` and `newer` are query strings of its neighbours, empty where there is none."""

    rows: list[M]
    older: str = ""
    newer: str = ""


def page_of(found: QuerySet[M], request: HttpRequest, *, size: int = PAGE_SIZE) -> Page[M]:
    """The page that `?before=ID` or `?after=ID` asks for; other parameters stay in the neighbours' addresses."""
    before, after = _number(request.GET.get("before")), _number(request.GET.get("after"))
    if after is not None:
        rows = list(found.filter(pk__gt=after).order_by("pk")[: size + 1])
        has_newer, rows = len(rows) > size, rows[:size][::-1]
        if not has_newer and len(rows) < size:
            # The first page, full: who goes back to the top should not see a short one.
            return _page(list(found.order_by("-pk")[: size + 1]), request, size, newer=False)
        return Page(
            rows,
            older=_query(request, before=rows[-1].pk),
            newer=_query(request, after=rows[0].pk) if has_newer else "",
        )
    if before is not None:
        found = found.filter(pk__lt=before)
    return _page(list(found.order_by("-pk")[: size + 1]), request, size, newer=before is not None)


def _page(rows: list[M], request: HttpRequest, size: int, *, newer: bool) -> Page[M]:
    older = _query(request, before=rows[size - 1].pk) if len(rows) > size else ""
    rows = rows[:size]
    return Page(rows, older, _query(request, after=rows[0].pk) if newer and rows else "")


def _query(request: HttpRequest, **extra: Any) -> str:
    kept = {k: v for k, v in request.GET.items() if k not in {"before", "after"} and v}
    return "?" + urlencode({**kept, **extra})


def _number(text: str | None) -> int | None:
    # Larger than a bigint can't be an id, and PostgreSQL would refuse it.
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
