"""The report's plots, drawn as inline SVG: colours come from the page, so they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from benchmarks.metrics import Bin

Scale = Callable[[float], float]
# A matte that is 0.995 right is twice as good as one of 0.99, so IoU is shown by what is missing, in powers of ten.
IOU_TICKS = (0.0, 0.5, 0.9, 0.95, 0.99, 0.995, 0.999)
MISSING_LEAST = 0.0007
NARROW = 500


@dataclass
class Plot:
    """A frame with two axes; `x` and `y` turn values into places. Parts are collected in drawing order."""

    width: int
    height: int
    x: Scale
    y: Scale
    left: int = 52
    bottom: int = 40
    top: int = 12
    right: int = 14
    parts: list[str] = field(default_factory=list)

    def px(self, value: float) -> float:
        """The place of an x value, in SVG units."""
        return self.left + self.x(value) * (self.width - self.left - self.right)

    def py(self, value: float) -> float:
        """The place of a y value, in SVG units; up is more."""
        return self.height - self.bottom - self.y(value) * (self.height - self.bottom - self.top)

    def line(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
        """A straight line between two places in SVG units."""
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def text(self, x: float, y: float, words: str, anchor: str = "middle", kind: str = "") -> None:
        """Words at a place."""
        of = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text{of} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>')

    def dot(self, x: float, y: float, title: str, bad: bool = False, radius: float = 4.5) -> None:
        """A point that tells its name under the pointer."""
        kind = "dot bad" if bad else "dot"
        self.parts.append(
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{escape(title)}</title></circle>'
        )

    def axes(
        self, xs: Mapping[float, str], ys: Mapping[float, str], x_title: str = "", y_title: str = ""
    ) -> None:
        """Grid lines with their labels, and what the axes mean."""
        floor, right = self.height - self.bottom, self.width - self.right
        for value, label in ys.items():
            self.line("grid", self.left, self.py(value), right, self.py(value))
            self.text(self.left - 7, self.py(value) + 4, label, "end")
        for value, label in xs.items():
            self.line("grid", self.px(value), self.top, self.px(value), floor)
            self.text(self.px(value), floor + 17, label)
        self.line("axis", self.left, floor, right, floor)
        if x_title:
            self.text((self.left + right) / 2, self.height - 4, x_title)
        if y_title:
            middle = (self.top + floor) / 2
            self.parts.append(
                f'<text x="12" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 12 {middle:.1f})">'
                f"{escape(y_title)}</text>"
            )

    def svg(self, said: str) -> str:
        """The finished picture; `said` tells it to those who don't see it."""
        wide = ' class="wide"' if self.width > NARROW else ""
        return (
            f'<svg{wide} viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(said, quote=True)}">'
            + "".join(self.parts)
            + "</svg>"
        )


def share(low: float, high: float) -> Scale:
    """An even scale."""
    return lambda value: (value - low) / (high - low)


def powers(low: float, high: float) -> Scale:
    """A logarithmic scale."""
    return lambda value: math.log(value / low) / math.log(high / low)


def by_missing(value: float) -> float:
    """Where an IoU stands: 0 on the left (IoU 0) to 1, by powers of ten of what is missing."""
    return math.log(max(1 - value, MISSING_LEAST)) / math.log(MISSING_LEAST)


def distribution(rows: Mapping[str, Sequence[tuple[str, float]]], good: float) -> str:
    """Every photo's IoU as a dot, one row per kind; dots that would hide one another step aside."""
    row_px = 46
    plot = Plot(900, row_px * len(rows) + 56, by_missing, lambda row: row, left=66)
    names = list(rows)
    plot.y = lambda row: 1 - (row + 0.5) / len(names)
    ticks = {value: f"{value:g}" for value in IOU_TICKS}
    plot.axes(ticks, dict(enumerate(names)), "IoU, spread by what is missing to 1")
    plot.line("limit", plot.px(good), plot.top, plot.px(good), plot.height - plot.bottom)
    for row, photos in enumerate(rows.values()):
        taken: dict[int, int] = {}
        for name, iou in sorted(photos, key=lambda photo: photo[1]):
            place = round(plot.px(iou) / 9)
            nth = taken[place] = taken.get(place, -1) + 1
            step_px = (nth + 1) // 2 * 8 * (1 if nth % 2 else -1)
            aside = max(-row_px / 2 + 4, min(row_px / 2 - 4, step_px))
            plot.dot(plot.px(iou), plot.py(row) + aside, f"{name}: IoU {iou:.3f}", bad=iou < good)
    worst = ", ".join(f"{k} {min((p[1] for p in v), default=0):.3f}" for k, v in rows.items())
    return plot.svg(f"IoU of every photo by kind of backdrop. Lowest: {worst}.")


