"""How right the mattes are: every photo of a bench folder through the engine, in worker processes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import metrics, reference
from benchmarks.folder import Case, true_matte
from benchmarks.hands import mapped
from benchmarks.subject import loaded, photo_of
from gpu_worker.engines.base import Engine, Matte, Rgb

GOOD_IOU = 0.9


@dataclass(frozen=True)
class Score:
    """What one matte is worth. Errors are mean absolute differences, 0 to 1; `edge_mae` is None without an edge."""

    iou: float
    mae: float
    edge_mae: float | None

    @property
    def good(self) -> bool:
        """Whether it reaches the IoU that confidence is the probability of."""
        return self.iou >= GOOD_IOU


@dataclass(frozen=True)
class Measured:
    """One photo's result. `error` is what the engine stumbled over; it then counts as an empty matte, never trusted."""

    name: str
    kind: str
    cut: str
    size_px: tuple[int, int]  # width, height
    score: Score
    confidence: float
    cpu_seconds: float
    reference: Score | None = None
    error: str | None = None
    notes: Mapping[str, float] = field(default_factory=dict)


def measured(
    cases: Sequence[Case],
    engine: str,
    *,
    workers: int | None = None,
    pictures: Path | None = None,
    with_reference: bool = True,
) -> Iterator[Measured]:
    """Results in the order of `cases`. `pictures` is a folder for photo, cut-out and error map of each."""
    one = partial(_measure, engine=engine, pictures=pictures, with_reference=with_reference)
    return mapped(one, cases, workers)


def _measure(case: Case, engine: str, pictures: Path | None, with_reference: bool) -> Measured:
    truth = true_matte(case)
    rgb = photo_of(case.photo.read_bytes())
    ready = loaded(engine)
    started = time.process_time()
    matte, error = _cut_out(ready, rgb)
    seconds = time.process_time() - started
    if pictures is not None:
        from benchmarks.report.pictures import save

        save(pictures, case.name, rgb, matte.alpha, truth)
    return Measured(
        name=case.name,
        kind=case.kind,
        cut=case.cut,
        size_px=(rgb.shape[1], rgb.shape[0]),
        score=score(matte.alpha, truth),
        confidence=float(matte.confidence),
        cpu_seconds=seconds,
        reference=score(reference.cut_out(rgb), truth) if with_reference else None,
        error=error,
        notes=dict(matte.notes),
    )


def _cut_out(engine: Engine, rgb: Rgb) -> tuple[Matte, str | None]:
    """A photo that breaks the engine must neither end the run nor vanish from the means."""
    nothing = Matte(np.zeros(rgb.shape[:2], np.float32), 0.0)
    try:
        matte = engine.cutout(rgb)
    except Exception as error:
        return nothing, f"{type(error).__name__}: {error}"
    if matte.alpha.shape != rgb.shape[:2]:
        return nothing, f"the matte has the shape {matte.alpha.shape}, the photo {rgb.shape[:2]}"
    if not np.isfinite(matte.alpha).all():
        return nothing, "the matte holds values that are no numbers"
    return matte, None


def score(found: metrics.Alpha, truth: metrics.Alpha) -> Score:
    """Holds a matte against the truth."""
    error = metrics.mae(found, truth)
    assert error is not None
    return Score(metrics.iou(found, truth), error, metrics.edge_mae(found, truth))
