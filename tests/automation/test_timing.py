"""When a rule may act: quiet hours and days are the shop's own, also on the nights when clocks are changed."""

from __future__ import annotations

import datetime as dt

import pytest

from apps.automation import timing

BERLIN = "Europe/Berlin"
NIGHT = {"time_zone": BERLIN, "start": dt.time(22), "end": dt.time(7)}


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("now", "over"),
    [
        ("2026-07-01T19:59", None),  # 21:59 in Berlin
        ("2026-07-01T20:00", "2026-07-02T05:00"),
        ("2026-07-02T04:59", "2026-07-02T05:00"),
        ("2026-07-02T05:00", None),
        ("2026-03-28T22:00", "2026-03-29T05:00"),  # clocks go forward that night: 7:00 comes an hour earlier
        ("2026-10-24T21:00", "2026-10-25T06:00"),  # and back: an hour later
    ],
)
def test_quiet_hours_end_at_the_shops_own_seven_o_clock(now: str, over: str | None) -> None:
    assert timing.quiet_until(utc(now), **NIGHT) == (utc(over) if over else None)


def test_quiet_hours_within_one_day() -> None:
    hours = {"time_zone": "UTC", "start": dt.time(9), "end": dt.time(17)}
    assert timing.quiet_until(utc("2026-07-01T10:00"), **hours) == utc("2026-07-01T17:00")
    assert timing.quiet_until(utc("2026-07-01T18:00"), **hours) is None


def test_no_quiet_hours_are_never_quiet() -> None:
    for start, end in ((None, None), (dt.time(9), dt.time(9)), (dt.time(9), None)):
        assert timing.quiet_until(utc("2026-07-01T10:00"), time_zone="UTC", start=start, end=end) is None


def test_a_day_is_the_shops_own() -> None:
    day, tomorrow = timing.day_of(utc("2026-07-01T23:00"), time_zone=BERLIN)
    assert (day, tomorrow) == (utc("2026-07-01T22:00"), utc("2026-07-02T22:00"))
    long_day = timing.day_of(utc("2026-10-25T12:00"), time_zone=BERLIN)
    assert long_day[1] - long_day[0] == dt.timedelta(hours=25)


def test_a_product_that_never_comes_to_rest_is_rendered_all_the_same() -> None:
    first = utc("2026-07-01T10:00")
    at = timing.calm_at(first, first + dt.timedelta(seconds=20), calm_s=30, ceiling_s=600)
    assert at == first + dt.timedelta(seconds=50)
    assert timing.calm_at(first, first + dt.timedelta(minutes=30), calm_s=30, ceiling_s=600) == utc(
        "2026-07-01T10:10"
    )
    assert timing.calm_at(first, first, calm_s=900, ceiling_s=600) == utc("2026-07-01T10:15"), "calm is meant"
