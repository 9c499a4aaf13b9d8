"""In a fresh process: hand jobs out, publish them, take results back, as dispatcher and control workers do it."""

from __future__ import annotations

import base64
import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import redis
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from apps.flow import flow
from apps.flow.dispatcher import Dispatcher
from apps.jobs.models import Job
from apps.jobs.services import results
from apps.lib import ids
from apps.lib import wire as app_wire
from apps.usage.models import Price
from benchmarks.house import fill
from gpu_worker.contract import RESULTS_KEY, Beat, Chunk, File, JobResult, render_queue

LANES = ("urgent", "standard", "bulk")


def opened() -> dict[str, int]:
    """A merchant whose queue is empty, and a worker."""
    merchant = fill.merchant("anna")
    fill.worker(slots=50)
    return merchant.ids


def wait(store: int, version: int, jobs: int) -> None:
    """So many more jobs wait, in a batch of their own."""
    merchant = fill.found(store, version)
    fill.catalogue(merchant, products=max(1, jobs // 5), photos=jobs)
    fill.queued(merchant, jobs)


def beat(slots: int) -> Beat:
    """A worker with so many slots, that holds nothing."""
    return Beat(
        worker="bench:1",
        at=time.time(),
        pid=1,
        capability="cpu",
        region="local",
        lanes=LANES,
        slots=slots,
        device="cpu",
        memory_mib=512,
        engines=fill.ENGINES,
        jobs_done=0,
        jobs_failed=0,
        draining=False,
    )


class Wire:
    """Takes messages off the broker as a render worker would."""

    def __init__(self) -> None:
        self._redis = redis.Redis.from_url(settings.REDIS_URL)

    def taken(self, most: int = 100_000) -> list[tuple[str, Chunk]]:
        """(lane's queue, chunk) of every message that waits."""
        found: list[tuple[str, Chunk]] = []
        for lane in LANES:
            queue = render_queue(lane, "cpu", "local")
            while len(found) < most and (message := cast(bytes | None, self._redis.rpop(queue))):
                body = json.loads(base64.b64decode(json.loads(message)["body"]))
                found.append((queue, Chunk.from_dict(body[0][0])))
        return found

    def sent(self, results: Iterable[JobResult]) -> None:
        """Puts results where control workers look for them."""
        for result in results:
            self._redis.rpush(RESULTS_KEY, result.to_json())


def result_of(chunk: Chunk) -> list[JobResult]:
    """What a worker would say: done, with a picture and a cut-out; their bytes lie in the storage."""
    told = []
    for job in chunk.jobs:
        made = []
        for name, extension, format in (("main", "jpg", "jpeg"), ("cutout", "png", "png")):
            data = f"{name} of {job.attempt}".encode()
            key = f"{job.out_prefix}{name}.{extension}"
            default_storage.save(key, ContentFile(data))
            made.append(File(name, key, ids.sha256_hex(data), len(data), format, 1600, 1600))
        result = JobResult(
            attempt=job.attempt,
            token=job.token,
            chunk=chunk.chunk,
            status="done",
            worker="bench:1",
            files=tuple(made),
            measures=fill.MEASURES,
            confidence=0.97,
            engines=fill.ENGINES,
            seconds={"load": 0.01, "cutout": 0.4, "encode": 0.1},
            device_seconds=0.5,
            bytes_in=500_000,
            bytes_out=300_000,
        )
        told.append(result)
    return told


def rounds(slots: int, rounds: int, warm_up: int = 2) -> dict[str, dict[str, float]]:
    """CPU and wall seconds per job of claiming and publishing, of accepting (all that wait together, and a fifth of
    them alone), and of what follows in that transaction (judging, asking for the publication); the median round. The
    first rounds are not counted.

    The results' bytes are in the storage before the clock runs: making them is the worker's work.
    """
    connection.ensure_connection()
    dispatcher, wire = Dispatcher(), Wire()
    spent: dict[str, list[Stopwatch]] = {
        "claim": [],
        "accept": [],
        "alone": [],
        "judge": [],
        "yardstick": [],
    }
    for number in range(warm_up + rounds):
        with Stopwatch() as claim:
            handed = dispatcher.feed([beat(max(1, slots // settings.SLOT_DEPTH))])
        made = [r for _, chunk in wire.taken() for r in result_of(chunk)]
        assert len(made) == handed > 1, (len(made), handed)
        few = max(1, handed // 5)
        wire.sent(made[:few])
        alone, accept, judge = Stopwatch(), Stopwatch(), Stopwatch()
        _accept(alone, at_once=1, judge=Stopwatch())
        wire.sent(made[few:])
        _accept(accept, at_once=flow.RESULTS_AT_ONCE, judge=judge)
        with Stopwatch() as yardstick:
            _yardstick(handed)
        if number >= warm_up:
            spent["claim"].append(claim.per(handed))
            spent["alone"].append(alone.per(few))
            spent["accept"].append(accept.per(handed - few))
            spent["judge"].append(judge.per(handed - few))
            spent["yardstick"].append(yardstick.per(handed))
    ended = Job.objects.filter(state="done").count()
    assert ended >= rounds, "nothing was accepted"
    return {name: _median(watches) for name, watches in spent.items()}


def _accept(watch: Stopwatch, *, at_once: int, judge: Stopwatch) -> None:
    """What a control worker does with what waits; what judging takes is counted apart."""
    with watch:
        while texts := app_wire.take_results(at_once):
            results.accept_all(results.understood(texts), then=judge.around(flow.rendered))
    watch.less(judge)


def _yardstick(times: int) -> None:
    """What one row costs with the ORM in a transaction of its own: made, read, changed."""
    for number in range(times):
        with transaction.atomic():
            made = Price.objects.create(
                device=f"yardstick {number}", valid_from=timezone.now(), micros_per_hour=1
            )
            row = Price.objects.get(pk=made.pk)
            row.micros_per_hour = 2
            row.save()
    Price.objects.filter(device__startswith="yardstick").delete()


def _median(watches: Sequence[Stopwatch]) -> dict[str, float]:
    return {
        "cpu": statistics.median(w.cpu for w in watches),
        "wall": statistics.median(w.wall for w in watches),
    }


class Stopwatch:
    """CPU seconds of this process and wall seconds inside the block."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def __enter__(self) -> Stopwatch:
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time() - self._cpu
        self.wall += time.perf_counter() - self._wall

    def around(self, function: Callable[[Sequence[Job]], None]) -> Callable[[Sequence[Job]], None]:
        """The same function, with the time that it takes added here."""

        def timed(jobs: Sequence[Job]) -> None:
            with self:
                function(jobs)

        return timed

    def less(self, other: Stopwatch) -> None:
        """Without what was spent there."""
        self.cpu, self.wall = self.cpu - other.cpu, self.wall - other.wall

    def per(self, jobs: int) -> Stopwatch:
        """A share of it."""
        self.cpu, self.wall = self.cpu / jobs, self.wall / jobs
        return self
