"""Pipelines by name. A new one is one file here and one line in PIPELINES."""

from __future__ import annotations

from gpu_worker.errors import BadRecipe
from gpu_worker.pipelines.background import BACKGROUND
from gpu_worker.pipelines.base import Pipeline

PIPELINES = {pipeline.name: pipeline for pipeline in (BACKGROUND,)}


def pipeline(name: str) -> Pipeline:
    """The pipeline of that name. Raises BadRecipe for a name nobody knows."""
    if name not in PIPELINES:
        raise BadRecipe(f"There is no pipeline named {name!r}; known are {', '.join(sorted(PIPELINES))}.")
    return PIPELINES[name]
