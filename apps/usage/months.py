"""Calendar months in UTC, which budgets and the usage page count by."""

from __future__ import annotations

import datetime as dt
import re

from django.utils import timezone


def this() -> dt.date:
    """The first day of the month that it is now."""
    return timezone.now().astimezone(dt.UTC).date().replace(day=1)


def after(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=32)).replace(day=1)


def before(month: dt.date) -> dt.date:
    return (month - dt.timedelta(days=1)).replace(day=1)


def days(month: dt.date) -> list[dt.date]:
    count = (after(month) - month).days
    return [month + dt.timedelta(days=n) for n in range(count)]


def read(text: str) -> dt.date | None:
    """``2026-11`` as its first day; None for anything else."""
    found = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", text)
    return dt.date(int(found[1]), int(found[2]), 1) if found else None
