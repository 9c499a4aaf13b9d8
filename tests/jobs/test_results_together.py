"""Workers' results are taken in many at once: each ends as it would alone, and none brings down another."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit import selectors as audit
from apps.audit import services as sealing
from apps.audit.models import Event
from apps.flow import flow, sweeper
from apps.jobs.models import Attempt, Job, JobState, Render
from apps.jobs.services import results
from apps.lib import wire
from apps.usage.models import Record, Reservation
from gpu_worker.contract import RESULTS_KEY, Error, JobResult
from tests.shopkeeping import Shop, photo

COLORS = ("#2b4a7f", "#7f2b4a", "#4a7f2b", "#7f6a2b", "#2b7f6a", "#6a2b7f")


def rendered(shop: Shop, count: int) -> list[JobResult]:
    """What workers say of so many products, each with a photo of its own."""
    for color in COLORS[:count]:
        shop.sell("Mug", photo(color))
    shop.deliver()
    shop.carry()
    return [result for chunk in shop.hand_out() for result in shop.render(chunk)]


def send(*told: JobResult | str) -> None:
    for one in told:
        wire.client().rpush(RESULTS_KEY, one if isinstance(one, str) else one.to_json())


def test_each_of_many_ends_as_it_would_alone(shop: Shop, redis_url: str) -> None:
    one, two, failed, back, late, forged = rendered(shop, 6)
    Attempt.objects.filter(pk=late.attempt).update(state="lost")
    send(
        one,
        replace(
            failed, status="failed", files=(), error=Error("bad_image", "The file is no picture.", False)
        ),
        replace(back, status="returned", files=(), device_seconds=0.0),
        "no result at all",
        '{"version": 99}',
        one,
        late,
        replace(forged, token="00000000-0000-4000-8000-000000000000"),
        replace(forged, attempt=2**70),
        two,
    )
    assert flow.results_came() == 10
    assert flow.results_came() == 0
    states = {a.pk: a.job.state for a in Attempt.objects.select_related("job")}
    assert [states[r.attempt] for r in (one, two, failed, back, forged)] == [
        JobState.DONE,
        JobState.DONE,
        JobState.FAILED,
        JobState.QUEUED,
        JobState.DISPATCHED,
    ]
    assert {r.attempt: r.outcome for r in Record.objects.all()} == {
        one.attempt: "done",
        two.attempt: "done",
        failed.attempt: "failed",
        back.attempt: "returned",
        late.attempt: "refused",
    }
    assert [r.attempt for r in Reservation.objects.all()] == [forged.attempt]
    assert [j.tries for j in Job.objects.order_by("pk")] == [1, 1, 1, 0, 0, 0]
    assert sorted(i.job_id for i in shop.items()) == sorted(
        Attempt.objects.get(pk=r.attempt).job_id for r in (one, two)
    )
    assert Event.objects.filter(verb="photo.rendered").count() == 2
    sealing.seal()
    assert audit.verify(shop.workspace.pk).ok


def test_of_many_each_costs_few_statements(shop: Shop) -> None:
    told = rendered(shop, 6)
    with CaptureQueriesContext(connection) as alone:
        results.accept_all(told[:1], then=flow.rendered)
    with CaptureQueriesContext(connection) as many:
        results.accept_all(told[1:], then=flow.rendered)
    assert Job.objects.filter(state=JobState.DONE).count() == 6
    assert len(alone) <= 21, "\n".join(q["sql"][:90] for q in alone.captured_queries)
    assert len(many) == len(alone), "\n".join(q["sql"][:90] for q in many.captured_queries)


def test_one_that_breaks_the_transaction_waits_for_its_lease_and_the_others_go_on(shop: Shop) -> None:
    told = rendered(shop, 3)
    bad = Attempt.objects.get(pk=told[1].attempt).job_id

    def then(jobs: Sequence[Job]) -> None:
        if bad in {job.pk for job in jobs}:
            raise ZeroDivisionError
        flow.rendered(jobs)

    assert len(results.accept_all(told, then=then)) == 2
    assert [j.state for j in Job.objects.order_by("pk")] == ["done", "dispatched", "done"]
    assert (Render.objects.count(), Record.objects.count(), len(shop.items())) == (2, 2, 2)
    Attempt.objects.filter(job=bad).update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    flow.expired()
    assert [j.state for j in Job.objects.order_by("pk")] == ["done", "done", "done"]


def test_one_whose_files_are_gone_holds_up_nobody(shop: Shop, storage_root: Path) -> None:
    told = rendered(shop, 3)
    (storage_root / told[1].files[0].key).unlink()
    assert len(results.accept_all(told, then=flow.rendered)) == 2
    assert [j.state for j in Job.objects.order_by("pk")] == ["done", "dispatched", "done"]


def test_two_at_once_with_the_same_results_take_each_in_once(committed_shop: Shop) -> None:
    shop = committed_shop
    told = rendered(shop, 6)
    moved: list[int] = []
    start = threading.Barrier(2)

    def take(mine: list[JobResult]) -> None:
        start.wait()
        moved.append(len(results.accept_all(mine, then=flow.rendered)))
        connections.close_all()

    hands = [threading.Thread(target=take, args=(mine,)) for mine in (told, told[::-1])]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert sum(moved) == 6
    assert (Render.objects.count(), Record.objects.count(), len(shop.items())) == (6, 6, 6)


def test_a_hint_that_was_lost_is_made_up_for(shop: Shop, redis_url: str) -> None:
    [result] = rendered(shop, 1)
    shop.wire.clear()
    sweeper.results()
    assert shop.wire == []
    send(result)
    sweeper.results()
    assert shop.wire == [("flow.results", ())]
    shop.carry()
    assert [j.state for j in shop.jobs()] == [JobState.DONE]


def test_more_than_one_task_takes_is_left_to_the_next(
    shop: Shop, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "RESULTS_AT_ONCE", 2)
    monkeypatch.setattr(flow, "MOST_RESULTS", 4)
    send(*rendered(shop, 5))
    shop.wire.clear()
    assert flow.results_came() == 4
    assert ("flow.results", ()) in shop.wire
    assert flow.results_came() == 1
    assert {j.state for j in shop.jobs()} == {JobState.DONE}
