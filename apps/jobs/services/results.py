"""Take a result back, in one transaction, if its token and state still match; refuse it otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict
from pathlib import PurePosixPath

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.audit import services as audit
from apps.jobs.models import HELD_STATES, LIVE_ATTEMPTS, Attempt, AttemptState, Held, Job, JobState, Render
from apps.jobs.services import backoff, health, mattes, twins
from apps.lib import blobs, ids, wire
from apps.usage import services as usage
from gpu_worker.contract import RESTING, Error, JobResult

# What a resting worker handed back: somebody else is to have the time to take it.
RESTING_S = 2.0


def accept(result: JobResult, *, then: Callable[[Job], None]) -> Job | None:
    """The job, when this result ended or moved it; None when it came late, twice or from nowhere.

    `then` is called with a job that is done, in the same transaction: no crash can fall between. Safe to call any
    number of times with the same result. What the attempt used is booked once, accepted or not.
    """
    attempt = (
        Attempt.objects.select_related("job__recipe_version")
        .filter(pk=result.attempt, token=result.token)
        .first()
    )
    if attempt is None:
        return None
    if result.status == "done" and attempt.state in LIVE_ATTEMPTS:
        _promote(attempt, result)
    job = _settle(attempt, result, then)
    attempt.refresh_from_db(fields=["state"])
    if attempt.state not in LIVE_ATTEMPTS:
        blobs.drop(attempt.prefix)
    return job


def _final_key(job: Job, sha256: str, key: str) -> str:
    return blobs.key_for(
        workspace=job.workspace_id,
        store=job.store_id,
        kind="renders",
        sha256=sha256,
        extension=PurePosixPath(key).suffix.lstrip("."),
    )


def _promote(attempt: Attempt, result: JobResult) -> None:
    """Keep the files under their own hashes before any row names them; a repeat copies nothing."""
    for file in result.files:
        blobs.keep(file.key, _final_key(attempt.job, file.sha256, file.key))


@transaction.atomic
def _settle(attempt: Attempt, result: JobResult, then: Callable[[Job], None]) -> Job | None:
    job = attempt.job
    cutout = mattes.word(job, result.matte)
    moved = Attempt.objects.filter(pk=attempt.pk, token=result.token, state__in=LIVE_ATTEMPTS).update(
        state=result.status,
        worker=result.worker[:80],
        started_at=attempt.started_at or timezone.now() - dt.timedelta(seconds=result.device_seconds),
        ended_at=timezone.now(),
        device_seconds=result.device_seconds,
        cutout=cutout,
        error_code=result.error.code if result.error else "",
        error=result.error.message if result.error else "",
    )
    mattes.note(job, result.matte, result.engines.get("cutout", ""), counts=bool(moved))
    book(attempt, result, cutout=cutout, refused=not moved)
    if not moved:
        return None
    started = attempt.state == AttemptState.RUNNING
    if result.status in {"done", "failed"} and not started:
        Job.objects.filter(pk=job.pk).update(tries=F("tries") + 1)
    job.refresh_from_db()
    if result.status == "done":
        _done(job, attempt, result)
    elif result.status == "cancelled":
        _end(job, JobState.CANCELLED, "cancelled", "It was cancelled.")
    elif result.status == "returned":
        if started:
            Job.objects.filter(pk=job.pk).update(tries=F("tries") - 1)
        resting = result.error is not None and result.error.code == RESTING
        back_to_queue(job, after_s=RESTING_S if resting else 0)
    else:
        _failed(job, result)
    _tell_of_worker(result)
    job.refresh_from_db()
    if job.state == JobState.DONE:
        then(job)
        if job.render is not None:
            twins.answer(job, job.render, then=then)
    return job


def book(attempt: Attempt, result: JobResult, *, cutout: str, refused: bool) -> None:
    """What the attempt used is booked once, whatever became of it; `refused`: its result came too late to count."""
    job = attempt.job
    usage.book(
        workspace=job.workspace_id,
        attempt=attempt.pk,
        job=job.pk,
        store=job.store_id,
        recipe=job.recipe_version.recipe_id,
        batch=job.batch_id,
        engine=result.engines.get("cutout", "unknown")[:40],
        device=result.device[:40],
        device_seconds=result.device_seconds,
        bytes_in=result.bytes_in,
        bytes_out=result.bytes_out,
        outcome="refused" if refused else result.status,
        cutout=cutout,
    )


def _tell_of_worker(result: JobResult) -> None:
    """A photo or a recipe that can't be rendered is not the worker's fault."""
    if result.status == "done":
        health.note(result.worker, well=True)
    elif result.status == "failed" and result.error is not None:
        health.note(result.worker, well=not result.error.retry, trouble=result.error.message)


def _done(job: Job, attempt: Attempt, result: JobResult) -> None:
    files = [asdict(f) | {"key": _final_key(job, f.sha256, f.key)} for f in result.files]
    render, _ = Render.objects.get_or_create(
        workspace_id=job.workspace_id,
        request=job.request,
        engines_digest=ids.digest(result.engines),
        defaults={
            "store_id": job.store_id,
            "engines": result.engines,
            "fingerprint": result.fingerprint,
            "files": files,
            "measures": result.measures,
            "confidence": result.confidence,
            "seconds": result.seconds,
        },
    )
    moved = Job.objects.filter(pk=job.pk, state__in=HELD_STATES).update(
        state=JobState.DONE, render=render, error="", error_code="", finished_at=timezone.now()
    )
    if moved:
        audit.record(
            "photo.rendered",
            workspace=job.workspace_id,
            subject=f"job:{job.pk}",
            refs={"photo": job.photo_id, "render": render.pk, "attempt": attempt.pk},
            confidence=result.confidence,
            engines=result.engines,
            sha256=next((f.sha256 for f in result.files if f.name == "main"), ""),
        )


def _failed(job: Job, result: JobResult) -> None:
    error = result.error or Error("internal", "The worker gave no reason.", True)
    if not error.retry:
        _end(job, JobState.FAILED, error.code, error.message)
        return
    if not backoff.rule(error.code).a_try:
        # An outage is no photo's fault; it ends, or a person looks at it after very many attempts.
        Job.objects.filter(pk=job.pk, tries__gt=0).update(tries=F("tries") - 1)
        tries, over = job.attempt_count, job.attempt_count % backoff.OUTAGE_ATTEMPTS == 0
    else:
        tries, over = job.tries, job.tries >= settings.MAX_TRIES
    if over:
        set_aside(job, code=error.code, message=f"Set aside after {tries} tries. {error.message}")
        return
    wait_s = backoff.wait_s(error.code, tries, error.retry_after_s)
    back_to_queue(
        job,
        after_s=wait_s,
        code=error.code,
        message=error.message,
        alone=error.code == "out_of_memory",
    )


def _end(job: Job, state: str, code: str, message: str) -> None:
    moved = Job.objects.filter(pk=job.pk, state__in=HELD_STATES).update(
        state=state, error_code=code, error=message, finished_at=timezone.now()
    )
    if moved:
        audit.record(
            f"job.{state}",
            workspace=job.workspace_id,
            subject=f"job:{job.pk}",
            refs={"photo": job.photo_id},
            code=code,
            message=message,
        )


def back_to_queue(
    job: Job, *, after_s: float, code: str = "", message: str = "", alone: bool = False
) -> None:
    """The job waits again; the reason stays readable until it is done. `alone`: it may bring its neighbours down."""
    Job.objects.filter(pk=job.pk, state__in=HELD_STATES).update(
        state=JobState.QUEUED,
        held=Held.BACKOFF if after_s > 0 else Held.NOT,
        not_before=timezone.now() + dt.timedelta(seconds=after_s),
        error_code=code,
        error=message,
        alone=True if alone else F("alone"),
    )
    transaction.on_commit(wire.wake_dispatcher)


def set_aside(job: Job, *, code: str, message: str) -> None:
    """Quarantine: it failed too often to be tried again without a person."""
    _end(job, JobState.QUARANTINED, code, message)
