"""In a fresh process: what a merchant with a large catalogue waits for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import partial

from apps.catalog.models import Photo
from apps.flow import batching, flow
from apps.jobs.models import Attempt, Job, JobState, Lane, Preparation, Render
from apps.jobs.services import planning
from apps.stores.connect import open_store
from benchmarks.house import fill
from benchmarks.house.dispatching import Stopwatch
from benchmarks.house.shift import Shift, dispatcher
from benchmarks.probe import peak_mib

# Every so manieth photo was rendered before.
KNOWN_EVERY = 4


def filled(photos: int, products: int) -> dict[str, int]:
    """A merchant whose whole catalogue is fetched, part of it rendered before."""
    merchant = fill.merchant("anna")
    fill.worker()
    fill.catalogue(merchant, products=products, photos=photos)
    fill.renders(merchant, every=KNOWN_EVERY)
    return merchant.ids


def preflight(store: int, version: int, photos: int) -> dict[str, float]:
    """The look ahead over all photos. `import_mib`: the peak before it."""
    merchant = fill.found(store, version)
    before_mib = peak_mib()
    with Stopwatch() as watch:
        ahead = batching.look_ahead(batching.wish(merchant.store, merchant.version))
    assert ahead.photos == photos, ahead
    assert ahead.cached > photos // (2 * KNOWN_EVERY), ahead
    return {"seconds": watch.wall, "import_mib": before_mib}


def create(store: int, version: int, photos: int) -> dict[str, float]:
    """The click that starts a batch over all photos: look ahead, jobs, inputs, preparations, hints."""
    merchant = fill.found(store, version)
    asked = batching.wish(merchant.store, merchant.version)
    with Stopwatch() as watch:
        _, added = batching.start(asked, name="Everything", key=uuid.uuid4().hex, by="bench")
    assert added == photos, added
    return {"seconds": watch.wall}


def cache_hits(store: int, version: int, times: int) -> dict[str, list[float]]:
    """Seconds from a fetched photo to a judged picture that an earlier render answers, each time."""
    merchant = fill.found(store, version)
    connector = open_store(merchant.store)
    known = Render.objects.order_by("pk").values_list("files", flat=True)[:times]
    photos = Photo.objects.filter(sha256__in=[files[0]["sha256"] for files in known])
    seconds = []
    for photo in photos.select_related("product__store"):
        job = planning.plan(photo, merchant.version, once=uuid.uuid4().hex)
        assert job is not None
        preparation = Preparation.claim(job.preparation.pk)
        assert preparation is not None
        preparation.job = planning.to_prepare(preparation)
        with Stopwatch() as watch:
            planning.prepare(preparation, connector, then=flow.rendered)
        assert Job.objects.get(pk=job.pk).cached
        seconds.append(watch.wall)
    return {"seconds": seconds}


def urgent(store: int, version: int, times: int) -> dict[str, list[float]]:
    """Seconds from submitting an urgent job to a worker beginning with it, while the worker is busy with bulk jobs.

    Two slots and bulk jobs of 0.2 s, so that one is free every 0.1 s.
    """
    merchant = fill.found(store, version)
    photos = iter(Photo.objects.filter(product__store=store).select_related("product__store").order_by("-pk"))
    shift = Shift(slots=2, job_s=0.2)
    waits = []
    with dispatcher():
        shift.work(lambda: len(shift.ended) >= 4)
        for _ in range(times):
            submitted = time.time()
            job = planning.plan(next(photos), merchant.version, once=uuid.uuid4().hex, lane=Lane.URGENT)
            assert job is not None
            flow.prepared(job.preparation.pk)
            shift.work(partial(_begun, shift, job.pk))
            attempt = Attempt.objects.get(job=job)
            waits.append(shift.started[attempt.pk] - submitted)
    return {"seconds": waits}


def _begun(shift: Shift, job: int) -> bool:
    return Attempt.objects.filter(job=job, pk__in=list(shift.started)[-20:]).exists()


def fairness(few: int, many: int, *, job_s: float = 0.2) -> dict[str, float]:
    """Seconds that `few` jobs of one merchant take alone, and beside `many` of another one."""
    small, large = fill.merchant("small"), fill.merchant("large")
    fill.worker(slots=4)
    for merchant, count in ((small, few), (large, many)):
        fill.catalogue(merchant, products=max(1, count // 5), photos=count)
    took = {}
    with dispatcher():
        shift = Shift(slots=4, job_s=job_s)
        # The dispatcher is up when it hands something out.
        fill.queued(small, 2)
        shift.work(lambda: len(shift.ended) == 2)
        took["alone"] = _through(shift, small, few)
        fill.queued(large, many)
        fill.tidy()
        busy = len(shift.ended)
        shift.work(lambda: len(shift.ended) >= busy + 4)
        took["beside"] = _through(shift, small, few)
    return took


def _through(shift: Shift, merchant: fill.Merchant, count: int) -> float:
    started = time.time()
    batch = fill.queued(merchant, count)
    waiting: Callable[[], bool] = Job.objects.filter(batch=batch).exclude(state=JobState.DONE).exists
    shift.work(lambda: not waiting())
    return time.time() - started
