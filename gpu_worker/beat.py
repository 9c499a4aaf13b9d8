"""The worker's pulse: a thread that says every few seconds that it lives and what it does, and hears what
is to stop."""

from __future__ import annotations

import logging
import os
import resource
import threading
import time
from collections.abc import Callable
from typing import Any

import redis

from gpu_worker.contract import BEAT_EVERY_S, BEAT_KEY, BEAT_TTL_S, REST_KEY, STOP_KEY, Beat, JobSpec
from gpu_worker.settings import Settings

log = logging.getLogger("gpu_worker")
SOCKET_TIMEOUT_S = 2.0


def connect(url: str, **how: Any) -> redis.Redis:
    """A client that gives up quickly: a pulse that hangs is no pulse. Knows redis://, rediss:// and
    unix:// addresses; `how` are redis-py's own options."""
    options: dict[str, Any] = {"socket_timeout": SOCKET_TIMEOUT_S, "socket_connect_timeout": SOCKET_TIMEOUT_S}
    if not url.startswith("unix:"):
        options["socket_keepalive"] = True
    client: redis.Redis = redis.Redis.from_url(url, health_check_interval=25, **(options | how))
    return client


class Pulse:
    """Writes Beats. Losing Redis is logged once and never raised: work in hand goes on."""

    def __init__(
        self,
        settings: Settings,
        draining: Callable[[], bool],
        engines: dict[str, str],
        weights: dict[str, str] | None = None,
    ) -> None:
        self._settings, self._draining, self._engines = settings, draining, engines
        self._weights = weights or {}
        self._redis = connect(settings.redis_url)
        self._lock = threading.Lock()
        self._attempts: dict[str, dict[str, str]] = {}
        self._stopped: set[str] = set()
        self._done = self._failed = 0
        self._wake, self._end = threading.Event(), threading.Event()
        self._reachable = True
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Begins to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and takes the key away, so that a worker that leaves in order is gone at once."""
        self._end.set()
        self._wake.set()
        self._thread.join(timeout=2 * SOCKET_TIMEOUT_S)
        self._quietly(lambda: self._redis.delete(self._key))

    @property
    def _key(self) -> str:
        return BEAT_KEY.format(worker=self._settings.worker)

    def stage(self, job: JobSpec, stage: str) -> None:
        """An attempt has come to this stage; told at once."""
        with self._lock:
            self._attempts[str(job.attempt)] = {"token": job.token, "stage": stage, "step": ""}
        self._wake.set()

    def ended(self, job: JobSpec, status: str) -> None:
        """An attempt is over; told at once."""
        with self._lock:
            self._attempts.pop(str(job.attempt), None)
            self._stopped.discard(job.token)
            self._done += status == "done"
            self._failed += status == "failed"
        self._wake.set()

    def stopped(self, token: str) -> bool:
        """Whether this attempt is to stop. Without an answer from Redis it goes on."""
        if token in self._stopped:
            return True
        if self._quietly(lambda: self._redis.exists(STOP_KEY.format(token=token))):
            self._stopped.add(token)
            return True
        return False

    def resting(self) -> bool:
        """Whether this worker is to hand back what it takes. Without an answer from Redis it works."""
        return bool(self._quietly(lambda: self._redis.exists(REST_KEY.format(worker=self._settings.worker))))

    def beat(self) -> Beat:
        """What would be written now."""
        with self._lock:
            attempts = {attempt: dict(what) for attempt, what in self._attempts.items()}
            done, failed = self._done, self._failed
        settings = self._settings
        return Beat(
            worker=settings.worker,
            at=time.time(),
            pid=os.getpid(),
            capability=settings.capability,
            region=settings.region,
            lanes=settings.lanes,
            slots=1,
            device="cpu",
            memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            engines=self._engines,
            jobs_done=done,
            jobs_failed=failed,
            draining=self._draining(),
            attempts=attempts,
            weights=self._weights,
        )

    def _run(self) -> None:
        while not self._end.is_set():
            self._wake.clear()
            self._quietly(lambda: self._redis.set(self._key, self.beat().to_json(), ex=BEAT_TTL_S))
            for what in list(self.beat().attempts.values()):
                self.stopped(what["token"])
            self._wake.wait(BEAT_EVERY_S)

    def _quietly(self, ask: Callable[[], Any]) -> Any:
        try:
            answer = ask()
        except (redis.RedisError, OSError) as error:
            if self._reachable:
                log.warning("redis does not answer, work goes on: %s", error)
            self._reachable = False
            return None
        if not self._reachable:
            log.info("redis answers again")
        self._reachable = True
        return answer
