"""Works through one chunk: bytes from storage, one render per job, files and then the manifest back into storage.

One job's failure is that job's alone. What is yielded is already written: losing it costs nothing.
"""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from gpu_worker import errors, recipe, runner
from gpu_worker.contract import MANIFEST, ROLE_GROUP, Chunk, File, Input, JobResult, JobSpec
from gpu_worker.engines.base import Engine
from gpu_worker.stages.base import Encoded, GroupPhoto
from gpu_worker.storage import Storage

log = logging.getLogger("gpu_worker")
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif"}


@dataclass
class Watch:
    """What the chunk asks of, and tells to, whoever runs it. The defaults are silence."""

    stopped: Callable[[str], bool] = lambda token: False  # is this attempt to stop?
    draining: Callable[[], bool] = lambda: False  # is this worker to hand back what it has not begun?
    on_stage: Callable[[JobSpec, str], None] = lambda job, stage: None
    on_end: Callable[[JobSpec, str], None] = lambda job, status: None


def run_chunk(
    chunk: Chunk,
    storage: Storage,
    *,
    worker: str,
    watch: Watch | None = None,
    engine: Engine | None = None,
) -> Iterator[JobResult]:
    """One JobResult per job, in order, each as soon as it is written. Raises nothing that a job could cause."""
    watch = watch or Watch()
    for job in chunk.jobs:
        blank = JobResult(job.attempt, job.token, chunk.chunk, "failed", worker)
        result = _run(chunk, job, blank, storage, watch, engine)
        watch.on_end(job, result.status)
        yield result


def _run(
    chunk: Chunk, job: JobSpec, blank: JobResult, storage: Storage, watch: Watch, engine: Engine | None
) -> JobResult:
    try:
        made_before = _manifest(job, storage)
        if made_before is not None:
            return made_before
        if watch.draining():
            return replace(blank, status="returned")
        if watch.stopped(job.token):
            raise errors.Cancelled()
        return _twice_if_memory_is_short(lambda: _attempt(chunk, job, blank, storage, watch, engine))
    except errors.Cancelled:
        return replace(blank, status="cancelled")
    except errors.WorkerError as error:
        return _failed(blank, error, job, storage)
    except MemoryError:
        return _failed(blank, errors.OutOfMemory(), job, storage)
    except Exception as error:  # a fault of ours must not take the chunk's other jobs down with it
        log.exception("render stumbled", extra={"attempt": job.attempt})
        return _failed(blank, errors.Internal(f"{type(error).__name__}: {error}"), job, storage)


def _twice_if_memory_is_short(attempt: Callable[[], JobResult]) -> JobResult:
    """Once more, alone, after everything that can be freed is freed. Raises MemoryError the second time."""
    try:
        return attempt()
    except MemoryError:
        log.warning("out of memory, trying once more")
    # Outside the except block: a traceback would keep the large arrays alive.
    runner.loaded.cache_clear()
    gc.collect()
    return attempt()


def _attempt(
    chunk: Chunk, job: JobSpec, blank: JobResult, storage: Storage, watch: Watch, engine: Engine | None
) -> JobResult:
    watch.on_stage(job, "fetch")
    started = time.perf_counter()
    read = _Reader(storage)
    inputs = {i.role: read(i) for i in job.inputs if i.role != ROLE_GROUP}
    fetched = time.perf_counter()
    made = runner.render(
        chunk.recipe,
        inputs,
        chunk.seed,
        group=[
            GroupPhoto(i.sha256, partial(read, i), recipe.cutout(i.cutout))
            for i in job.inputs
            if i.role == ROLE_GROUP
        ],
        cancelled=lambda: watch.stopped(job.token),
        on_stage=lambda stage: watch.on_stage(job, stage),
        engine=engine,
    )
    rendered = time.perf_counter()
    watch.on_stage(job, "store")
    files = tuple(_store(name, file, job, storage) for name, file in made.files.items())
    result = replace(
        blank,
        status="done",
        files=files,
        measures=dict(made.measures),
        confidence=made.confidence,
        engines=made.engines,
        fingerprint=made.fingerprint,
        seconds={
            **made.seconds,
            "fetch": round(fetched - started, 4),
            "store": round(time.perf_counter() - rendered, 4),
        },
        device=made.fingerprint["device"],
        device_seconds=round(rendered - fetched, 4),
        bytes_in=read.bytes_in,
        bytes_out=sum(file.size_bytes for file in files),
    )
    storage.put(_manifest_key(job), result.to_json().encode())
    return result


class _Reader:
    """Reads the inputs of one job and counts their bytes."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.bytes_in = storage, 0

    def __call__(self, wanted: Input) -> bytes:
        if not wanted.key:
            raise errors.MissingInput()
        data = self.storage.get(wanted.key)
        if hashlib.sha256(data).hexdigest() != wanted.sha256.lower():
            raise errors.CorruptInput()
        self.bytes_in += len(data)
        return data


def _store(name: str, file: Encoded, job: JobSpec, storage: Storage) -> File:
    key = f"{job.out_prefix.rstrip('/')}/{name}.{EXTENSIONS[file.format]}"
    storage.put(key, file.data)
    sha256 = hashlib.sha256(file.data).hexdigest()
    return File(name, key, sha256, len(file.data), file.format, file.width_px, file.height_px)


def _manifest_key(job: JobSpec) -> str:
    return f"{job.out_prefix.rstrip('/')}/{MANIFEST}"


def _manifest(job: JobSpec, storage: Storage) -> JobResult | None:
    """What an earlier delivery of this very attempt left behind; an unreadable manifest counts as none."""
    key = _manifest_key(job)
    if not storage.exists(key):
        return None
    try:
        result = JobResult.from_dict(json.loads(storage.get(key)))
    except (ValueError, KeyError, TypeError):
        return None
    return result if (result.attempt, result.token) == (job.attempt, job.token) else None


def _failed(blank: JobResult, error: errors.WorkerError, job: JobSpec, storage: Storage) -> JobResult:
    result = replace(blank, status="failed", error=error.as_error())
    try:
        storage.put(_manifest_key(job), result.to_json().encode())
    except errors.WorkerError:
        # The message still goes out; if it is lost too, the lease ends and the job is tried again.
        log.warning("could not write the manifest of a failed attempt", extra={"attempt": job.attempt})
    return result
