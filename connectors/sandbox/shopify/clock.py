"""The sandbox's time, which tests may move: tokens end, pictures get ready and addresses expire by it."""

from __future__ import annotations

import datetime as dt
import time


class Clock:
    """Real time, or `speed` times as fast from now on, and as much as somebody put on top."""

    def __init__(self, speed: float = 1.0) -> None:
        self.ahead_s = 0.0
        self._speed, self._began = speed, time.time()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._began + (time.time() - self._began) * self._speed + self.ahead_s

    def advance(self, seconds: float) -> None:
        """Let time pass at once."""
        self.ahead_s += seconds

    def stamp(self, moment: float | None = None) -> str:
        """A moment as the API writes it: UTC, to the second."""
        moment = self.now() if moment is None else moment
        return f"{dt.datetime.fromtimestamp(moment, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
