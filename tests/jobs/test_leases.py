"""Jobs, attempts and leases: nothing lost, nothing done twice, nothing booked twice."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils import timezone

from apps.flow import flow
from apps.jobs import selectors
from apps.jobs.models import Attempt, AttemptState, Job, JobState, Render
from apps.jobs.services import dispatch, leases, planning, results
from apps.usage.models import Record, Reservation
from gpu_worker.contract import Error, JobResult
from gpu_worker.storage import open_storage
from tests.shopkeeping import Shop, photo


@pytest.fixture
def queued(shop: Shop) -> Shop:
    """One job that waits for a worker."""
    shop.sell()
    shop.deliver()
    shop.carry()
    assert [j.state for j in shop.jobs()] == [JobState.QUEUED]
    return shop


def run_out(attempt: Attempt) -> None:
    """Let a lease have ended a second ago."""
    Attempt.objects.filter(pk=attempt.pk).update(lease_until=timezone.now() - dt.timedelta(seconds=1))


def due_now() -> None:
    Job.objects.update(not_before=timezone.now() - dt.timedelta(seconds=1))


def test_a_worker_that_dies_gives_its_job_back_and_the_next_one_finishes_it(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    job = chunk.jobs[0]
    queued.beat(**{str(job.attempt): {"token": job.token, "stage": "cutout", "step": ""}})
    assert queued.jobs()[0].state == JobState.RUNNING
    run_out(Attempt.objects.get())
    flow.expired()
    assert queued.jobs()[0].state == JobState.QUEUED
    assert "stopped answering during cutout" in queued.jobs()[0].error
    due_now()
    queued.work()
    assert queued.jobs()[0].state == JobState.DONE
    assert [r.outcome for r in Record.objects.order_by("pk")] == ["lost", "done"]
    assert Reservation.objects.count() == 0


def test_a_late_result_of_a_lost_attempt_is_refused_and_its_files_are_swept(
    queued: Shop, storage_root: Path
) -> None:
    [chunk] = queued.hand_out()
    [late] = queued.render(chunk)
    attempt = Attempt.objects.get()
    Attempt.objects.update(started_at=timezone.now(), state=AttemptState.RUNNING)
    (storage_root / attempt.prefix / "result.json").unlink()
    run_out(attempt)
    flow.expired()
    flow.resulted(late.to_dict())
    assert queued.jobs()[0].state == JobState.QUEUED
    assert Render.objects.count() == 0
    assert Record.objects.filter(attempt=attempt.pk).count() == 1, "what it used is booked once"
    assert not (storage_root / attempt.prefix).exists()


def test_the_same_result_twice_is_accepted_once(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    [result] = queued.render(chunk)
    flow.resulted(result.to_dict())
    flow.resulted(result.to_dict())
    assert (Render.objects.count(), Record.objects.count()) == (1, 1)
    assert Attempt.objects.get().state == AttemptState.DONE


def test_a_result_with_a_forged_token_changes_nothing(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    [result] = queued.render(chunk)
    forged = replace(result, token="00000000-0000-4000-8000-000000000000")
    assert results.accept(forged, then=flow.rendered) is None
    assert queued.jobs()[0].state == JobState.DISPATCHED


def test_a_result_whose_message_was_lost_is_found_in_storage(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    queued.render(chunk)  # the manifest is written, the message never arrives
    run_out(Attempt.objects.get())
    flow.expired()
    assert queued.jobs()[0].state == JobState.DONE
    assert [i.state for i in queued.items()] == ["approved"]


def test_a_message_that_nobody_took_is_not_a_try(queued: Shop) -> None:
    queued.hand_out()
    run_out(Attempt.objects.get())
    flow.expired()
    [job] = queued.jobs()
    assert (job.state, job.tries) == (JobState.QUEUED, 0)
    assert Record.objects.count() == 0 and Reservation.objects.count() == 0


def test_after_three_started_tries_a_job_is_set_aside(queued: Shop) -> None:
    for _ in range(3):
        due_now()
        [chunk] = queued.hand_out()
        spec = chunk.jobs[0]
        queued.beat(**{str(spec.attempt): {"token": spec.token, "stage": "cutout", "step": ""}})
        run_out(Attempt.objects.latest("pk"))
        flow.expired()
    [job] = queued.jobs()
    assert (job.state, job.tries) == (JobState.QUARANTINED, 3)
    assert "Set aside after 3 tries" in job.error
    due_now()
    assert queued.hand_out() == []


def test_a_beat_extends_only_the_lease_whose_token_it_names(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    spec = chunk.jobs[0]
    before = Attempt.objects.get().lease_until
    queued.beat(
        **{str(spec.attempt): {"token": "00000000-0000-4000-8000-000000000000", "stage": "x", "step": ""}}
    )
    assert Attempt.objects.get().state == AttemptState.DISPATCHED
    queued.beat(at=time.time() + 300, **{str(spec.attempt): {"token": spec.token, "stage": "x", "step": ""}})
    after = Attempt.objects.get()
    assert after.state == AttemptState.RUNNING and after.lease_until > before


def test_while_the_broker_was_away_no_lease_ends(queued: Shop) -> None:
    queued.hand_out()
    run_out(Attempt.objects.get())
    assert leases.forgive(20) == 1
    assert flow.expired() == 0
    assert Attempt.objects.get().state == AttemptState.DISPATCHED


def test_a_worker_that_shuts_down_hands_back_what_it_has_not_begun(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    spec = chunk.jobs[0]
    flow.resulted(JobResult(spec.attempt, spec.token, chunk.chunk, "returned", "test:1").to_dict())
    [job] = queued.jobs()
    assert (job.state, job.tries) == (JobState.QUEUED, 0)
    queued.work()
    assert queued.jobs()[0].state == JobState.DONE


def test_an_error_worth_retrying_comes_again_later_and_one_that_is_not_ends_the_job(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    spec = chunk.jobs[0]
    base = JobResult(spec.attempt, spec.token, chunk.chunk, "failed", "test:1")
    flow.resulted(replace(base, error=Error("out_of_memory", "Too little memory.", True)).to_dict())
    [job] = queued.jobs()
    assert job.state == JobState.QUEUED and job.not_before > timezone.now()
    due_now()
    [chunk] = queued.hand_out()
    spec = chunk.jobs[0]
    base = JobResult(spec.attempt, spec.token, chunk.chunk, "failed", "test:1")
    flow.resulted(replace(base, error=Error("bad_image", "The file is no picture.", False)).to_dict())
    [job] = queued.jobs()
    assert (job.state, job.error) == (JobState.FAILED, "The file is no picture.")


def test_a_cancelled_job_refuses_the_result_that_was_under_way(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    assert planning.cancel(queued.jobs()[0], by="test")
    for result in queued.render(chunk):
        flow.resulted(result.to_dict())
    assert queued.jobs()[0].state == JobState.CANCELLED
    assert queued.items() == []


def test_a_result_whose_files_are_gone_is_rendered_again(queued: Shop, storage_root: Path) -> None:
    [chunk] = queued.hand_out()
    queued.render(chunk)
    next(storage_root.rglob("attempts/*/main.*")).unlink()
    run_out(Attempt.objects.get())
    flow.expired()
    assert [(a.state, queued.jobs()[0].state) for a in Attempt.objects.all()] == [
        (AttemptState.LOST, JobState.QUEUED)
    ]
    queued.work()
    assert queued.jobs()[0].state == JobState.DONE


def test_a_broken_manifest_is_not_adopted(queued: Shop, storage_root: Path) -> None:
    queued.hand_out()
    attempt = Attempt.objects.get()
    open_storage(queued.storage_url).put(attempt.prefix + "result.json", json.dumps({"version": 1}).encode())
    run_out(attempt)
    flow.expired()
    assert queued.jobs()[0].state == JobState.QUEUED


def test_jobs_are_handed_out_only_as_far_as_live_slots_reach(queued: Shop) -> None:
    assert selectors.free_slots([], depth=2) == {}


def test_dispatchers_side_by_side_never_hand_out_a_job_twice(committed_shop: Shop) -> None:
    shop = committed_shop
    for n in range(12):
        shop.sell(f"Product {n}", photo(f"#{n:x}{n:x}8"))
    shop.deliver()
    shop.carry()
    taken: list[int] = []

    def claim() -> None:
        while given := dispatch.claim(lane="standard", capability="cpu", region=shop.store.region, limit=1):
            taken.extend(j.attempt for j in given.chunk.jobs)
        connections.close_all()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 12
    assert Attempt.objects.values("job").distinct().count() == 12
    connection.close()
