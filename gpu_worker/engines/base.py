"""The port every engine fits: what it is called, which version of each stage it computes, and the stages themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]  # H × W × 3, sRGB
Alpha = NDArray[np.float32]  # H × W, 0 to 1
Mask = NDArray[np.bool_]  # H × W


@dataclass(frozen=True)
class Matte:
    """Where the product is (`alpha`, the photo's own size) and how sure the engine is that this is right (0 to 1).

    `notes` are the numbers the confidence was made of, for whoever wonders why.
    """

    alpha: Alpha
    confidence: float
    notes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Click:
    """A point that a person touched, as shares (0 to 1) of the photo's width and height, and on which side it lies."""

    x: float
    y: float
    product: bool = True


@dataclass(frozen=True)
class Hints:
    """What a person says about the product before it is cut out; an engine obeys them over its own opinion.

    `box`: (left, top, right, bottom) as shares of the photo; nothing outside is product. `clicks`: points.
    `trimap`: H × W uint8 of any size with the photo's shape: 0 backdrop, 255 product, anything between undecided.
    `keep_holes`: True leaves what is seen through handles open, False fills it, None lets the engine decide.
    """

    box: tuple[float, float, float, float] | None = None
    clicks: tuple[Click, ...] = ()
    trimap: NDArray[np.uint8] | None = None
    keep_holes: bool | None = None


NO_HINTS = Hints()


@runtime_checkable
class Engine(Protocol):
    """One way to compute stages. A version is raised by hand when the pixels of its stage change; it keys the cache.

    `weights` are the model files it uses, by name, and the beginning of each one's SHA-256; empty without any.
    """

    name: str
    versions: Mapping[str, str]

    @property
    def weights(self) -> Mapping[str, str]: ...

    def load(self) -> None:
        """Imports and warms what is heavy. May be called twice."""

    def cutout(self, rgb: Rgb, hints: Hints = NO_HINTS) -> Matte:
        """The matte of the product in `rgb` (H × W × 3, uint8, sRGB). Deterministic. A blank photo has confidence 0."""
        ...
