"""index.html: summary, plots, the worst dozen. all.html: every photo. report.json: every number."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.folder import KINDS
from benchmarks.quality import Measured
from benchmarks.report import sections
from benchmarks.report.machine import machine
from benchmarks.speed import Timed

if TYPE_CHECKING:
    from benchmarks.cutout import Confidence

WORST = 12
CSS = Path(__file__).with_name("style.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Report:
    """Everything the pages show.

    `data` names the bench folder, None where photos were drawn; times are Unix seconds.
    """

    engine: str
    data: str | None
    threshold: float
    results: Sequence[Measured]
    confidence: Confidence
    timed: Timed | None
    started: float
    ended: float


def write(folder: Path, report: Report) -> Path:
    """Writes the pages into `folder` (pictures lie there already, under pictures/). Returns index.html."""
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.html"
    index.write_text(_index(report), encoding="utf-8")
    (folder / "all.html").write_text(_all(report), encoding="utf-8")
    numbers = {**asdict(report), "results": [asdict(r) for r in report.results], "machine": machine()}
    (folder / "report.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    return index


def _index(report: Report) -> str:
    worst = sorted(report.results, key=lambda r: (r.score.iou, -r.score.mae))[:WORST]
    body = [
        f"<h1>Cut-outs by {escape(report.engine)}</h1>",
        f'<p class="soft">{_what(report)}</p>',
        sections.tiles(report.results, report.confidence, report.timed),
        sections.quality_table(report.results, report.timed, report.threshold),
        sections.prototypes() if report.data is not None else "",
        sections.distribution(report.results),
        sections.confidence(report.results, report.confidence, report.threshold),
        sections.speed(report.timed) if report.timed else "",
        f"<h2>The worst {len(worst)}</h2>",
        sections.key(),
        sections.cards(worst, report.threshold),
        f'<p><a href="all.html">All {len(report.results)} photos</a></p>',
        sections.how(report.data is None),
        sections.facts({**machine(), **(_loads(report.timed) if report.timed else {})}),
    ]
    return _page(f"Cut-outs by {report.engine}", body)


def _all(report: Report) -> str:
    body = [
        "<h1>All photos, worst first</h1>",
        '<p><a href="index.html">Back to the summary</a></p>',
        sections.key(),
    ]
    for kind in KINDS:
        mine = sorted((r for r in report.results if r.kind == kind), key=lambda r: r.score.iou)
        if mine:
            body += [
                f'<h2 id="{kind}">{kind.capitalize()} ({len(mine)})</h2>',
                sections.cards(mine, report.threshold, lazy=True),
            ]
    return _page("All photos", body)


def _what(report: Report) -> str:
    photos = "drawn samples" if report.data is None else f"the folder {escape(report.data)}"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(report.ended))
    return f"{len(report.results)} photos from {photos} · {when} · took {report.ended - report.started:.0f} s"


def _loads(timed: Timed) -> dict[str, str]:
    shown = ", ".join(f"{load:.1f} before {what}" for what, load in timed.load.items())
    return {"Load average": f"{shown}. Over about half the cores, seconds are an upper bound."}


def _page(title: str, body: Sequence[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body><main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main></body></html>\n"
    )
