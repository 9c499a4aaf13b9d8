"""The worker as a process: real broker, real files, real signals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery

import gpu_worker
from gpu_worker.contract import (
    BEAT_PATTERN,
    QUEUE_CONTROL,
    REST_KEY,
    RESULTS_KEY,
    STOP_KEY,
    TASK_RENDER,
    TASK_RESULTS,
    Beat,
    Chunk,
    JobResult,
    broker_url,
    render_queue,
)
from gpu_worker.storage import FileStorage

HOUSE = Path(gpu_worker.__file__).parents[1]
CLASSIC = {"framing": {"canvas_px": [300, 300]}}


def until(found: Callable[[], object], seconds: float = 25.0) -> object:
    """Waits for something true; fails loudly."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("waited in vain")


class Wire:
    """The dispatcher's side: sends chunks, reads results and beats."""

    def __init__(self, url: str) -> None:
        self.redis = redis.Redis.from_url(url)
        self.app = Celery("dispatcher", broker=broker_url(url))

    def send(self, chunk: Chunk, lane: str = "standard") -> None:
        self.app.send_task(TASK_RENDER, [chunk.to_dict()], queue=render_queue(lane, "cpu", "local"))

    def result(self, seconds: float = 25.0) -> JobResult:
        raw = until(lambda: self.redis.lpop(RESULTS_KEY), seconds)
        return JobResult.from_dict(json.loads(raw))  # type: ignore[arg-type]

    def hints(self) -> list[str]:
        """What control workers were told, oldest first."""
        waiting = self.redis.lrange(QUEUE_CONTROL, 0, -1)
        return [json.loads(message)["headers"]["task"] for message in reversed(waiting)]  # type: ignore[arg-type]

    def beats(self) -> list[Beat]:
        return [Beat.from_json(raw) for key in self.redis.keys(BEAT_PATTERN) if (raw := self.redis.get(key))]


@pytest.fixture
def wire(redis_url: str) -> Wire:
    return Wire(redis_url)


@pytest.fixture
def worker_settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """What the worker finds in its environment besides."""
    return getattr(request, "param", {})


