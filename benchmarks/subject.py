"""What is measured: the engine, and the photo as the pipeline gives it. Light, for processes whose memory counts."""

from __future__ import annotations

from functools import cache

from gpu_worker import engines
from gpu_worker.engines.base import Engine, Rgb
from gpu_worker.stages.load import open_photo
from gpu_worker.stages.normalise import normalise


@cache
def loaded(name: str) -> Engine:
    """The engine of that name, loaded once per process. Raises BadRecipe."""
    made = engines.engine(name)
    made.load()
    return made


def photo_of(data: bytes) -> Rgb:
    """The upright sRGB picture (H × W × 3) of a file's bytes. Raises UnusablePhoto or TooLarge."""
    return normalise(open_photo(data))[0]
