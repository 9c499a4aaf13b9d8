"""Works through one chunk: bytes from storage, one render per job, files and then the manifest back into storage.

One job's failure is that job's alone. What is yielded is already written: losing it costs nothing. Where memory allows,
several jobs run side by side; a group that runs out of it is halved and tried again, down to single jobs.
"""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from gpu_worker import errors, recipe, runner
from gpu_worker.contract import MANIFEST, RESTING, ROLE_GROUP, Chunk, Error, File, Input, JobResult, JobSpec
from gpu_worker.engines.base import Engine
from gpu_worker.mattes import Shelf
from gpu_worker.stages.base import Encoded, GroupPhoto
from gpu_worker.storage import Storage

log = logging.getLogger("gpu_worker")
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif"}


@dataclass
class Watch:
    """What the chunk asks of, and tells to, whoever runs it. The defaults are silence."""

    stopped: Callable[[str], bool] = lambda token: False  # is this attempt to stop?
    draining: Callable[[], bool] = lambda: False  # is this worker to hand back what it has not begun?
    hurried: Callable[[], bool] = lambda: False  # is it to hand back even what it has begun?
    resting: Callable[[], bool] = lambda: False  # is other workers' work better than its own just now?
    on_stage: Callable[[JobSpec, str], None] = lambda job, stage: None
    on_end: Callable[[JobSpec, str], None] = lambda job, status: None


@dataclass
class Used:
    """What one attempt used so far, tries that memory ended among them."""

    seconds: float = 0.0
    bytes_in: int = 0
    since: float | None = None  # perf_counter, while it is rendered

    def begin(self) -> None:
        self.since = time.perf_counter()

    def end(self) -> None:
        """May be called again, and without a begin."""
        if self.since is not None:
            self.seconds += time.perf_counter() - self.since
        self.since = None


class ShortOfMemory(Exception):
    """A group of jobs needed more memory than there is."""


def run_chunk(
    chunk: Chunk,
    storage: Storage,
    *,
    worker: str,
    watch: Watch | None = None,
    engine: Engine | None = None,
    together: int = 1,
) -> Iterator[JobResult]:
    """One JobResult per job, in order, each as soon as its group is written. Raises nothing that a job could cause.

    `together` jobs run side by side. A group that runs out of memory is halved; what is left of the chunk goes on at
    the size that worked.
    """
    this = _Chunk(chunk, storage, worker, watch or Watch(), engine)
    waiting, size = list(chunk.jobs), max(1, together)
    while waiting:
        group = waiting[:size]
        try:
            results = this.side_by_side(group)
        except ShortOfMemory:
            size = (len(group) + 1) // 2
            log.warning("out of memory with %s jobs side by side, going on with %s", len(group), size)
            free_memory()
            continue
        del waiting[: len(group)]
        yield from results


