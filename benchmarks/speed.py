"""How long and how much memory: each measurement in a fresh process, one photo at a time, nothing of ours beside it."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import drawn, probe
from benchmarks.asked import Asked
from benchmarks.folder import Case
from benchmarks.lines import Figure, say
from benchmarks.metrics import growth_exponent
from benchmarks.progress import followed
from gpu_worker import threads

WHITE_PACKSHOT: dict[str, Any] = {
    "pipeline": "background",
    "backdrop": {"kind": "solid", "color": "#ffffff"},
    "framing": {"canvas_px": [1600, 1600], "fill": 0.85},
    "shadow": {"kind": "contact"},
    "output": {"format": "jpeg", "max_bytes": None},
    "review": {"min_confidence": 0.9},
}
# One the engine finds easy and two it must think about: (sample, kind).
SIZED_PHOTOS = (("mug", "grey"), ("sneaker", "texture"), ("lamp", "room"))
ROUNDS = 2
NAMED_MP = 12.0
MAX_PACKSHOTS = 20
REFERENCE_EVERY = 4


@dataclass(frozen=True)
class Size:
    """Cut-outs at one size: the median photo's seconds, and the process's peak beside what imports alone take."""

    megapixels: float
    seconds: float
    cpu_seconds: float
    peak_mib: float
    import_mib: float


@dataclass
class Timed:
    """Everything that was timed. `load` is the machine's load average (1 minute) before each section."""

    by_photo: dict[str, probe.Run] = field(default_factory=dict)
    seconds_1024: float = math.nan
    cpu_seconds_1024: float = math.nan
    reference_seconds: float = math.nan
    sizes: list[Size] = field(default_factory=list)
    exponent: float | None = None
    packshot_seconds: float = math.nan
    packshot_cpu_seconds: float = math.nan
    stages: dict[str, float] = field(default_factory=dict)
    load: dict[str, float] = field(default_factory=dict)


def measure(cases: Sequence[Case], asked: Asked, put: Callable[[Figure], None]) -> Timed:
    """Times `cases` at their own size, drawn photos at growing sizes, packshots. `put` gets each figure at once."""
    timed = Timed()
    photos = [case.photo for case in cases]
    _at_own_size(timed, cases, photos, asked, put)
    _at_growing_sizes(timed, asked, put)
    _packshots(timed, photos[:MAX_PACKSHOTS], asked, put)
    return timed


def _at_own_size(
    timed: Timed, cases: Sequence[Case], photos: list[Path], asked: Asked, put: Callable[[Figure], None]
) -> None:
    timed.load["cut-outs"] = load = os.getloadavg()[0]
    if load > threads.cores() / 2:
        say(f"others use this machine (load {load:.1f} on {threads.cores()} cores): seconds are upper bounds")
    answer = probe.ask("cutout", photos, engine=asked.engine, reference_every=REFERENCE_EVERY)
    timed.by_photo = {case.name: run for case, run in zip(cases, answer.runs, strict=True)}
    timed.seconds_1024 = _median(run.seconds for run in answer.runs)
    timed.cpu_seconds_1024 = _median(run.cpu_seconds for run in answer.runs)
    timed.reference_seconds = _median(
        run.reference_seconds for run in answer.runs if run.reference_seconds is not None
    )
    put(Figure("cutout.seconds_1024", timed.seconds_1024, "s", timed.reference_seconds))


def _at_growing_sizes(timed: Timed, asked: Asked, put: Callable[[Figure], None]) -> None:
    for megapixels in followed(asked.sizes_mp, "growing sizes", len(asked.sizes_mp)):
        width_px, height_px = sides_px(megapixels)
        photos = [
            drawn.enlarged(
                asked.cache, name, kind, (width_px, height_px), seed=asked.seed, drawn_px=asked.size_px
            )
            for name, kind in SIZED_PHOTOS
        ]
        timed.load[f"{megapixels:g} MP"] = os.getloadavg()[0]
        answer = probe.ask("cutout", photos, engine=asked.engine, rounds=ROUNDS)
        size = Size(
            megapixels=width_px * height_px / 1e6,
            seconds=_median(run.seconds for run in answer.runs),
            cpu_seconds=_median(run.cpu_seconds for run in answer.runs),
            peak_mib=answer.peak_mib,
            import_mib=answer.import_mib,
        )
        timed.sizes.append(size)
        if megapixels == NAMED_MP:
            put(Figure("cutout.seconds_12mp", size.seconds, "s", timed.reference_seconds))
            put(Figure("cutout.peak_mib_12mp", size.peak_mib, "MiB", size.import_mib))
    timed.exponent = growth_exponent([s.megapixels for s in timed.sizes], [s.seconds for s in timed.sizes])
    if timed.exponent is not None:
        put(Figure("cutout.growth_exponent", timed.exponent, "exponent of pixels"))


def _packshots(timed: Timed, photos: Sequence[Path], asked: Asked, put: Callable[[Figure], None]) -> None:
    timed.load["packshots"] = os.getloadavg()[0]
    recipe = {**WHITE_PACKSHOT, "engine": asked.engine}
    answer = probe.ask("packshot", photos, engine=asked.engine, recipe=recipe)
    timed.packshot_seconds = _median(run.seconds for run in answer.runs)
    timed.packshot_cpu_seconds = _median(run.cpu_seconds for run in answer.runs)
    timed.stages = {
        stage: _median(run.stages[stage] for run in answer.runs) for stage in answer.runs[0].stages
    }
    put(Figure("packshot.seconds_1024", timed.packshot_seconds, "s", timed.reference_seconds))


def sides_px(megapixels: float) -> tuple[int, int]:
    """(width, height) of a square of that many million pixels: 12 → 3464 × 3464."""
    side = round(math.sqrt(megapixels * 1e6))
    return side, side


def _median(values: Iterable[float]) -> float:
    return float(statistics.median(values))
