"""Beats extend leases; a lease that ended is looked into: adopt what was made, or try again."""

from __future__ import annotations

import datetime as dt
import json

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from apps.audit import services as audit
from apps.jobs import selectors
from apps.jobs.models import LIVE_ATTEMPTS, Attempt, AttemptState, Job, JobState, Worker
from apps.jobs.services import backoff, health, results
from apps.jobs.services.planning import Then
from apps.lib import blobs
from apps.lib.errors import Retry
from apps.usage import services as usage
from apps.usage.models import Reservation
from gpu_worker.contract import MANIFEST, Beat, JobResult

log = structlog.get_logger(__name__)


def copy_beats(beats: list[Beat]) -> None:
    """Put what workers said into rows: registry, attempts' stage, and leases where the token matches."""
    for beat in beats:
        Worker.objects.update_or_create(
            name=beat.worker[:80],
            defaults={
                "capability": beat.capability,
                "region": beat.region,
                "slots": beat.slots,
                "device": beat.device[:80],
                "memory_mib": beat.memory_mib,
                "engines": beat.engines,
                "weights": beat.weights,
                "jobs_done": beat.jobs_done,
                "jobs_failed": beat.jobs_failed,
                "draining": beat.draining,
                "beat_at": dt.datetime.fromtimestamp(beat.at, tz=dt.UTC),
            },
        )
        for attempt, says in beat.attempts.items():
            _extend(int(attempt), says, beat)


@transaction.atomic
def _extend(attempt: int, says: dict[str, str], beat: Beat) -> None:
    at = dt.datetime.fromtimestamp(beat.at, tz=dt.UTC)
    mine = Attempt.objects.filter(pk=attempt, token=says["token"])
    live = {
        "lease_until": Greatest(F("lease_until"), at + dt.timedelta(seconds=settings.LEASE_S)),
        "beat_at": at,
        "stage": says.get("stage", "")[:40],
        "worker": beat.worker[:80],
    }
    # The lease of a running attempt is the beat plus LEASE_S, even where the hand-out had given it more.
    started = mine.filter(state=AttemptState.DISPATCHED).update(
        **{**live, "lease_until": at + dt.timedelta(seconds=settings.LEASE_S)},
        state=AttemptState.RUNNING,
        started_at=at,
    )
    if started:
        job = Attempt.objects.values_list("job", flat=True).get(pk=attempt)
        Job.objects.filter(pk=job, state=JobState.DISPATCHED).update(
            state=JobState.RUNNING, tries=F("tries") + 1
        )
        return
    mine.filter(state=AttemptState.RUNNING).update(**live)


def forgive(seconds: float) -> int:
    """The broker was away, so nobody could beat: extend every live lease once instead of ending all together."""
    until = timezone.now() + dt.timedelta(seconds=seconds)
    return Attempt.objects.filter(state__in=LIVE_ATTEMPTS, lease_until__lt=until).update(lease_until=until)


def expire(*, then: Then, limit: int = 200) -> int:
    """End the leases that ran out. Returns how many attempts were adopted or lost; `then` as in `results.accept`.

    While the storage can't say what was made, nothing is lost: such a lease goes on for once more its length.
    """
    _close_cancelled()
    over = list(
        Attempt.objects.filter(state__in=LIVE_ATTEMPTS, lease_until__lt=timezone.now())
        .select_related("job__recipe_version")
        .order_by("lease_until")[:limit]
    )
    moved = 0
    for attempt in over:
        try:
            if not adopt(attempt, then=then):
                _lose(attempt)
        except Retry as error:
            # What it made lies there and can't be kept just now: look again, and render nothing twice.
            log.warning("result_waits", attempt=attempt.pk, reason=error.message)
            later = timezone.now() + dt.timedelta(seconds=settings.LEASE_S)
            Attempt.objects.filter(pk=attempt.pk, state__in=LIVE_ATTEMPTS).update(lease_until=later)
            continue
        moved += 1
    return moved


def adopt(attempt: Attempt, *, then: Then) -> bool:
    """Accept what the attempt finished though its message never came: the manifest is the truth."""
    text = blobs.read_if_there(attempt.prefix + MANIFEST)
    if text is None:
        return False
    try:
        result = JobResult.from_dict(json.loads(text))
    except (ValueError, KeyError, TypeError):
        log.warning("manifest_unreadable", attempt=attempt.pk)
        return False
    try:
        results.accept(result, then=then)
    except FileNotFoundError as error:
        # Somebody else took it in meanwhile and cleared up; else what it made is gone, and the lease ends.
        log.warning("result_incomplete", attempt=attempt.pk, error=str(error))
        return False
    log.info("result_adopted", attempt=attempt.pk, job=attempt.job_id)
    return True


@transaction.atomic
def _lose(attempt: Attempt) -> None:
    moved = Attempt.objects.filter(
        pk=attempt.pk, state__in=LIVE_ATTEMPTS, lease_until__lt=timezone.now()
    ).update(state=AttemptState.LOST, ended_at=timezone.now())
    if not moved:
        return
    job = attempt.job
    if attempt.started_at is None:
        # Nobody took the message: that is not the photo's fault and no try.
        usage.settle([attempt.pk])
        results.back_to_queue(job, after_s=0)
        return
    _book_by_beats(attempt, until=attempt.beat_at, outcome="lost")
    audit.record(
        "attempt.lost",
        workspace=job.workspace_id,
        subject=f"job:{job.pk}",
        refs={"attempt": attempt.pk},
        worker=attempt.worker,
        stage=attempt.stage,
    )
    health.note(attempt.worker, well=False, trouble="It stopped answering in the middle of its work.")
    message = f"The worker stopped answering during {attempt.stage or 'its work'}."
    if job.tries >= settings.MAX_TRIES:
        results.set_aside(job, code="worker_lost", message=f"Set aside after {job.tries} tries. {message}")
    else:
        wait_s = backoff.wait_s("worker_lost", job.tries)
        results.back_to_queue(job, after_s=wait_s, code="worker_lost", message=message, alone=True)


def _book_by_beats(attempt: Attempt, *, until: dt.datetime | None, outcome: str) -> None:
    """The worker never said what it used, so its beats tell; if its word comes after all, that corrects the record."""
    job, start = attempt.job, attempt.started_at
    seconds = 0.0 if start is None else max(0.0, ((until or start) - start).total_seconds())
    Attempt.objects.filter(pk=attempt.pk).update(device_seconds=seconds)
    worker = Worker.objects.filter(name=attempt.worker).first()
    use = usage.Use(
        workspace=job.workspace_id,
        attempt=attempt.pk,
        job=job.pk,
        store=job.store_id,
        recipe=job.recipe_version.recipe_id,
        batch=job.batch_id,
        engine=worker.engines.get("cutout", "unknown")[:40] if worker else "unknown",
        device=(worker.device[:40] if worker else "") or selectors.device_of(job.capability),
        device_seconds=seconds,
        bytes_in=0,
        bytes_out=0,
        outcome=outcome,
        estimated=True,
    )
    usage.book(use)


def _close_cancelled(limit: int = 200) -> None:
    """A cancelled attempt whose worker says nothing more holds its reservation no longer than its lease."""
    silent = (
        Attempt.objects.filter(pk__in=Reservation.objects.values("attempt"), lease_until__lt=timezone.now())
        .exclude(state__in=LIVE_ATTEMPTS)
        .select_related("job__recipe_version")
    )
    for attempt in silent[:limit]:
        if attempt.started_at is None:
            usage.settle([attempt.pk])
        else:
            _book_by_beats(attempt, until=attempt.ended_at, outcome=AttemptState(attempt.state).value)