@dataclass(frozen=True)
class _Chunk:
    chunk: Chunk
    storage: Storage
    worker: str
    watch: Watch
    engine: Engine | None
    used: dict[int, Used] = field(default_factory=dict)  # by attempt

    def side_by_side(self, jobs: Sequence[JobSpec]) -> list[JobResult]:
        """Raises ShortOfMemory where more than one job ran; what was finished by then is found by its manifest."""
        if len(jobs) == 1:
            return [self.alone(jobs[0])]
        with ThreadPoolExecutor(max_workers=len(jobs), thread_name_prefix="job") as threads:
            results = list(threads.map(self._in_company, jobs))
        if any(result is None for result in results):
            raise ShortOfMemory
        whole = [result for result in results if result is not None]
        for job, result in zip(jobs, whole, strict=True):
            self.watch.on_end(job, result.status)
        return whole

    def _in_company(self, job: JobSpec) -> JobResult | None:
        """None where memory ran out: the job is tried again with fewer beside it."""
        return self._run(job, lambda: self._once(job), short_of_memory=lambda: None)

    def alone(self, job: JobSpec) -> JobResult:
        def gave_up() -> JobResult:
            return _failed(self._so_far(job), errors.OutOfMemory(), job, self.storage)

        result = self._run(
            job, lambda: _twice_if_memory_is_short(lambda: self._once(job)), short_of_memory=gave_up
        )
        assert result is not None
        self.watch.on_end(job, result.status)
        return result

    def _once(self, job: JobSpec) -> JobResult:
        used = self.used.setdefault(job.attempt, Used())
        try:
            return self._attempt(job, used)
        finally:
            used.end()

    def _attempt(self, job: JobSpec, used: Used) -> JobResult:
        storage, watch = self.storage, self.watch
        watch.on_stage(job, "fetch")
        started = time.perf_counter()
        read = _Reader(storage, used)
        shelf = Shelf(storage, job.mattes) if job.mattes else None
        inputs = {i.role: read(i) for i in job.inputs if i.role != ROLE_GROUP}
        fetched = time.perf_counter()
        used.begin()
        made = runner.render(
            self.chunk.recipe,
            inputs,
            self.chunk.seed,
            group=[
                GroupPhoto(i.sha256, partial(read, i), recipe.cutout(i.cutout))
                for i in job.inputs
                if i.role == ROLE_GROUP
            ],
            mattes=shelf,
            cancelled=lambda: watch.stopped(job.token) or watch.hurried(),
            on_stage=lambda stage: watch.on_stage(job, stage),
            engine=self.engine,
        )
        used.end()
        rendered = time.perf_counter()
        watch.on_stage(job, "store")
        files = tuple(_store(name, file, job, storage) for name, file in made.files.items())
        result = replace(
            self._blank(job),
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
            device_seconds=round(used.seconds, 4),
            bytes_in=used.bytes_in + (shelf.bytes_in if shelf else 0),
            bytes_out=sum(file.size_bytes for file in files) + (shelf.bytes_out if shelf else 0),
            matte=shelf.used if shelf else None,
        )
        storage.put(_manifest_key(job), result.to_json().encode())
        return result

    def _blank(self, job: JobSpec) -> JobResult:
        return JobResult(job.attempt, job.token, self.chunk.chunk, "failed", self.worker)

    def _so_far(self, job: JobSpec) -> JobResult:
        """A result without a picture, and what it has used all the same."""
        used = self.used.get(job.attempt)
        if used is None:
            return self._blank(job)
        return replace(
            self._blank(job),
            engines=runner.told(self.chunk.recipe, self.engine),
            device=runner.fingerprint()["device"],
            device_seconds=round(used.seconds, 4),
            bytes_in=used.bytes_in,
        )

    def _run(
        self,
        job: JobSpec,
        attempt: Callable[[], JobResult],
        *,
        short_of_memory: Callable[[], JobResult | None],
    ) -> JobResult | None:
        blank, watch, storage = self._blank(job), self.watch, self.storage
        try:
            made_before = _manifest(job, storage)
            if made_before is not None:
                return made_before
            if watch.draining():
                return replace(blank, status="returned")
            if watch.stopped(job.token):
                raise errors.Cancelled()
            if watch.resting():
                return replace(blank, status="returned", error=Error(RESTING, "This worker rests.", True))
            return attempt()
        except errors.Cancelled:
            stopped = watch.stopped(job.token) or not watch.hurried()
            return replace(self._so_far(job), status="cancelled" if stopped else "returned")
        except errors.WorkerError as error:
            return _failed(self._so_far(job), error, job, storage)
        except Exception as error:  # a fault of ours must not take the chunk's other jobs down with it
            if not is_short_of_memory(error):
                log.exception("render stumbled", extra={"attempt": job.attempt})
                reason = errors.Internal(f"{type(error).__name__}: {error}")
                return _failed(self._so_far(job), reason, job, storage)
        # Outside the except block: a traceback would keep the large arrays alive.
        return short_of_memory()


def is_short_of_memory(error: BaseException) -> bool:
    """Python and numpy say MemoryError; torch, OpenCV and ONNX Runtime have words of their own."""
    said = f"{type(error).__name__} {error}".lower()
    return isinstance(error, MemoryError) or any(
        words in said
        for words in ("outofmemoryerror", "out of memory", "insufficient memory", "failed to allocate")
    )


def free_memory() -> None:
    """Let go of whatever can be loaded again."""
    runner.loaded.cache_clear()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _twice_if_memory_is_short(attempt: Callable[[], JobResult]) -> JobResult:
    """Once more, alone, after everything that can be freed is freed. Raises what it raised the second time."""
    try:
        return attempt()
    except Exception as error:
        if not is_short_of_memory(error):
            raise
        log.warning("out of memory, trying once more")
    # Outside the except block: a traceback would keep the large arrays alive.
    free_memory()
    return attempt()


class _Reader:
    """Reads the inputs of one job and counts their bytes."""

    def __init__(self, storage: Storage, used: Used) -> None:
        self.storage, self.used = storage, used

    def __call__(self, wanted: Input) -> bytes:
        if not wanted.key:
            raise errors.MissingInput()
        data = self.storage.get(wanted.key)
        if hashlib.sha256(data).hexdigest() != wanted.sha256.lower():
            raise errors.CorruptInput()
        self.used.bytes_in += len(data)
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
