"""When a rule may act: calm, quiet hours and the shop's own days, computed without a database."""

from __future__ import annotations

import datetime as dt

from apps.jobs import windows

ONE_DAY = dt.timedelta(days=1)
# Where clocks are changed, an hour of the wall may come twice or never: look again soon.
SOON = dt.timedelta(minutes=1)


def calm_at(first: dt.datetime, last: dt.datetime, *, calm_s: int, ceiling_s: int) -> dt.datetime:
    """When it was quiet for `calm_s` since `last`, but no later than `ceiling_s` after `first`; both in seconds."""
    return min(last + dt.timedelta(seconds=calm_s), first + dt.timedelta(seconds=max(calm_s, ceiling_s)))


def quiet_until(
    now: dt.datetime, *, time_zone: str, start: dt.time | None, end: dt.time | None
) -> dt.datetime | None:
    """When the quiet hours that `now` falls into are over; None outside of them, or where there are none."""
    if start is None or end is None or start == end:
        return None
    if not windows.is_open(now, time_zone=time_zone, start=start, end=end):
        return None
    there = now.astimezone(windows.zone(time_zone))
    over = _at(there.date(), end, time_zone)
    if over <= now:
        over = _at(there.date() + ONE_DAY, end, time_zone)
    return max(over, now + SOON)


def day_of(now: dt.datetime, *, time_zone: str) -> tuple[dt.datetime, dt.datetime]:
    """The shop's own day that `now` falls into: its first moment, and the next day's."""
    today = now.astimezone(windows.zone(time_zone)).date()
    return _at(today, dt.time(), time_zone), _at(today + ONE_DAY, dt.time(), time_zone)


def _at(day: dt.date, time: dt.time, time_zone: str) -> dt.datetime:
    return dt.datetime.combine(day, time, tzinfo=windows.zone(time_zone)).astimezone(dt.UTC)
