"""The part `cutout`: quality, confidence, speed, memory and growth of cut-outs, and how long a packshot takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import drawn, folder, metrics, quality, speed
from benchmarks.asked import Asked
from benchmarks.errors import BenchError
from benchmarks.folder import KINDS, PLAIN, Case
from benchmarks.lines import Figure, put, say
from benchmarks.progress import followed
from benchmarks.quality import Measured
from benchmarks.report import page
from gpu_worker import engines

DEFAULT_THRESHOLD = 0.9
TIMED_PHOTOS = 40


@dataclass(frozen=True)
class Confidence:
    """What the confidences are worth, at the default threshold. None where there was nothing to count."""

    auroc: float | None
    accepted_share_plain: float | None
    accepted_bad_share: float | None
    accepted: int
    bad: int
    brier: float | None
    calibration_error: float | None
    bins: list[metrics.Bin]


def run(asked: Asked) -> int:
    """Prints every figure of the part and writes the report. Returns 0, or 1 where the engine broke on a photo."""
    started = time.time()
    engines.engine(asked.engine)  # an unknown one is told before a minute of drawing
    source = asked.data or drawn.folder(
        asked.cache,
        kinds=asked.kinds,
        limit=asked.limit,
        seed=asked.seed,
        size_px=asked.size_px,
        workers=asked.workers,
    )
    cases = folder.chosen(folder.read(source), asked.kinds, asked.limit)
    pictures = asked.report / "pictures"
    results = _results(cases, asked, pictures)
    trust = confidence(results)
    for figure in [*quality_figures(results), *confidence_figures(trust)]:
        put(figure)
    timed, failure = _timed(cases, asked)
    index = page.write(
        asked.report,
        page.Report(
            engine=asked.engine,
            data=source.name if asked.data else None,
            threshold=DEFAULT_THRESHOLD,
            results=results,
            confidence=trust,
            timed=timed,
            started=started,
            ended=time.time(),
        ),
    )
    for result in results:
        if result.error:
            say(f"{result.name}: {result.error}")
    for why in _undecided(trust):
        say(why)
    say(f"report: {index}")
    if failure is not None:
        raise failure
    return 1 if any(result.error for result in results) else 0


def _timed(cases: Sequence[Case], asked: Asked) -> tuple[speed.Timed | None, BenchError | None]:
    """What was timed, or why it wasn't: the quality that took minutes to measure is reported all the same."""
    if asked.quality_only:
        return None, None
    try:
        return speed.measure(_spread(cases, TIMED_PHOTOS), asked, put), None
    except BenchError as error:
        return None, error


def _results(cases: Sequence[Case], asked: Asked, pictures: Path) -> list[Measured]:
    found: Iterable[Measured] = quality.measured(
        cases,
        asked.engine,
        workers=asked.workers,
        pictures=pictures,
        with_reference=not asked.quality_only,
    )
    return list(followed(found, "cutting out", len(cases)))


def quality_figures(results: Sequence[Measured]) -> list[Figure]:
    """Mean IoU, error and edge error per kind of backdrop, each beside the yardstick's where it ran."""
    figures = []
    measures: tuple[tuple[str, str, Callable[[quality.Score], float | None]], ...] = (
        ("iou", "IoU", lambda score: score.iou),
        ("mae", "alpha", lambda score: score.mae),
        ("edge_mae", "alpha", lambda score: score.edge_mae),
    )
    for name, unit, of in measures:
        for kind in KINDS:
            mine = [r for r in results if r.kind == kind]
            value = mean(of(r.score) for r in mine)
            baseline = mean(of(r.reference) for r in mine if r.reference is not None)
            if value is not None:
                figures.append(Figure(f"cutout.{name}.{kind}", value, unit, baseline))
    return figures


def confidence(results: Sequence[Measured], threshold: float = DEFAULT_THRESHOLD) -> Confidence:
    """How well confidence tells good mattes (IoU ≥ 0.9) from bad, and what unseen acceptance would let through."""
    stated, good = [r.confidence for r in results], [r.score.good for r in results]
    plain = [r for r in results if r.kind in PLAIN]
    accepted = [r for r in results if r.confidence >= threshold]
    bad = sum(not r.score.good for r in accepted)
    bins = metrics.reliability(stated, good)
    return Confidence(
        auroc=metrics.auroc([1 - c for c in stated], [not g for g in good]),
        accepted_share_plain=mean(float(r.confidence >= threshold) for r in plain),
        accepted_bad_share=bad / len(accepted) if accepted else None,
        accepted=len(accepted),
        bad=bad,
        brier=metrics.brier(stated, good),
        calibration_error=metrics.calibration_error(bins),
        bins=bins,
    )


def confidence_figures(trust: Confidence) -> list[Figure]:
    """What could be counted; a figure without its cases is left out rather than invented."""
    found = (
        ("cutout.confidence_auroc", trust.auroc, "AUROC"),
        ("cutout.accepted_bad_share", trust.accepted_bad_share, "share of accepted"),
        ("cutout.accepted_share_plain", trust.accepted_share_plain, "share of plain"),
    )
    return [Figure(name, value, unit) for name, value, unit in found if value is not None]


def _undecided(trust: Confidence) -> list[str]:
    """Why a figure is missing."""
    reasons = []
    if trust.auroc is None:
        reasons.append("cutout.confidence_auroc is left out: it needs mattes on both sides of IoU 0.9.")
    if trust.accepted_bad_share is None:
        reasons.append("cutout.accepted_bad_share is left out: nothing was accepted.")
    if trust.accepted_share_plain is None:
        reasons.append("cutout.accepted_share_plain is left out: there is no photo on white, grey or paper.")
    return reasons


def _spread(cases: Sequence[Case], most: int) -> list[Case]:
    """At most `most` of them, evenly from first to last: the turn of kinds stays as it is."""
    step = max(1, -(-len(cases) // most))
    # A step that shares a factor with the number of kinds would time some kinds only.
    while step > 1 and len({case.kind for case in cases[::step]}) < len({case.kind for case in cases}):
        step -= 1
    return list(cases[::step])


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of those that are numbers; None where none is."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
