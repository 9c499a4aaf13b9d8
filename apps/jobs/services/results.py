"""Take results back, each if its token and state still match; refuse it otherwise.

Many at once are one transaction with a statement for all of each kind, which costs little more than one alone. One that
breaks it is found by taking them one by one.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from apps.audit import services as audit
from apps.jobs.models import HELD_STATES, LIVE_ATTEMPTS, Attempt, Held, Job, JobState
from apps.jobs.services import backoff, health, mattes, renders, twins
from apps.jobs.services.planning import Then
from apps.lib import blobs, wire
from apps.lib.errors import Retry, StorageAway
from apps.usage import services as usage
from gpu_worker.contract import RESTING, Error, JobResult

log = structlog.get_logger(__name__)

# What a resting worker handed back: somebody else is to have the time to take it.
RESTING_S = 2.0


@dataclass
class Taken:
    """A result and the attempt it tells of. `counts`: it was the attempt's end; `started`: a beat had come before it;
    `twinned`: other jobs wait for its picture."""

    attempt: Attempt
    result: JobResult
    cutout: str
    counts: bool = False
    started: bool = False
    twinned: bool = False

    @property
    def job(self) -> Job:
        return self.attempt.job


def accept(result: JobResult, *, then: Then) -> Job | None:
    """The job, when this result ended or moved it; None when it came late, twice or from nowhere.

    `then` is called with jobs that are done, in the same transaction: no crash can fall between. Safe to call any
    number of times with the same result. What the attempt used is booked once, accepted or not.

    Raises FileMissing, StorageFull or StorageAway where what was made can't be kept: nothing has changed then.
    """
    known = _known([result])
    for one in known:
        _keep(one)
    moved = _settle(known, then)
    _clear_up(known)
    return moved[0] if moved else None


def accept_all(results: Sequence[JobResult], *, then: Then) -> list[Job]:
    """As `accept`, for many; the jobs that moved. What can't be taken now is left to its lease, and said in the log."""
    moved: list[Job] = []
    first: dict[int, JobResult] = {}
    repeats = [result for result in results if first.setdefault(result.attempt, result) is not result]
    with wire.stored_together():
        ready = [one for one in _known(list(first.values())) if _kept(one)]
    try:
        moved += _settle(ready, then)
    except Exception:
        if len(ready) < 2:
            raise
        log.warning("results_one_by_one", count=len(ready), exc_info=True)
        ready = [one for one in ready if _settled_alone(one, then, moved)]
    _clear_up(ready)
    return moved + accept_all(repeats, then=then) if repeats else moved


def understood(texts: Sequence[bytes]) -> list[JobResult]:
    """Workers' words as they sent them; one that can't be read is no reason to lose the others."""
    found = []
    for text in texts:
        try:
            found.append(JobResult.from_dict(json.loads(text)))
        except (ValueError, KeyError, TypeError) as error:
            log.warning("result_not_understood", reason=str(error))
    return found


def _known(results: Sequence[JobResult]) -> list[Taken]:
    """Those that tell of an attempt which is there, by its own token; in one order, whoever takes them."""
    found = (
        Attempt.objects.filter(pk__in=[result.attempt for result in results])
        .select_related("job__photo")
        .prefetch_related("job__recipe_version")
        .in_bulk()
    )
    known = []
    for result in sorted(results, key=lambda r: r.attempt):
        attempt = found.get(result.attempt)
        if attempt is not None and str(attempt.token) == result.token:
            known.append(Taken(attempt, result, mattes.word(attempt.job, result.matte)))
    return known


def _keep(one: Taken) -> None:
    if one.result.status == "done" and one.attempt.state in LIVE_ATTEMPTS:
        renders.keep_files(one.job, one.result.files)


def _kept(one: Taken) -> bool:
    try:
        _keep(one)
    except (Retry, FileNotFoundError) as error:
        log.warning("result_waits", attempt=one.attempt.pk, reason=str(error))
        return False
    return True


