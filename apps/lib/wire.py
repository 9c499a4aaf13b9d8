"""Redis as a wire: wake-ups, beats, stop signs. Nothing here is the truth; losing it costs time only."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from typing import cast

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from gpu_worker.contract import BEAT_PATTERN, REST_KEY, RESULTS_KEY, STOP_KEY, WAKE_KEY, Beat

WireError = redis.RedisError
STORED_KEY = "vitrine:stored"


@cache
def client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2, health_check_interval=25
    )


@cache
def waker() -> redis.Redis:
    """One try and a short one: a store waits for an answer meanwhile."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0)
    )


# Who wakes it more often than this, one process alone, wakes it for nothing; its next tick is never far.
WAKE_EVERY_S = 0.05
_woken_at = float("-inf")


def wake_dispatcher() -> None:
    """Have the dispatcher look now instead of at its next tick. Silent without Redis: the tick comes anyway."""
    global _woken_at
    now = time.monotonic()
    if now - _woken_at < WAKE_EVERY_S:
        return
    _woken_at = now
    with contextlib.suppress(WireError):
        pipe = waker().pipeline(transaction=False)
        pipe.lpush(WAKE_KEY, "1")
        pipe.ltrim(WAKE_KEY, 0, 0)
        pipe.execute()


def wait_for_wake(timeout_s: float) -> bool:
    """Sleep until somebody wakes us or time is up. Raises WireError."""
    return client().brpop([WAKE_KEY], timeout=timeout_s) is not None


def stop_sign(token: str, *, seconds: int = 3600) -> None:
    """Ask the worker that holds this attempt to stop between two stages."""
    with contextlib.suppress(WireError):
        client().set(STOP_KEY.format(token=token), "1", ex=seconds)


def rest_sign(worker: str, *, seconds: float) -> None:
    """Have a worker hand back what it takes for so long: others may do it better."""
    with contextlib.suppress(WireError):
        client().set(REST_KEY.format(worker=worker), "1", ex=max(1, round(seconds)))


_together: ContextVar[Counter[str] | None] = ContextVar("stored_together", default=None)


def stored(workspace: str, size_bytes: int) -> None:
    """Count bytes that were written since the storage was last walked. Lost ones are found by the next walk."""
    together = _together.get()
    if together is not None:
        together[workspace] += size_bytes
        return
    with contextlib.suppress(WireError):
        client().hincrby(STORED_KEY, workspace, size_bytes)


@contextlib.contextmanager
def stored_together() -> Iterator[None]:
    """What is `stored` inside is told at the end, once per workspace."""
    token = _together.set(Counter())
    try:
        yield
    finally:
        counted: Counter[str] = _together.get() or Counter()
        _together.reset(token)
        for workspace, size_bytes in counted.items():
            stored(workspace, size_bytes)


def stored_since() -> dict[str, int]:
    """Bytes written since the last walk, per workspace; nothing where Redis is away."""
    with contextlib.suppress(WireError):
        return {_text(name): int(size) for name, size in client().hgetall(STORED_KEY).items()}
    return {}


def stored_counted(counted: Mapping[str, int]) -> None:
    """The walk has seen these bytes: take them off what was written since."""
    with contextlib.suppress(WireError):
        pipe = client().pipeline()
        for workspace, size_bytes in counted.items():
            pipe.hincrby(STORED_KEY, workspace, -size_bytes)
        pipe.execute()


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def results_wait() -> bool:
    """Whether workers' results wait to be taken in. Raises WireError."""
    return bool(client().exists(RESULTS_KEY))


def take_results(most: int) -> list[bytes]:
    """Workers' results as they sent them, oldest first. Whoever takes them and dies leaves them to their leases.

    Raises WireError.
    """
    return cast(list[bytes], client().lpop(RESULTS_KEY, most) or [])


def waiting(queue: str) -> int:
    """How many messages wait in a queue. Raises WireError."""
    return int(client().llen(queue))


def beats() -> list[Beat]:
    """What every live worker said last. Raises WireError; a beat that can't be read is left out."""
    keys = list(client().scan_iter(match=BEAT_PATTERN, count=500))
    found: list[Beat] = []
    for text in client().mget(keys) if keys else []:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            if text is not None:
                found.append(Beat.from_json(text))
    return found
