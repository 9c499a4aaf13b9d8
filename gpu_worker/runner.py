"""Renders one photo. Pure: a recipe and bytes go in, files and numbers come out; neither storage nor
broker is known here."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import PIL

from gpu_worker import engines, pipelines, recipe
from gpu_worker.engines.base import Engine
from gpu_worker.errors import Cancelled, WorkerError
from gpu_worker.pipelines.base import Pipeline
from gpu_worker.qa.fidelity import Reference
from gpu_worker.qa.render import Measures, measures, remeasured
from gpu_worker.stages.base import Encoded, GroupPhoto, Mattes, State
from gpu_worker.stages.encode import encode, encode_extra

# ΔE00 that a shopper could just see, and the encoder qualities tried to stay below it.
JUST_NOTICEABLE = 1.0
FINER = (98, 100)


def _never() -> bool:
    return False


def _silent(stage: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Rendered:
    """What came of one photo. `engines` maps each stage an engine computed to ``name/version``."""

    files: Mapping[str, Encoded]
    measures: Measures
    confidence: float
    engines: dict[str, str]
    fingerprint: dict[str, str]
    seconds: dict[str, float]


def render(
    raw_recipe: Any,
    inputs: Mapping[str, bytes],
    seed: int = 0,
    *,
    group: Sequence[GroupPhoto] = (),
    mattes: Mattes | None = None,
    cancelled: Callable[[], bool] = _never,
    on_stage: Callable[[str], None] = _silent,
    engine: Engine | None = None,
) -> Rendered:
    """Runs the recipe's pipeline on `inputs` (role → bytes).

    `group`: the photos of the product that share one scale, this one among them, where the recipe asks for it.
    `mattes`: where cut-outs are kept for other recipes of this photo; the result is the same to the byte.
    `on_stage` hears the name of each stage as it starts; `cancelled` is asked between stages.
    Raises a WorkerError: BadRecipe, UnusablePhoto, TooLarge, MissingInput, OutputTooLarge or Cancelled.
    """
    resolved = recipe.parse(raw_recipe)
    pipeline = pipelines.pipeline(resolved.pipeline)
    engine = engine or loaded(resolved.engine)
    state = State(recipe=resolved, inputs=inputs, engine=engine, seed=seed, group=tuple(group), mattes=mattes)
    seconds: dict[str, float] = {}
    for stage in pipeline.stages:
        if cancelled():
            raise Cancelled()
        on_stage(stage.name)
        started = time.perf_counter()
        stage.run(state)
        seconds[stage.name] = round(time.perf_counter() - started, 4)
    if any(extra.name not in state.files for extra in resolved.outputs):
        started = time.perf_counter()
        _add_larger_files(state, pipeline)
        seconds["larger"] = round(time.perf_counter() - started, 4)
    on_stage("measure")
    started = time.perf_counter()
    taken = _truer(state, *measures(state))
    seconds["measure"] = round(time.perf_counter() - started, 4)
    assert state.matte is not None
    return Rendered(
        files=state.files,
        measures=taken,
        confidence=round(float(state.matte.confidence), 4),
        engines=engine_versions(pipeline, engine),
        fingerprint=fingerprint(),
        seconds=seconds,
    )


def _truer(state: State, taken: Measures, wanted: Reference | None) -> Measures:
    """Encodes again, finer, where the file moved the product's colours visibly; noisy dark cloth needs it.

    A recipe that names a quality or a byte limit has decided otherwise: there the measure says what it cost. Nothing is
    composed or measured again but the colours of the new file.
    """
    output = state.recipe.output
    if output.quality is not None or output.max_bytes is not None:
        return taken
    for quality in FINER:
        main = state.files["main"]
        if float(taken["fidelity_delta_e_p95"]) <= JUST_NOTICEABLE or (main.quality or 100) >= quality:
            continue
        assert state.picture is not None
        state.files["main"] = encode(state.picture, replace(output, quality=quality), state.words)
        taken = remeasured(taken, state, wanted)
    return taken


def _add_larger_files(state: State, pipeline: Pipeline) -> None:
    """Files that are larger than the canvas are composed at their own size, so that their pixels too come straight from
    the photo: everything from framing to composing again, nothing before it."""
    framing = state.recipe.framing
    if framing.canvas_px is None:
        return
    for extra in state.recipe.outputs:
        if extra.name in state.files:
            continue
        factor = extra.longest_px / max(framing.canvas_px)
        width_px, height_px = (max(1, round(side * factor)) for side in framing.canvas_px)
        scale = framing.scale_px_per_px
        larger = replace(
            framing,
            canvas_px=(width_px, height_px),
            scale_px_per_px=None if scale is None else scale * factor,
        )
        again = replace(
            state, recipe=replace(state.recipe, framing=larger), files={}, notes=dict(state.notes)
        )
        names = [stage.name for stage in pipeline.stages]
        for stage in pipeline.stages[names.index("frame") : names.index("compose") + 1]:
            stage.run(again)
        assert again.picture is not None
        state.files[extra.name] = encode_extra(again.picture, extra, state)


@cache
def loaded(name: str) -> Engine:
    """The engine of that name, loaded once per process. Raises BadRecipe."""
    made = engines.engine(name)
    made.load()
    return made


def told(raw_recipe: Any, engine: Engine | None = None) -> dict[str, str]:
    """The engine versions that a recipe asks for; nothing for a recipe that can't be understood."""
    try:
        resolved = recipe.parse(raw_recipe)
        return engine_versions(pipelines.pipeline(resolved.pipeline), engine or loaded(resolved.engine))
    except WorkerError:
        return {}


def engine_versions(pipeline: Pipeline, engine: Engine) -> dict[str, str]:
    """Stage → ``name/version`` of the engine that computes it, else ``stage/version``: this keys the render cache."""
    return {
        s.name: f"{engine.name}/{engine.versions[s.name]}.{s.version}" if s.engine else f"stage/{s.version}"
        for s in pipeline.stages
    }


def versions(engine: Engine) -> dict[str, str]:
    """Those of all pipelines together: what a worker says of itself. A stage of one name is one class."""
    return {k: v for p in pipelines.PIPELINES.values() for k, v in engine_versions(p, engine).items()}


@cache
def fingerprint() -> dict[str, str]:
    """What else could move a pixel: libraries and machine. Provenance only."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "pillow": PIL.__version__,
        "machine": platform.machine(),
        "device": "cpu",
    }