def _settled_alone(one: Taken, then: Then, moved: list[Job]) -> bool:
    again = _known([one.result])
    try:
        moved += _settle(again, then)
    except Exception:
        log.exception("result_not_taken", attempt=one.attempt.pk)
        return False
    return True


def _clear_up(known: Sequence[Taken]) -> None:
    """Accepted or refused, they have ended by now: what is of use was kept. What can't be dropped is swept later."""
    for one in known:
        try:
            blobs.drop(one.attempt.prefix)
        except StorageAway as error:
            log.info("attempt_folder_stays", attempt=one.attempt.pk, reason=error.message)


@transaction.atomic
def _settle(known: Sequence[Taken], then: Then) -> list[Job]:
    if not known:
        return []
    _end_attempts(known)
    cutouts = [
        mattes.Found(one.job, one.result.matte, one.result.engines.get("cutout", ""), counts=one.counts)
        for one in known
    ]
    mattes.note(*cutouts)
    usage.book(*[_use(one) for one in known])
    ended = [one for one in known if one.counts]
    _done([one for one in ended if one.result.status == "done"])
    for one in ended:
        if one.result.status != "done":
            _not_done(one.job, one.result)
    finished = [one for one in ended if one.job.state == JobState.DONE]
    then([one.job for one in finished])
    for one in finished:
        if one.job.render is not None and one.twinned:
            twins.answer(one.job, one.job.render, then=then)
    # Last: other results of these workers wait for their rows.
    _tell_of_workers([one.result for one in ended])
    return [one.job for one in ended]


# One statement: an attempt ends if it is still this result's, and only then its job has one started try more or less:
# a try counts when it starts, by the worker's beat or with a result that came before any beat; that of a job that is
# done is counted with its state. It tells, too, whether another job waits for the same picture: seldom, so that others
# need not be looked for.
_END_ATTEMPTS = f"""
WITH told AS (
    SELECT * FROM jsonb_to_recordset(%(results)s::jsonb) AS t(attempt bigint, token uuid, status text, worker text,
        started_at timestamptz, device_seconds float8, code text, message text, cutout text)
), live AS (
    SELECT a.id, a.state = 'running' AS started FROM {Attempt._meta.db_table} a
    JOIN told ON told.attempt = a.id AND told.token = a.token
    WHERE a.state IN ('dispatched', 'running') ORDER BY a.id FOR UPDATE OF a
), ended AS (
    UPDATE {Attempt._meta.db_table} a SET state = told.status, worker = told.worker,
        started_at = COALESCE(a.started_at, told.started_at), ended_at = %(now)s,
        device_seconds = told.device_seconds, error_code = told.code, error = told.message, cutout = told.cutout
    FROM told JOIN live ON live.id = told.attempt WHERE a.id = told.attempt
    RETURNING a.id, a.job_id, live.started, CASE told.status WHEN 'returned' THEN -live.started::int
        WHEN 'failed' THEN 1 - live.started::int ELSE 0 END AS tries
), counted AS (
    UPDATE {Job._meta.db_table} j SET tries = j.tries + ended.tries FROM ended
    WHERE j.id = ended.job_id AND ended.tries <> 0
)
SELECT ended.id, ended.started, j.request <> '' AND EXISTS (
    SELECT FROM {Job._meta.db_table} twin WHERE twin.workspace_id = j.workspace_id AND twin.request = j.request
        AND twin.capability = j.capability AND twin.region = j.region AND twin.state = 'queued'
) FROM ended JOIN {Job._meta.db_table} j ON j.id = ended.job_id
"""  # noqa: S608 - only our own tables' names are formatted in


def _end_attempts(known: Sequence[Taken]) -> None:
    """Sets what is true of each; an attempt that had ended otherwise stays as it is."""
    now = timezone.now()
    rows = [
        {
            "attempt": one.attempt.pk,
            "token": one.result.token,
            "status": one.result.status,
            "worker": one.result.worker[:80],
            "started_at": (now - dt.timedelta(seconds=one.result.device_seconds)).isoformat(),
            "device_seconds": one.result.device_seconds,
            "code": one.result.error.code if one.result.error else "",
            "message": one.result.error.message if one.result.error else "",
            "cutout": one.cutout,
        }
        for one in known
    ]
    with connection.cursor() as cursor:
        cursor.execute(_END_ATTEMPTS, {"results": json.dumps(rows), "now": now})
        ended = {attempt: flags for attempt, *flags in cursor.fetchall()}
    for one in known:
        if one.attempt.pk in ended:
            one.counts = True
            one.started, one.twinned = ended[one.attempt.pk]


