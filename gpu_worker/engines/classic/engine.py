"""The classic engine: decides at work size, refines the edge at full size, and says how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gpu_worker.engines.base import NO_HINTS, Hints, Matte, Rgb
from gpu_worker.engines.classic import informed, matting, obey, unaided
from gpu_worker.engines.classic.opinion import shrunk
from gpu_worker.models import salient

WORK_PX = 640
LEAST_SIDE_PX = 32


class ClassicEngine:
    """Needs nothing but a CPU and the small network that ships with it.

    With `network=None` it does without: right on studio photos, and deaf to hints. Where it may be wrong it says so.
    """

    name = "classic"
    versions: Mapping[str, str] = {"cutout": "3"}

    def __init__(self, network: Path | None = salient.PATH) -> None:
        self._network = network
        self._eye: salient.Salient | None = None

    @property
    def weights(self) -> Mapping[str, str]:
        """The network's file, if it has one."""
        return {} if self._network is None else {self._network.name: salient.revision(self._network)}

    def load(self) -> None:
        """Reads the network's weights."""
        if self._network is not None and self._eye is None:
            self._eye = salient.loaded(self._network)

    def cutout(self, rgb: Rgb, hints: Hints = NO_HINTS) -> Matte:
        """See Engine.cutout."""
        if min(rgb.shape[:2]) < LEAST_SIDE_PX:
            return Matte(np.zeros(rgb.shape[:2], np.float32), 0.0)
        self.load()
        work = shrunk(rgb, WORK_PX)
        eye = self._eye
        opinion = informed.segment(work, eye, hints) if eye is not None else unaided.segment(rgb, work)
        if not opinion.mask.any() or opinion.mask.all():
            return Matte(np.zeros(rgb.shape[:2], np.float32), 0.0)
        notes = {name: round(float(value), 4) for name, value in opinion.notes.items()}
        alpha = obey.finally_(matting.refine(rgb, opinion.mask), hints)
        return Matte(alpha, opinion.confidence, notes)
