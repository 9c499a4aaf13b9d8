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


@runtime_checkable
class Engine(Protocol):
    """One way to compute stages. A version is raised by hand when the pixels of its stage change; it keys the cache."""

    name: str
    versions: Mapping[str, str]

    def load(self) -> None:
        """Imports and warms what is heavy. May be called twice."""

    def cutout(self, rgb: Rgb) -> Matte:
        """The matte of the product in `rgb` (H × W × 3, uint8, sRGB). Deterministic. A blank photo has confidence 0."""
        ...
