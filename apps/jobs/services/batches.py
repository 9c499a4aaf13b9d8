"""Move a batch: go on after its pilot, pause, resume, cancel, try again what failed, raise the cap.

Each move is one transaction, whatever the number of jobs, and raises NotAllowed where the batch's state forbids it.
The state is the truth for the dispatcher, which hands out jobs of running batches only.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.audit import services as audit
from apps.jobs.models import (
    LIVE_ATTEMPTS,
    OPEN_STATES,
    Attempt,
    AttemptState,
    Batch,
    BatchState,
    Job,
    JobState,
    Preparation,
)
from apps.jobs.progress import BROKEN, counts
from apps.jobs.services import spending
from apps.jobs.services.creating import FAR
from apps.lib import wire
from apps.lib.errors import BadRequest, NotAllowed
from apps.lib.work import WorkState


@transaction.atomic
def go(batch: Batch, *, by: str) -> Batch:
    """The pilot is good: the rest begins. What the pilot cost is taken off the cap, which was for both."""
    held = _locked(batch)
    cap_micros = held.cap_micros
    pilot = Batch.objects.filter(pilot_of=held).first()
    if cap_micros is not None and pilot is not None:
        cap_micros = max(0, cap_micros - spending.spent_micros([pilot.pk])[pilot.pk])
    _move(
        held, (BatchState.HELD,), BatchState.RUNNING, "It does not wait for a pilot.", cap_micros=cap_micros
    )
    _release(held)
    _record("batch.released", held, by)
    return held


@transaction.atomic
def pause(batch: Batch, *, by: str) -> Batch:
    """Hand out no more of it. What a worker holds is finished."""
    row = _locked(batch)
    _move(row, (BatchState.RUNNING,), BatchState.PAUSED, "Only a running batch can be paused.")
    _preparations(row).update(not_before=FAR, hint_after=FAR)
    _record("batch.paused", row, by)
    return row


@transaction.atomic
def resume(batch: Batch, *, by: str) -> Batch:
    row = _locked(batch)
    _move(row, (BatchState.PAUSED,), BatchState.RUNNING, "Only a paused batch can go on.")
    _release(row)
    _record("batch.resumed", row, by)
    return row


@transaction.atomic
def cancel(batch: Batch, *, by: str) -> tuple[Batch, int]:
    """Stop it for good, and its pilot with it; returns it with the number of jobs that were stopped.

    A job that a worker holds is stopped between two stages; its result would be refused.
    """
    row = _locked(batch)
    states = (BatchState.HELD, BatchState.RUNNING, BatchState.PAUSED)
    _move(row, states, BatchState.CANCELLED, "It was cancelled before.")
    stopped = _stop_jobs(row)
    pilot = Batch.objects.select_for_update().filter(pilot_of=row, state__in=states).first()
    if pilot:
        _move(pilot, states, BatchState.CANCELLED, "")
        stopped += _stop_jobs(pilot)
    _record("batch.cancelled", row, by, jobs=stopped)
    return row, stopped


def _stop_jobs(batch: Batch) -> int:
    live = Attempt.objects.filter(job__batch=batch, state__in=LIVE_ATTEMPTS)
    tokens = list(live.values_list("token", flat=True))
    now = timezone.now()
    stopped = Job.objects.filter(batch=batch, state__in=OPEN_STATES).update(
        state=JobState.CANCELLED, finished_at=now
    )
    Attempt.objects.filter(token__in=tokens).update(state=AttemptState.CANCELLED, ended_at=now)
    _preparations(batch).update(work_state=WorkState.DONE)
    for token in tokens:
        transaction.on_commit(partial(wire.stop_sign, str(token)))
    return stopped


@transaction.atomic
def retry_failed(batch: Batch, *, by: str) -> int:
    """Try once more what failed or was set aside; returns how many. What was fetched is not fetched again."""
    row = _locked(batch)
    if row.state == BatchState.CANCELLED:
        raise NotAllowed("A cancelled batch is not tried again; start it anew.")
    broken = Job.objects.filter(batch=row, state__in=BROKEN)
    fresh: dict[str, Any] = {"tries": 0, "error": "", "error_code": "", "finished_at": None}
    now = timezone.now()
    running = row.state == BatchState.RUNNING
    at = now if running else FAR
    # Without a request its inputs never came: they are fetched first.
    unready = broken.filter(request="")
    Preparation.objects.filter(job__in=unready.values("pk")).update(
        work_state=WorkState.WAITING, not_before=at, hint_after=at, lease_until=None, tries=0, error=""
    )
    moved = unready.update(**fresh, state=JobState.PREPARING, not_before=now)
    moved += broken.exclude(request="").update(**fresh, state=JobState.QUEUED, not_before=now)
    if not moved:
        raise NotAllowed("Nothing of it failed.")
    _record("batch.retried", row, by, jobs=moved)
    transaction.on_commit(wire.wake_dispatcher)
    return moved


@transaction.atomic
def set_cap(batch: Batch, cap_micros: int | None, *, by: str) -> Batch:
    """What it may cost at most from now on; None for no cap."""
    row = _locked(batch)
    if cap_micros is not None and not 0 < cap_micros < 2**63:
        raise BadRequest("A cap is more than nothing.")
    if row.state == BatchState.CANCELLED:
        raise NotAllowed("It was cancelled before.")
    was, row.cap_micros, row.cap_reached_at = row.cap_micros, cap_micros, None
    row.save(update_fields=["cap_micros", "cap_reached_at"])
    _record("batch.capped", row, by, was=was, cap_micros=cap_micros)
    transaction.on_commit(wire.wake_dispatcher)
    return row


# -- pilots ------------------------------------------------------------------------------------------------------


def to_weigh() -> QuerySet[Batch]:
    """Held batches that a rule may let go on: their pilots are asked for what was approved."""
    held = Batch.objects.filter(state=BatchState.HELD, go_at_share__isnull=False)
    return held.select_related("pilot").order_by("pk")


def weighs_enough(held: Batch, approved: int) -> bool:
    """Whether the pilot has ended and such a share of it is approved as the batch asks for."""
    counted = counts([held.pilot.pk])[held.pilot.pk]
    share = held.go_at_share
    return share is not None and not counted.open and counted.total > 0 and approved >= share * counted.total


# -- how a batch moves -------------------------------------------------------------------------------------------


def _locked(batch: Batch) -> Batch:
    return Batch.objects.select_for_update().get(pk=batch.pk)


def _move(row: Batch, states: tuple[BatchState, ...], to: BatchState, otherwise: str, **more: Any) -> None:
    if not Batch.objects.filter(pk=row.pk, state__in=states).update(state=to, **more):
        raise NotAllowed(otherwise)
    row.state = to
    for name, value in more.items():
        setattr(row, name, value)


def _preparations(batch: Batch) -> QuerySet[Preparation]:
    return Preparation.objects.filter(job__batch=batch, work_state=WorkState.WAITING)


def _release(batch: Batch) -> None:
    """What was held back is due now; a fetch that failed and waits for its next try waits a little less."""
    now = timezone.now()
    _preparations(batch).filter(Q(not_before__gte=FAR)).update(not_before=now, hint_after=now)
    transaction.on_commit(wire.wake_dispatcher)


def _record(verb: str, batch: Batch, by: str, **detail: Any) -> None:
    audit.record(verb, workspace=batch.workspace_id, actor=by, subject=f"batch:{batch.pk}", **detail)