@pytest.fixture
def worker(
    redis_url: str, storage: FileStorage, tmp_path: Path, worker_settings: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    env = {
        **os.environ,
        **worker_settings,
        "REDIS_URL": redis_url,
        "STORAGE_URL": f"file://{storage.root}",
    }
    env.pop("DJANGO_SETTINGS_MODULE", None)
    log = (tmp_path / "worker.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "gpu_worker", "work"],
        cwd=HOUSE,
        env=env,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    log.close()


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_chunk_goes_in_and_its_results_come_out_while_the_worker_beats(
    worker, wire, make_chunk, storage, encoded, block
):
    wire.send(make_chunk([encoded(block()), b"no picture"], CLASSIC))
    first, second = wire.result(), wire.result()
    assert (first.status, second.status) == ("done", "failed")
    assert storage.exists(first.files[0].key)
    assert wire.hints()[0] == TASK_RESULTS, "somebody is told that results wait"
    (beat,) = until(wire.beats)
    assert beat.worker == first.worker
    assert beat.lanes == ("urgent", "standard", "bulk")
    assert beat.engines == first.engines, "what keys the cache is what workers say of themselves"
    until(lambda: [b for b in wire.beats() if (b.jobs_done, b.jobs_failed) == (1, 1) and not b.attempts])


def test_a_chunk_past_its_time_is_dropped_and_the_next_one_is_done(worker, wire, make_chunk, encoded, block):
    wire.send(make_chunk([encoded(block())], CLASSIC, start_by=time.time() - 1))
    wire.app.send_task(TASK_RENDER, [{"version": 99}], queue=render_queue("standard", "cpu", "local"))
    late = make_chunk([encoded(block(colour=(90, 9, 9)))], CLASSIC)
    wire.send(late)
    result = wire.result()
    assert result.token == late.jobs[0].token
    assert wire.redis.llen(RESULTS_KEY) == 0


def test_a_stop_key_cancels_the_attempt(worker, wire, make_chunk, encoded, block):
    chunk = make_chunk([encoded(block())], CLASSIC)
    wire.redis.set(STOP_KEY.format(token=chunk.jobs[0].token), 1, ex=60)
    wire.send(chunk)
    assert wire.result().status == "cancelled"


def test_a_cancel_reaches_a_job_that_is_being_rendered(worker, wire, make_chunk, sample, encoded, storage):
    chunk = make_chunk([encoded(sample("mug").rgb)], {"framing": {"canvas_px": [3000, 3000]}})
    wire.send(chunk)
    until(lambda: any(a["stage"] != "fetch" for beat in wire.beats() for a in beat.attempts.values()))
    wire.redis.set(STOP_KEY.format(token=chunk.jobs[0].token), 1, ex=60)
    result = wire.result()
    assert result.status == "cancelled"
    assert not storage.exists("out/1/result.json"), "it was stopped before its end"


@pytest.mark.parametrize("worker_settings", [{"WORKER_GRACE_S": "0.01"}], indirect=True)
def test_sigterm_hands_back_even_the_running_job_once_the_grace_time_is_over(
    worker_settings, worker, wire, make_chunk, sample, encoded, storage
):
    wire.send(make_chunk([encoded(sample("mug").rgb)] * 2, {"framing": {"canvas_px": [3000, 3000]}}))
    until(lambda: any(a["stage"] != "fetch" for beat in wire.beats() for a in beat.attempts.values()))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert [wire.result(1).status for _ in range(2)] == ["returned", "returned"]
    assert not storage.exists("out/1/result.json")


def test_a_worker_that_is_told_to_rest_hands_back_what_it_takes(worker, wire, make_chunk, encoded, block):
    (beat,) = until(wire.beats)
    assert beat.weights, "it says which model files it uses"
    wire.redis.set(REST_KEY.format(worker=beat.worker), 1, ex=60)
    wire.send(make_chunk([encoded(block())], CLASSIC))
    result = wire.result()
    assert (result.status, result.error.code) == ("returned", "worker_resting")
    wire.redis.delete(REST_KEY.format(worker=beat.worker))
    wire.send(make_chunk([encoded(block())], CLASSIC))
    assert wire.result().status == "done"


@pytest.mark.parametrize("worker_settings", [{"WORKER_GRACE_S": "600"}], indirect=True)
def test_sigterm_lets_the_running_job_finish_and_hands_the_rest_back(
    worker_settings, worker, wire, make_chunk, sample, encoded
):
    photo = encoded(sample("mug").rgb)
    slow = {"framing": {"canvas_px": [2400, 2400]}}
    wire.send(make_chunk([photo] * 4, slow))
    until(lambda: any(beat.attempts for beat in wire.beats()))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    statuses = [wire.result(1).status for _ in range(4)]
    assert statuses[0] == "done" and statuses[-1] == "returned"
    assert set(statuses) == {"done", "returned"}
    assert wire.beats() == []


def test_kill_9_of_the_parent_leaves_no_child_behind(worker, wire):
    until(wire.beats)
    (child,) = children(worker.pid)
    worker.kill()
    worker.wait(10)
    until(lambda: not alive(child), 5)


def test_kill_9_of_the_child_loses_its_message_but_not_the_worker(worker, wire, make_chunk, encoded, block):
    (before,) = until(wire.beats)
    (child,) = children(worker.pid)
    os.kill(child, signal.SIGKILL)
    until(lambda: (now := children(worker.pid)) and now != [child])
    wire.send(make_chunk([encoded(block())], CLASSIC))
    result = wire.result()
    assert result.status == "done"
    assert result.worker == before.worker


def test_an_urgent_job_overtakes_those_that_wait_in_bulk(worker, wire, make_chunk, encoded, block):
    until(wire.beats)
    for number, lane in enumerate(["bulk", "bulk", "bulk", "urgent"]):
        chunk = make_chunk(
            [encoded(block(colour=(number * 20, 30, 90)))], {"framing": {"canvas_px": [900 + number, 900]}}
        )
        job = chunk.jobs[0]
        own = type(job)(number + 1, f"t{number}", job.inputs, f"out/{lane}{number}")
        wire.send(Chunk(f"c{number}", chunk.start_by, chunk.recipe, 0, (own,)), lane)
    order = [wire.result().token for _ in range(4)]
    assert order.index("t3") <= 1