def reliability(bins: Sequence[Bin]) -> str:
    """Stated against observed: on the dashed line a confidence means what it says. Bars are 95 % intervals."""
    plot = Plot(440, 330, share(0, 1), share(0, 1))
    ticks = {n / 5: f"{n / 5:g}" for n in range(6)}
    plot.axes(ticks, ticks, "stated confidence", "share with IoU ≥ 0.9")
    plot.line("ideal", plot.px(0), plot.py(0), plot.px(1), plot.py(1))
    most = max((b.count for b in bins), default=1)
    for b in bins:
        x = plot.px(b.stated)
        plot.line("line", x, plot.py(b.interval[0]), x, plot.py(b.interval[1]))
        radius = 3.5 + 6 * math.sqrt(b.count / most)
        plot.dot(
            x,
            plot.py(b.observed),
            f"{b.count} photos: stated {b.stated:.2f}, observed {b.observed:.2f}",
            radius=radius,
        )
        above = plot.py(b.observed) > plot.top + 40
        offset = -radius - 5 if above else radius + 14
        # Beside, where the number on top would stand on the interval's line.
        plot.text(x - radius - 4, plot.py(b.observed) + offset / 2, f"{b.count}", "end")
    said = "; ".join(f"{b.count} at {b.stated:.2f} came true {b.observed:.2f}" for b in bins)
    return plot.svg(f"Reliability diagram. {said}.")


def trust(photos: Sequence[tuple[str, float, float]], good: float, threshold: float) -> str:
    """Confidence against IoU: whoever stands right of and below the dashed lines was accepted and is wrong."""
    plot = Plot(440, 330, share(0, 1), by_missing)
    plot.axes(
        {n / 5: f"{n / 5:g}" for n in range(6)}, {v: f"{v:g}" for v in IOU_TICKS}, "stated confidence", "IoU"
    )
    plot.line("limit", plot.px(threshold), plot.top, plot.px(threshold), plot.height - plot.bottom)
    plot.line("limit", plot.left, plot.py(good), plot.width - plot.right, plot.py(good))
    for name, confidence, iou in photos:
        wrong = iou < good and confidence >= threshold
        plot.dot(
            plot.px(confidence), plot.py(iou), f"{name}: {confidence:.2f}, IoU {iou:.3f}", bad=wrong, radius=4
        )
    wrong_ones = sum(iou < good and confidence >= threshold for _, confidence, iou in photos)
    return plot.svg(
        f"Confidence against IoU of {len(photos)} photos; {wrong_ones} accepted ones are under IoU {good}."
    )


def growth(points: Sequence[tuple[float, float]], y_title: str, logarithmic: bool) -> str:
    """A measure over megapixels; both axes logarithmic where growth is to be read off as a slope."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    top: float = max(ys) * 1.25
    low = min(ys) / 1.5 if logarithmic else 0.0
    x_scale = powers(min(xs) * 0.9, max(xs) * 1.1) if len(xs) > 1 else share(0, 2 * max(xs))
    plot = Plot(440, 280, x_scale, powers(low, top) if logarithmic else share(0, top))
    marks = _round_marks(low, top, logarithmic)
    plot.axes({x: f"{x:.2g}" for x in xs}, {mark: f"{mark:g}" for mark in marks}, "megapixels", y_title)
    path = " ".join(f"{plot.px(x):.1f},{plot.py(y):.1f}" for x, y in points)
    plot.parts.append(f'<polyline class="line" points="{path}"/>')
    for x, y in points:
        plot.dot(plot.px(x), plot.py(y), f"{x:.3g} MP: {y:.3g}")
        plot.text(plot.px(x), plot.py(y) - 9, f"{y:.3g}", kind="value")
    return plot.svg(f"{y_title} by megapixels: " + ", ".join(f"{x:.3g} MP {y:.3g}" for x, y in points))


def bars(rows: Mapping[str, float], unit: str) -> str:
    """Lying bars with their values, longest value to scale."""
    row_px = 26
    most = max([*rows.values(), 1e-9])
    plot = Plot(440, row_px * len(rows) + 12, share(0, most * 1.3), lambda row: row, left=92, bottom=4, top=4)
    for row, (name, value) in enumerate(rows.items()):
        y = plot.top + row * row_px
        wide = plot.px(value) - plot.left
        plot.parts.append(
            f'<rect class="bar" x="{plot.left}" y="{y + 4}" width="{max(wide, 1):.1f}" height="15" rx="3"/>'
        )
        plot.text(plot.left - 8, y + 16, name, "end")
        plot.text(plot.left + wide + 6, y + 16, f"{value:.3f} {unit}", "start", "value")
    return plot.svg("; ".join(f"{name} {value:.3f} {unit}" for name, value in rows.items()))


def _round_marks(low: float, high: float, logarithmic: bool) -> list[float]:
    """Round numbers between `low` and `high`: 1, 2, 5 times powers of ten, or four to six even steps."""
    if logarithmic:
        tens = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        return [m * 10.0**n for n in tens for m in (1, 2, 5) if low <= m * 10.0**n <= high]
    step = 10 ** math.floor(math.log10(high))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if high / s <= 6)
    return [n * step for n in range(int(high / step) + 1)]
