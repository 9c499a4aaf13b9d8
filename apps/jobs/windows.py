"""A workspace's off-peak window: wall-clock times in its own time zone, read without a database."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from functools import cache

ALWAYS = (None, None)


@cache
def zones() -> frozenset[str]:
    """The time zones that this machine knows, by their IANA names."""
    return frozenset(zoneinfo.available_timezones())


@cache
def zone(name: str) -> dt.tzinfo:
    """UTC where the machine that runs this knows no such zone any more."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return dt.UTC


def is_open(now: dt.datetime, *, time_zone: str, start: dt.time | None, end: dt.time | None) -> bool:
    """Whether the wall clock there stands in the window. No window, or one from a time to the same, is always open.

    A window that ends before it starts passes midnight. Only the wall clock counts: on the night when clocks are put
    forward a window is an hour shorter, and when they are put back an hour longer, and it never opens at another time.
    """
    if start is None or end is None or start == end:
        return True
    there = now.astimezone(zone(time_zone)).time()
    if start < end:
        return start <= there < end
    return there >= start or there < end
