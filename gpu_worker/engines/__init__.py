"""Engines compute stages. `engine(name)` makes one; nothing heavy is imported before its load()."""

from __future__ import annotations

from importlib import import_module

from gpu_worker.engines.base import Engine
from gpu_worker.errors import BadRecipe

# Name → (module, class). Adding an engine is a package and one line here.
ENGINES = {
    "classic": ("gpu_worker.engines.classic.engine", "ClassicEngine"),
    "fake": ("gpu_worker.engines.fake", "FakeEngine"),
}


def engine(name: str) -> Engine:
    """A new engine of that name, not loaded yet. Raises BadRecipe for a name nobody knows."""
    if name not in ENGINES:
        raise BadRecipe(f"There is no engine named {name!r}; known are {', '.join(sorted(ENGINES))}.")
    module, cls = ENGINES[name]
    made: Engine = getattr(import_module(module), cls)()
    return made
