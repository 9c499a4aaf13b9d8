"""What a stage is, and the state that pipelines hand from one stage to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gpu_worker.engines.base import Alpha, Engine, Matte, Rgb
from gpu_worker.recipe import Recipe

Light = NDArray[np.float32]


@dataclass(frozen=True)
class Placement:
    """Where the product goes: the source box (x0, y0, x1, y1) is scaled to `size_px` and lands at `at_px`
    on the canvas."""

    box_px: tuple[int, int, int, int]
    size_px: tuple[int, int]
    at_px: tuple[int, int]
    canvas_px: tuple[int, int]

    @property
    def resized(self) -> bool:
        """Whether pixels are resampled; if not, they are copied as they are."""
        x0, y0, x1, y1 = self.box_px
        return (x1 - x0, y1 - y0) != self.size_px

    @property
    def scale(self) -> float:
        """Canvas pixels per source pixel along the longer side."""
        x0, y0, x1, y1 = self.box_px
        return max(self.size_px) / max(x1 - x0, y1 - y0)


@dataclass(frozen=True)
class Encoded:
    """One finished file."""

    data: bytes
    format: str
    width_px: int
    height_px: int
    quality: int | None = None


@dataclass
class State:
    """Everything known about one render so far. A stage reads the fields in its `needs` and sets those in
    its `gives`."""

    recipe: Recipe
    inputs: Mapping[str, bytes]
    engine: Engine
    seed: int = 0

    image: Image.Image | None = None  # load: decoded, as stored
    rgb: Rgb | None = None  # normalise: upright, sRGB, never resized
    given_alpha: Alpha | None = None  # normalise: the file's own cut-out, if it has a useful one
    matte: Matte | None = None  # cutout
    placement: Placement | None = None  # frame
    backdrop: Light | None = None  # backdrop: canvas H × W × 3, linear light; None while transparent
    shade: Alpha | None = None  # shadow: canvas H × W, share of light taken away
    layer: Light | None = None  # compose: the placed product, size_px, premultiplied linear light + alpha
    picture: NDArray[np.uint8] | None = None  # compose: canvas H × W × 3, or × 4 where transparent
    files: dict[str, Encoded] = field(default_factory=dict)  # encode
    notes: dict[str, float | int | str | bool] = field(default_factory=dict)


class Stage(Protocol):
    """One step. `version` is raised by hand when its pixels change: it keys the render cache.

    `engine` is True where the recipe's engine computes it; the engine's own version for the stage counts too.
    """

    name: str
    needs: tuple[str, ...]
    gives: tuple[str, ...]
    engine: bool
    version: str

    def run(self, state: State) -> None:
        """Does the step. Raises a WorkerError."""
        ...
