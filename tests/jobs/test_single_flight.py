"""The same picture asked for several times at once is rendered once."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from apps.flow import flow
from apps.jobs import selectors
from apps.jobs.models import Attempt, Held, Job, JobState, Render
from apps.jobs.services import planning
from apps.usage.models import Daily
from gpu_worker.contract import Error, JobResult
from tests.shopkeeping import Shop, photo


@pytest.fixture
def twice(shop: Shop) -> Shop:
    """One photo that stands in two products, so two jobs ask for the same picture; both wait for a worker."""
    for title in ("Mug", "Mug, gift box"):
        shop.sell(title, photo("#2b4a7f"))
    shop.deliver()
    shop.carry()
    first, second = shop.jobs()
    assert first.request == second.request != ""
    return shop


def states(shop: Shop) -> list[str]:
    return [job.state for job in shop.jobs()]


def test_of_two_identical_requests_one_is_rendered_and_answers_the_other(twice: Shop) -> None:
    [chunk] = twice.hand_out()
    assert [j.held for j in twice.jobs()] == ["", Held.TWIN]
    assert twice.hand_out() == [], "the second waits for the first"
    [result] = twice.render(chunk)
    flow.resulted(result.to_dict())
    first, second = twice.jobs()
    assert (first.state, second.state) == (JobState.DONE, JobState.DONE)
    assert first.render_id == second.render_id and (first.cached, second.cached) == (False, True)
    assert (Render.objects.count(), Attempt.objects.count()) == (1, 1)
    assert [i.state for i in twice.items()] == ["approved", "approved"], "both go on to the store"


def test_a_twin_that_no_worker_was_asked_about_yet_is_answered_too(twice: Shop) -> None:
    [chunk] = twice.hand_out(1)
    Job.objects.update(held="")
    [result] = twice.render(chunk)
    flow.resulted(result.to_dict())
    assert states(twice) == ["done", "done"]


def test_where_the_first_fails_the_second_is_rendered(twice: Shop) -> None:
    [chunk] = twice.hand_out()
    spec = chunk.jobs[0]
    error = Error("out_of_memory", "Too little memory.", True)
    flow.resulted(JobResult(spec.attempt, spec.token, chunk.chunk, "failed", "w", error=error).to_dict())
    [again] = twice.hand_out()
    assert Attempt.objects.get(pk=again.jobs[0].attempt).job == twice.jobs()[1]


def test_where_the_first_is_cancelled_the_second_is_rendered(twice: Shop) -> None:
    twice.hand_out()
    planning.cancel(twice.jobs()[0], by="test")
    assert len(twice.hand_out()) == 1
    assert states(twice) == ["cancelled", "dispatched"]


def test_a_twin_whose_answer_was_missed_is_answered_by_the_dispatcher(twice: Shop) -> None:
    twice.beat()
    [chunk] = twice.hand_out()
    second = twice.jobs()[1]
    Job.objects.filter(pk=second.pk).update(state=JobState.PREPARING)
    [result] = twice.render(chunk)
    flow.resulted(result.to_dict())
    Job.objects.filter(pk=second.pk).update(state=JobState.QUEUED)
    from apps.jobs.models import Worker

    Worker.objects.update(engines=result.engines)
    assert flow.answered() == 1
    assert states(twice) == ["done", "done"]


def test_two_merchants_never_share_a_picture(twice: Shop, storage_root, monkeypatch) -> None:
    from tests.conftest import on_the_wire
    from tests.shopkeeping import open_shop

    other = open_shop(twice.storage_url)
    on_the_wire(other, monkeypatch)
    other.sell("Mug", photo("#2b4a7f"))
    other.deliver()
    other.carry()
    assert len(twice.hand_out()) == 2, "one for each merchant"


def test_the_share_of_pictures_that_cost_nothing_is_known(twice: Shop) -> None:
    assert selectors.hit_rate(twice.workspace.pk) is None
    twice.work()
    assert selectors.hit_rate(twice.workspace.pk) == 0.5
    Daily.objects.update(day=timezone.now() - dt.timedelta(days=40))
    assert selectors.hit_rate(twice.workspace.pk) is None