def _not_done(job: Job, result: JobResult) -> None:
    job.refresh_from_db()
    if result.status == "cancelled":
        _end(job, JobState.CANCELLED, "cancelled", "It was cancelled.")
    elif result.status == "returned":
        resting = result.error is not None and result.error.code == RESTING
        back_to_queue(job, after_s=RESTING_S if resting else 0)
    else:
        _failed(job, result)
    job.refresh_from_db()


def _use(one: Taken) -> usage.Use:
    """What the attempt used, whatever became of it: refused where its result came too late to count."""
    job, result = one.job, one.result
    return usage.Use(
        workspace=job.workspace_id,
        attempt=one.attempt.pk,
        job=job.pk,
        store=job.store_id,
        recipe=job.recipe_version.recipe_id,
        batch=job.batch_id,
        engine=result.engines.get("cutout", "unknown")[:40],
        device=result.device[:40],
        device_seconds=result.device_seconds,
        bytes_in=result.bytes_in,
        bytes_out=result.bytes_out,
        outcome=result.status if one.counts else "refused",
        cutout=one.cutout,
    )


def _tell_of_workers(results: Sequence[JobResult]) -> None:
    """A photo or a recipe that can't be rendered is not the worker's fault."""
    # Worker after worker in one order: others do the same at the same time, and each holds the rows it has changed.
    for worker, told in groupby(sorted(results, key=_worker), key=_worker):
        well = 0
        for result in told:
            if result.status == "failed" and result.error is not None and result.error.retry:
                health.note(worker, well=False, trouble=result.error.message)
            elif result.status == "done" or (result.status == "failed" and result.error is not None):
                well += 1
        if well:
            health.note(worker, well=True, times=well)


def _worker(result: JobResult) -> str:
    return result.worker


_JOBS_DONE = f"""
UPDATE {Job._meta.db_table} j SET state = 'done', render_id = t.render, error = '', error_code = '',
    finished_at = %(now)s, tries = j.tries + t.heard
FROM unnest(%(jobs)s::bigint[], %(renders)s::bigint[], %(heard)s::int[]) AS t(job, render, heard)
WHERE j.id = t.job AND j.state IN ('dispatched', 'running') RETURNING j.id
"""  # noqa: S608 - only our own table's name is formatted in


def _done(taken: Sequence[Taken]) -> None:
    """Jobs with their renders; one that was ended otherwise meanwhile stays as it is."""
    if not taken:
        return
    now, made = timezone.now(), renders.keep_rows([(one.job, one.result) for one in taken])
    values: dict[str, Any] = {
        "now": now,
        "jobs": [one.job.pk for one in taken],
        "renders": [render.pk for render in made],
        "heard": [0 if one.started else 1 for one in taken],
    }
    with connection.cursor() as cursor:
        cursor.execute(_JOBS_DONE, values)
        moved = {job for (job,) in cursor.fetchall()}
    entries = []
    for one, render in zip(taken, made, strict=True):
        job, result = one.job, one.result
        if job.pk not in moved:
            job.refresh_from_db()
            continue
        job.state, job.render, job.error, job.error_code, job.finished_at = JobState.DONE, render, "", "", now
        entry = audit.Entry(
            verb="photo.rendered",
            workspace=job.workspace_id,
            subject=f"job:{job.pk}",
            refs={"photo": job.photo_id, "render": render.pk, "attempt": one.attempt.pk},
            detail={
                "confidence": result.confidence,
                "engines": result.engines,
                "sha256": next((f.sha256 for f in result.files if f.name == "main"), ""),
            },
        )
        entries.append(entry)
    audit.record_all(entries)


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
