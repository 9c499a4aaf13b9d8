"""What goes wrong with workers and photos, and how the rest of the catalogue stays out of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from django.conf import settings
from django.utils import timezone

from apps.audit.models import Event
from apps.flow import flow
from apps.flow.dispatcher import Dispatcher
from apps.jobs import selectors
from apps.jobs.models import Attempt, Job, JobState, Worker
from apps.jobs.services import backoff, health, quarantine
from gpu_worker.contract import BEAT_TTL_S, REST_KEY, Beat, Chunk, Error, JobResult
from tests import factories
from tests.shopkeeping import Shop


@pytest.fixture
def queued(shop: Shop) -> Shop:
    shop.sell()
    shop.deliver()
    shop.carry()
    return shop


def due_now() -> None:
    Job.objects.update(not_before=timezone.now() - dt.timedelta(seconds=1))


def fails(chunk: Chunk, code: str, *, retry: bool = True, worker: str = "test:1", **more: float) -> None:
    """The worker says that it could not render the first job of the chunk."""
    spec = chunk.jobs[0]
    result = JobResult(spec.attempt, spec.token, chunk.chunk, "failed", worker)
    flow.resulted(replace(result, error=Error(code, "It did not work.", retry, **more)).to_dict())


def beat(name: str, **changed: object) -> Beat:
    said = {
        "worker": name, "at": timezone.now().timestamp(), "pid": 1, "capability": "cpu", "region": "local",
        "lanes": ("urgent", "standard", "bulk"), "slots": 1, "device": "cpu", "memory_mib": 900, "engines": {},
        "jobs_done": 3, "jobs_failed": 1, "draining": False, **changed,
    }  # fmt: skip
    return Beat(**said)  # type: ignore[arg-type]


# -- back-off


def waits_s(shop: Shop) -> float:
    return (shop.jobs()[0].not_before - timezone.now()).total_seconds()


def test_a_service_that_names_a_time_is_not_asked_before_it(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    fails(chunk, "rate_limited", retry_after_s=120.0)
    assert 119 < waits_s(queued) < 145
    assert queued.jobs()[0].tries == 0, "being asked to slow down is no failure of the photo"


def test_an_outage_of_the_storage_sets_no_photo_aside(queued: Shop) -> None:
    for _ in range(6):
        due_now()
        [chunk] = queued.hand_out()
        fails(chunk, "storage_unavailable")
    [job] = queued.jobs()
    assert (job.state, job.tries) == (JobState.QUEUED, 0)
    assert waits_s(queued) > 60, "and it is asked less and less often"


def test_an_outage_that_never_ends_is_brought_to_a_person(queued: Shop) -> None:
    Job.objects.update(attempt_count=backoff.OUTAGE_ATTEMPTS - 1)
    [chunk] = queued.hand_out()
    fails(chunk, "storage_unavailable")
    assert queued.jobs()[0].state == JobState.QUARANTINED


def test_a_bad_photo_is_never_tried_again(queued: Shop) -> None:
    [chunk] = queued.hand_out()
    fails(chunk, "bad_image", retry=False)
    due_now()
    assert queued.jobs()[0].state == JobState.FAILED and queued.hand_out() == []


def test_jobs_that_failed_together_do_not_come_back_together() -> None:
    waits = {round(backoff.wait_s("internal", 3), 3) for _ in range(20)}
    assert len(waits) > 10 and all(4 <= w <= 8 for w in waits)
    asked = {round(backoff.wait_s("rate_limited", 1, 60.0), 3) for _ in range(20)}
    assert len(asked) > 10 and all(60 <= w <= 72 for w in asked)
    assert min(backoff.wait_s("out_of_memory", 1) for _ in range(20)) > max(
        backoff.wait_s("internal", 1) for _ in range(20)
    )


# -- photos that bring a worker down


def lose(shop: Shop) -> None:
    """The worker takes the job, then is gone."""
    [chunk] = shop.hand_out()
    spec = chunk.jobs[0]
    shop.beat(**{str(spec.attempt): {"token": spec.token, "stage": "cutout", "step": ""}})
    Attempt.objects.filter(pk=spec.attempt).update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    flow.expired()
    due_now()


def test_a_photo_that_was_at_work_when_the_worker_died_is_tried_alone(queued: Shop) -> None:
    lose(queued)
    assert queued.jobs()[0].alone
    queued.work()
    assert queued.jobs()[0].state == JobState.DONE


def test_a_photo_that_was_set_aside_gets_all_its_tries_when_a_person_lets_it_go(queued: Shop) -> None:
    for _ in range(3):
        lose(queued)
    [job] = queued.jobs()
    assert job.state == JobState.QUARANTINED
    assert quarantine.release(job, by="user:1")
    assert not quarantine.release(job, by="user:1")
    [job] = queued.jobs()
    assert (job.state, job.tries, job.alone) == (JobState.QUEUED, 0, True)
    assert Event.objects.filter(verb="job.released", subject=f"job:{job.pk}", actor="user:1").count() == 1
    queued.work()
    assert queued.jobs()[0].state == JobState.DONE


# -- workers


@pytest.fixture
def worker(db: None, redis_url: str) -> Worker:
    return factories.WorkerFactory(name="w1")


def outcomes(worker: Worker, *said: bool) -> Worker:
    for well in said:
        health.note(worker.name, well=well, trouble="The disk is full.")
    return Worker.objects.get(pk=worker.pk)


def test_a_worker_that_fails_most_of_its_jobs_rests_and_comes_back_by_itself(worker: Worker) -> None:
    worker = outcomes(worker, True, False, False)
    assert health.of(worker).fit, "three jobs say too little"
    worker = outcomes(worker, False)
    said = health.of(worker)
    assert said.state == "resting" and "3 of its last 4 jobs failed. The disk is full." in said.reason
    assert health.unwell() == {"w1"}
    Worker.objects.update(rest_until=timezone.now() - dt.timedelta(seconds=1))
    assert health.unwell() == set()
    assert health.of(Worker.objects.get()).fit


def test_a_rest_that_did_not_help_is_followed_by_a_longer_one_and_success_forgives(worker: Worker) -> None:
    first = outcomes(worker, *[False] * 4)
    Worker.objects.update(rest_until=timezone.now())
    second = outcomes(worker, False, False)
    assert second.rest_until and first.rest_until
    assert (second.rest_until - timezone.now()).total_seconds() > 1.5 * settings.WORKER_REST_S
    Worker.objects.update(rest_until=timezone.now())
    assert outcomes(worker, True).rests == 0


def test_bad_photos_are_not_the_workers_fault(queued: Shop) -> None:
    queued.beat()
    for _ in range(5):
        [chunk] = queued.hand_out()
        fails(chunk, "damaged_photo", retry=False)
        Job.objects.update(state=JobState.QUEUED, finished_at=None)
    assert Worker.objects.get().outcomes == [1] * 5


@pytest.mark.parametrize("what", [{"draining": True}, {}])
def test_a_worker_that_is_not_well_is_no_free_room(what: dict[str, bool], worker: Worker) -> None:
    if not what:
        outcomes(worker, *[False] * 4)
    rooms = selectors.free_slots([beat("w1", **what), beat("w2")], depth=2, unwell=health.unwell())
    assert rooms["cpu", "local"].slots == 2


def test_a_resting_worker_is_told_and_what_it_hands_back_is_no_try(queued: Shop) -> None:
    from apps.lib import wire

    wire.rest_sign("test:1", seconds=60)
    assert wire.client().ttl(REST_KEY.format(worker="test:1")) > 50
    [chunk] = queued.hand_out()
    spec = chunk.jobs[0]
    back = JobResult(spec.attempt, spec.token, chunk.chunk, "returned", "test:1")
    flow.resulted(replace(back, error=Error("worker_resting", "It rests.", True)).to_dict())
    [job] = queued.jobs()
    assert (job.state, job.tries, job.error) == (JobState.QUEUED, 0, "")
    assert job.not_before > timezone.now(), "somebody else is to have the time to take it"


def test_the_dispatcher_gives_nothing_while_the_only_worker_rests(queued: Shop) -> None:
    def tick() -> int:
        return Dispatcher().feed([beat("test:1", region=queued.store.region)])

    queued.beat()
    outcomes(Worker.objects.get(), *[False] * 4)
    assert tick() == 0
    Worker.objects.update(rest_until=None)
    assert tick() == 1


def test_a_silent_worker_is_called_silent(worker: Worker) -> None:
    worker.beat_at = timezone.now() - dt.timedelta(seconds=BEAT_TTL_S + 5)
    assert health.of(worker).state == "silent"


def test_a_beat_of_a_later_release_is_understood() -> None:
    import json

    raw = {**json.loads(beat("w1").to_json()), "mood": "fine"}
    assert Beat.from_json(json.dumps(raw)).worker == "w1"
    del raw["weights"]
    assert Beat.from_json(json.dumps(raw)).weights == {}
