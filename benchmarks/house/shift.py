"""In a fresh process: a render worker whose work takes a fixed time and no core, beside the real dispatcher."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import redis
from django.conf import settings

from apps.flow import tasks
from benchmarks.errors import BenchError
from benchmarks.house.dispatching import Wire, beat, result_of
from benchmarks.house.ground import CHECKOUT
from gpu_worker.contract import BEAT_KEY, BEAT_TTL_S, Chunk

BEAT_EVERY_S = 1.0
IDLE_S = 0.005


@contextmanager
def dispatcher() -> Iterator[None]:
    """The program as it runs in production."""
    running = subprocess.Popen([sys.executable, "manage.py", "dispatcher"], cwd=CHECKOUT, stdout=sys.stderr)
    try:
        yield
    finally:
        running.terminate()
        running.wait(timeout=60)


class Shift:
    """`slots` jobs side by side, each `job_s` long. `started` and `ended`: attempt → seconds since the epoch."""

    def __init__(self, *, slots: int, job_s: float) -> None:
        self._slots, self._job_s = slots, job_s
        self._wire = Wire()
        self._redis = redis.Redis.from_url(settings.REDIS_URL)
        self._under_way: list[tuple[float, Chunk]] = []
        self._beat_at = 0.0
        self.started: dict[int, float] = {}
        self.ended: dict[int, float] = {}

    def work(self, until: Callable[[], bool], *, timeout_s: float = 120.0) -> None:
        """Take, wait, hand back. Raises BenchError where `until` does not come true in time."""
        deadline = time.monotonic() + timeout_s
        while not until():
            if time.monotonic() > deadline:
                raise BenchError(f"The simulated worker was not through after {timeout_s:.0f} s.")
            self._beat()
            moved = self._take() + self._hand_back()
            if not moved:
                time.sleep(IDLE_S)

    def _beat(self) -> None:
        if time.monotonic() - self._beat_at < BEAT_EVERY_S:
            return
        self._beat_at = time.monotonic()
        said = replace(beat(self._slots), worker="bench:1")
        self._redis.set(BEAT_KEY.format(worker=said.worker), said.to_json(), ex=BEAT_TTL_S)

    def _take(self) -> int:
        taken = self._wire.taken(self._slots - len(self._under_way))
        for _, chunk in taken:
            self._under_way.append((time.monotonic() + self._job_s, chunk))
            self.started.update({job.attempt: time.time() for job in chunk.jobs})
        return len(taken)

    def _hand_back(self) -> int:
        over = [(at, chunk) for at, chunk in self._under_way if at <= time.monotonic()]
        for pair in over:
            self._under_way.remove(pair)
            made = result_of(pair[1])
            self._wire.sent(made)
            tasks.results()
            self.ended.update({result.attempt: time.time() for result in made})
        return len(over)
