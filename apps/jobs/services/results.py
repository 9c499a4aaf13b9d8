"""Take a result back, in one transaction, if its token and state still match; refuse it otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from apps.audit import services as audit
from apps.jobs.models import HELD_STATES, LIVE_ATTEMPTS, Attempt, AttemptState, Held, Job, JobState, Render
from apps.jobs.services import backoff, health, mattes, twins
from apps.lib import blobs, ids, wire
from apps.lib.insert_once import insert_once
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
        Attempt.objects.select_related("job__recipe_version", "job__photo")
        .filter(pk=result.attempt, token=result.token)
        .first()
    )
    if attempt is None:
        return None
    if result.status == "done" and attempt.state in LIVE_ATTEMPTS:
        _promote(attempt, result)
    job = _settle(attempt, result, then)
    # Accepted or refused, it has ended by now: what is of use was kept above.
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
    """Keep the files under their own hashes before any row names them; a repeat moves nothing."""
    for file in result.files:
        blobs.keep(file.key, _final_key(attempt.job, file.sha256, file.key), file.size_bytes)


@transaction.atomic
def _settle(attempt: Attempt, result: JobResult, then: Callable[[Job], None]) -> Job | None:
    job = attempt.job
    cutout = mattes.word(job, result.matte)
    moved, twinned = _end_attempt(attempt, result, cutout)
    mattes.note(job, result.matte, result.engines.get("cutout", ""), counts=moved)
    book(attempt, result, cutout=cutout, refused=not moved)
    if not moved:
        return None
    if result.status == "done":
        _done(job, attempt, result)
    else:
        _not_done(job, attempt, result)
    if job.state == JobState.DONE:
        then(job)
        if job.render is not None and twinned:
            twins.answer(job, job.render, then=then)
    # Last: other results of this worker wait for its row.
    _tell_of_worker(result)
    return job


# One statement: the attempt ends if it is still this result's, and only then its job has one started try more or less.
# It tells, too, whether another job waits for the same picture: seldom, so that others need not be looked for.
_END_ATTEMPT = f"""
WITH ended AS (
    UPDATE {Attempt._meta.db_table} SET state = %(status)s, worker = %(worker)s,
        started_at = COALESCE(started_at, %(started_at)s), ended_at = %(now)s, device_seconds = %(device_seconds)s,
        error_code = %(code)s, error = %(message)s, cutout = %(cutout)s
    WHERE id = %(attempt)s AND token = %(token)s AND state IN ('dispatched', 'running')
    RETURNING job_id
), counted AS (
    UPDATE {Job._meta.db_table} SET tries = tries + %(tries)s FROM ended WHERE id = job_id AND %(tries)s <> 0
)
SELECT count(*), %(request)s <> '' AND EXISTS (
    SELECT FROM {Job._meta.db_table} twin WHERE twin.workspace_id = %(workspace)s AND twin.request = %(request)s
        AND twin.capability = %(capability)s AND twin.region = %(region)s AND twin.state = 'queued'
) FROM ended
"""  # noqa: S608 - only our own tables' names are formatted in


def _end_attempt(attempt: Attempt, result: JobResult, cutout: str) -> tuple[bool, bool]:
    """(False where the attempt had ended otherwise, whether another job waits for this picture)."""
    now, job = timezone.now(), attempt.job
    values: dict[str, Any] = {
        "status": result.status,
        "worker": result.worker[:80],
        "started_at": now - dt.timedelta(seconds=result.device_seconds),
        "now": now,
        "device_seconds": result.device_seconds,
        "code": result.error.code if result.error else "",
        "message": result.error.message if result.error else "",
        "cutout": cutout,
        "attempt": attempt.pk,
        "token": attempt.token,
        "tries": _tries_moved(attempt, result),
        "workspace": job.workspace_id,
        "request": job.request,
        "capability": job.capability,
        "region": job.region,
    }
    with connection.cursor() as cursor:
        cursor.execute(_END_ATTEMPT, values)
        ended, twinned = cursor.fetchone()
        return bool(ended), bool(twinned)


def _tries_moved(attempt: Attempt, result: JobResult) -> int:
    """A try counts when it starts: by the worker's beat, or with a result that came before any beat."""
    started = attempt.state == AttemptState.RUNNING
    if result.status == "returned":
        return -1 if started else 0
    # That of a job that is done is counted with its state.
    return 1 if result.status == "failed" and not started else 0


def _not_done(job: Job, attempt: Attempt, result: JobResult) -> None:
    job.refresh_from_db()
    if result.status == "cancelled":
        _end(job, JobState.CANCELLED, "cancelled", "It was cancelled.")
    elif result.status == "returned":
        resting = result.error is not None and result.error.code == RESTING
        back_to_queue(job, after_s=RESTING_S if resting else 0)
    else:
        _failed(job, result)
    job.refresh_from_db()


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
    render = _render(job, result)
    changes: dict[str, Any] = {
        "state": JobState.DONE,
        "render": render,
        "error": "",
        "error_code": "",
        "finished_at": timezone.now(),
    }
    first_heard = 0 if attempt.state == AttemptState.RUNNING else 1
    moved = Job.objects.filter(pk=job.pk, state__in=HELD_STATES).update(
        **changes, tries=F("tries") + first_heard
    )
    if not moved:
        job.refresh_from_db()
        return
    for name, value in changes.items():
        setattr(job, name, value)
    audit.record(
        "photo.rendered",
        workspace=job.workspace_id,
        subject=f"job:{job.pk}",
        refs={"photo": job.photo_id, "render": render.pk, "attempt": attempt.pk},
        confidence=result.confidence,
        engines=result.engines,
        sha256=next((f.sha256 for f in result.files if f.name == "main"), ""),
    )


def _render(job: Job, result: JobResult) -> Render:
    """The row of this picture: a new one, or the one that an equal request by equal engines left before."""
    made = Render(
        workspace_id=job.workspace_id,
        request=job.request,
        engines_digest=ids.digest(result.engines),
        store_id=job.store_id,
        engines=result.engines,
        fingerprint=result.fingerprint,
        files=[asdict(f) | {"key": _final_key(job, f.sha256, f.key)} for f in result.files],
        measures=result.measures,
        confidence=result.confidence,
        seconds=result.seconds,
    )
    if insert_once(made):
        return made
    render = Render.objects.get(
        workspace=job.workspace_id, request=job.request, engines_digest=made.engines_digest
    )
    if not render.files:
        # Its files were let go when nobody used them; here they are again.
        Render.objects.filter(pk=render.pk).update(files=made.files, created_at=timezone.now())
        render.files = made.files
    return render


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
