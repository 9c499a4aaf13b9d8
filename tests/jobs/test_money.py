"""Caps and budgets hold, however many hands give work out at once; what was used is booked, whatever became of it."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from apps.audit.models import Event
from apps.dashboard import batch_words
from apps.flow import flow
from apps.jobs import progress
from apps.jobs.models import Attempt, AttemptState, Batch, Job, JobState, Lane
from apps.jobs.services import batches, leases, planning, spending
from apps.usage import selectors as usage
from apps.usage import services as booking
from apps.usage.models import Record, Reservation
from gpu_worker.contract import Error, JobResult
from tests.jobs.queues import Queue, finish, give
from tests.shopkeeping import Shop

EACH = 40
HANDS, ROUND = 4, 3


def book(job: Job, micros: int) -> None:
    attempt = job.attempts.latest("pk")
    use = booking.Use(
        workspace=job.workspace_id,
        attempt=attempt.pk,
        job=job.pk,
        batch=job.batch_id,
        engine="classic",
        device="cpu",
        device_seconds=micros / 10,
        bytes_in=1,
        bytes_out=1,
        outcome="done",
    )
    booking.book(use)
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.DONE)
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE, finished_at=timezone.now())


@pytest.fixture
def each_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.jobs.selectors.expected_cost_micros", lambda version, capability: EACH)


def work_with_many_hands(
    cost: Callable[[random.Random], int], seen: Callable[[], int]
) -> tuple[list[int], int]:
    """Several dispatchers at once, each with workers that take what it gives. Returns what `seen` said after every
    step, and how many jobs were given."""
    told: list[int] = []
    given: list[int] = []
    wrong: list[BaseException] = []

    def hand(number: int) -> None:
        dice = random.Random(number)
        try:
            idle = 0
            while idle < 3:
                jobs = give(ROUND)
                idle = 0 if jobs else idle + 1
                given.append(len(jobs))
                told.append(seen())
                for job in jobs:
                    book(job, cost(dice))
                    told.append(seen())
        except BaseException as error:
            wrong.append(error)
        finally:
            connections.close_all()

    hands = [threading.Thread(target=hand, args=(n,)) for n in range(HANDS)]
    for thread in hands:
        thread.start()
    for thread in hands:
        thread.join()
    if wrong:
        raise wrong[0]
    return told, sum(given)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", ["cap", "budget"])
def test_with_many_dispatchers_at_once_nothing_is_given_beyond_the_limit(
    limit: str, each_costs: None
) -> None:
    shop = Queue()
    batch = shop.batch(cap_micros=1000 if limit == "cap" else None)
    shop.wait(60, Lane.BULK, batch=batch)
    if limit == "budget":
        booking.set_budget(shop.workspace, warn_micros=None, stop_micros=1000, by="test")
    spent = {
        "cap": lambda: spending.spent_micros([batch.pk])[batch.pk],
        "budget": lambda: usage.spent_micros(shop.workspace.pk),
    }[limit]
    told, given = work_with_many_hands(lambda dice: EACH, spent)
    assert max(told) <= 1000 and given == 1000 // EACH
    assert Reservation.objects.count() == 0 and spent() == 1000


@pytest.mark.django_db(transaction=True)
def test_where_pictures_cost_more_than_expected_only_what_is_at_work_goes_beyond(each_costs: None) -> None:
    shop = Queue()
    batch = shop.batch(cap_micros=1000)
    shop.wait(60, Lane.BULK, batch=batch)
    booking.set_budget(shop.workspace, warn_micros=None, stop_micros=900, by="test")
    dearest = EACH + 20
    told, given = work_with_many_hands(
        lambda dice: dice.choice((EACH - 20, EACH, dearest)), lambda: usage.spent_micros(shop.workspace.pk)
    )
    assert max(told) <= 900 + HANDS * ROUND * (dearest - EACH)
    assert given < 60 and usage.spent_micros(shop.workspace.pk) > 900 - EACH
    booking.set_budget(shop.workspace, warn_micros=None, stop_micros=None, by="test")
    told, more = work_with_many_hands(lambda dice: EACH, lambda: spending.spent_micros([batch.pk])[batch.pk])
    spent = spending.spent_micros([batch.pk])[batch.pk]
    assert max(told, default=0) <= max(1000, told[0]) and spent > 1000 - EACH, "now the cap holds it"
    batches.set_cap(batch, None, by="test")
    _, rest = work_with_many_hands(lambda dice: EACH, lambda: 0)
    assert given + more + rest == 60


@pytest.mark.django_db
def test_a_batch_says_that_its_cap_was_reached_and_goes_on_when_it_is_raised(each_costs: None) -> None:
    shop = Queue()
    batch = shop.batch(cap_micros=100)
    shop.wait(5, Lane.BULK, batch=batch)

    def said() -> str:
        batch.refresh_from_db()
        return batch_words.batch(batch, progress.counts([batch.pk])[batch.pk]).text

    for job in give(9):
        assert said() == "Running", "what is at work may come cheaper than expected"
        assert give(9) == []
        book(job, EACH)
    assert give(9) == [] and give(9) == []
    assert said() == "Stopped at its cap", "80 of 100 are spent and not one more fits"
    assert Event.objects.filter(verb="batch.cap_reached", subject=f"batch:{batch.pk}").count() == 1
    batches.set_cap(batch, 120, by="user:1")
    assert said() == "Running"
    [job] = give(9)
    book(job, EACH)
    give(9)
    assert said() == "Stopped at its cap"
    assert Event.objects.filter(verb="batch.cap_reached").count() == 2


@pytest.mark.django_db
def test_a_cap_that_leaves_room_again_is_not_reached_any_more(each_costs: None, monkeypatch) -> None:
    shop = Queue()
    batch = shop.batch(cap_micros=100)
    shop.wait(5, Lane.BULK, batch=batch)
    for job in give(9):
        book(job, EACH)
    give(9)
    assert Batch.objects.get().cap_reached_at is not None
    monkeypatch.setattr("apps.jobs.selectors.expected_cost_micros", lambda version, capability: 10)
    assert len(give(9)) == 2
    assert Batch.objects.get().cap_reached_at is None


@pytest.mark.django_db
def test_one_merchants_empty_purse_does_not_hold_up_another(each_costs: None) -> None:
    poor, rich = Queue(), Queue()
    poor.wait(5)
    rich.wait(5)
    booking.set_budget(poor.workspace, warn_micros=None, stop_micros=EACH * 2, by="test")
    given = give(9)
    assert [j.workspace_id for j in given].count(poor.workspace.pk) == 2
    assert [j.workspace_id for j in given].count(rich.workspace.pk) == 5
    finish(given)


# -- what was used is booked, whatever became of it


@pytest.fixture
def queued(shop: Shop) -> Shop:
    """One job that waits for a worker."""
    shop.sell()
    shop.deliver()
    shop.carry()
    return shop


def run_out(seconds_ago: float = 1) -> None:
    Attempt.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=seconds_ago))


def began(seconds_ago: float) -> None:
    at = timezone.now() - dt.timedelta(seconds=seconds_ago)
    Attempt.objects.update(state=AttemptState.RUNNING, started_at=at, beat_at=timezone.now())


def test_a_failed_attempt_pays_for_the_seconds_that_it_used(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    job = chunk.jobs[0]
    result = JobResult(
        job.attempt, job.token, chunk.chunk, "failed", "w", device_seconds=3.5, engines={"cutout": "classic/3.1"},
        error=Error("output_too_large", "Too large.", False),
    )  # fmt: skip
    flow.resulted(result.to_dict())
    record = Record.objects.get()
    assert (record.outcome, record.cost_micros, record.engine) == ("failed", 35, "classic/3.1")
    assert (record.store, record.recipe) == (queued.store.pk, queued.jobs()[0].recipe_version.recipe_id)


def test_a_lost_attempt_pays_by_its_beats_until_the_late_result_tells_better(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    [late] = queued.render(chunk)
    began(seconds_ago=9)
    (attempt,) = Attempt.objects.all()
    from apps.lib import blobs

    blobs.remove(attempt.prefix + "result.json")
    run_out()
    leases.expire(then=flow.rendered)
    record = Record.objects.get()
    assert (
        record.estimated and record.outcome == "lost" and record.device_seconds == pytest.approx(9, abs=0.5)
    )
    late = JobResult.from_dict({**late.to_dict(), "device_seconds": 12.0})
    for _ in range(2):
        flow.resulted(late.to_dict())
    record.refresh_from_db()
    assert (record.device_seconds, record.cost_micros, record.estimated) == (12, 120, False)
    assert queued.jobs()[0].state != JobState.DONE, "its picture came too late all the same"


def test_a_result_that_comes_after_the_job_was_cancelled_is_refused_and_paid_for(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    [result] = queued.render(chunk)
    planning.cancel(queued.jobs()[0], by="test")
    flow.resulted(result.to_dict())
    record = Record.objects.get()
    assert record.outcome == "refused" and record.device_seconds == pytest.approx(result.device_seconds)
    assert Reservation.objects.count() == 0


def test_a_cancelled_attempt_whose_worker_says_nothing_more_frees_its_reservation(queued: Shop) -> None:
    queued.hand_out()
    began(seconds_ago=4)
    planning.cancel(queued.jobs()[0], by="test")
    leases.expire(then=flow.rendered)
    assert Reservation.objects.count() == 1, "its worker may still say what it used"
    run_out()
    leases.expire(then=flow.rendered)
    assert Reservation.objects.count() == 0
    assert Record.objects.get().device_seconds == pytest.approx(4, abs=0.5)


def test_a_cancelled_attempt_that_nobody_took_costs_nothing(queued: Shop) -> None:
    queued.hand_out()
    planning.cancel(queued.jobs()[0], by="test")
    run_out()
    leases.expire(then=flow.rendered)
    assert (Reservation.objects.count(), Record.objects.count()) == (0, 0)


def test_a_corrected_record_corrects_its_batchs_cost(each_costs: None, db: None) -> None:
    shop = Queue()
    batch = shop.batch()
    shop.wait(1, Lane.BULK, batch=batch)
    [job] = give(1)
    attempt = job.attempts.get()
    told: dict[str, Any] = {
        "workspace": shop.workspace.pk, "attempt": attempt.pk, "job": job.pk, "batch": batch.pk, "engine": "x",
        "device": "cpu", "bytes_in": 0, "bytes_out": 0, "outcome": "lost",
    }  # fmt: skip
    booking.book(booking.Use(**told, device_seconds=5, estimated=True))
    booking.book(booking.Use(**told, device_seconds=7))
    assert progress.counts([batch.pk])[batch.pk].cost_micros == 70
