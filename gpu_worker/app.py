"""The Celery app of the render worker: early ack, one job at a time, no retries and no result backend.

The database is the truth and the broker a wire: a message that is lost is a lease that ends. Everything that touches a
device happens in the child process; this module imports no numpy.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
import time
from functools import cache
from typing import Any

import redis
from celery import Celery, signals
from kombu.exceptions import OperationalError
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from gpu_worker import settings as configuration
from gpu_worker.beat import Pulse, connect
from gpu_worker.contract import (
    QUEUE_CONTROL,
    RESULTS_KEY,
    TASK_RENDER,
    TASK_RESULTS,
    Chunk,
    JobResult,
    broker_url,
)

log = logging.getLogger("gpu_worker")
SETTINGS = configuration.from_environment()
SOCKET_TIMEOUT_S = 15
PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Made before the fork: the parent sets it on SIGTERM to the time of that, the child reads it between jobs and stages.
_DRAINING_SINCE = multiprocessing.get_context("fork").Value("d", 0.0)

app = Celery("gpu_worker", broker=broker_url(SETTINGS.redis_url))
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=False,
    task_store_errors_even_if_ignored=False,
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    worker_concurrency=1,
    # A child that takes long to load a model is otherwise killed after 4 s, again and again.
    worker_proc_alive_timeout=600,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "queue_order_strategy": "priority",
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
    },
)

_pulse: Pulse | None = None


@app.task(name=TASK_RENDER)
def render(raw: dict[str, Any]) -> None:
    """Renders a chunk and sends one result per job. Any outcome but a result is left to the lease."""
    try:
        _render(raw)
    except MemoryError:
        # Celery ends the whole worker on a MemoryError; the lease brings the jobs back.
        log.error("out of memory outside a render")


def _render(raw: dict[str, Any]) -> None:
    from gpu_worker import chunks
    from gpu_worker.storage import open_storage

    try:
        chunk = Chunk.from_dict(raw)
    except (ValueError, KeyError, TypeError) as error:
        log.error("a message was not understood and dropped: %s", error)
        return
    if time.time() > chunk.start_by:
        log.info("chunk %s came too late and was dropped", chunk.chunk)
        return
    pulse = _pulse
    watch = chunks.Watch(draining=draining, hurried=hurried)
    if pulse is not None:
        watch = chunks.Watch(pulse.stopped, draining, hurried, pulse.resting, pulse.stage, pulse.ended)
    storage = open_storage(SETTINGS.storage_url)
    together = SETTINGS.together
    for result in chunks.run_chunk(chunk, storage, worker=SETTINGS.worker, watch=watch, together=together):
        _send(result)


def _send(result: JobResult) -> None:
    """Tries for about half a minute. After that the manifest in the storage speaks for itself."""
    try:
        waiting = _results().rpush(RESULTS_KEY, result.to_json())
        if waiting == 1:
            # Where others wait already, somebody was told; the dispatcher looks, too.
            app.send_task(TASK_RESULTS, queue=QUEUE_CONTROL, retry=False)
    except (redis.RedisError, OperationalError, OSError) as error:
        log.error("the result of attempt %s could not be sent: %s", result.attempt, error)
    else:
        log.info("attempt %s %s", result.attempt, result.status)


@cache
def _results() -> redis.Redis:
    """Made in the child: a connection must not be shared across the fork."""
    return connect(SETTINGS.redis_url, retry=Retry(ExponentialBackoff(cap=4.0, base=0.2), 9))


def draining() -> bool:
    """Whether this worker was told to leave: it begins nothing new."""
    return bool(_DRAINING_SINCE.value)


def hurried() -> bool:
    """Whether the grace time is over: what was begun is handed back between two stages."""
    since = _DRAINING_SINCE.value
    return bool(since) and time.monotonic() - since > SETTINGS.grace_s


@signals.worker_shutting_down.connect
def _drain(**_: Any) -> None:
    _DRAINING_SINCE.value = _DRAINING_SINCE.value or time.monotonic()


@signals.worker_process_init.connect
def _child_begins(**_: Any) -> None:
    """Runs in the child only: dies with the parent, loads the engine, begins to beat."""
    global _pulse
    _die_with_parent()
    from gpu_worker import runner, threads

    threads.apply()
    engine = runner.loaded("classic")
    _pulse = Pulse(SETTINGS, draining, runner.versions(engine), dict(engine.weights))
    _pulse.start()


@signals.worker_process_shutdown.connect
def _child_ends(**_: Any) -> None:
    if _pulse is not None:
        _pulse.stop()


def _die_with_parent() -> None:
    """Linux: kill -9 of the parent must not leave a child that renders on, unheard. Elsewhere nothing is done."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        log.warning("prctl failed: %s", os.strerror(ctypes.get_errno()))
    if os.getppid() != parent:  # the parent died in between
        os._exit(1)


def work(log_level: str = "INFO") -> None:
    """Runs the worker in this process until it is told to stop."""
    logging.basicConfig(
        level=log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    app.worker_main(
        [
            "worker",
            "--pool=prefork",
            "--concurrency=1",
            f"--queues={','.join(SETTINGS.queues)}",
            f"--hostname=render@{SETTINGS.worker.replace(':', '-')}",
            "--without-gossip",
            "--without-mingle",
            f"--loglevel={log_level}",
        ]
    )
