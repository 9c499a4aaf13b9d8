"""Bars for a small inline SVG: no script, and colours come from the page, so they follow light and dark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

STEP, BAR, HEIGHT = 10.0, 7.0, 100.0
# A day with any cost at all is seen.
LEAST = 1.5


@dataclass(frozen=True)
class Bar:
    """One day's bar in units of the drawing; `micros` is what it stands for."""

    day: dt.date
    micros: int
    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Chart:
    """Bars side by side, the tallest as high as the drawing. `most` is the dearest day, None where nothing cost."""

    bars: list[Bar]
    width: float
    most: Bar | None
    bar_width: float = BAR
    height: float = HEIGHT


def per_day(costs: Sequence[tuple[dt.date, int]]) -> Chart:
    """Of (day, micros), in order."""
    top = max((micros for _, micros in costs), default=0)
    bars = []
    for number, (day, micros) in enumerate(costs):
        height = max(LEAST, HEIGHT * micros / top) if micros > 0 else 0.0
        x = round(number * STEP + (STEP - BAR) / 2, 2)
        bars.append(Bar(day, micros, x, round(HEIGHT - height, 2), round(height, 2)))
    most = max(bars, key=lambda bar: bar.micros) if top > 0 else None
    return Chart(bars, len(bars) * STEP, most)
