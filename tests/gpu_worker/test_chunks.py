"""A chunk of jobs: each fails alone, nothing is done twice, and what was made can be found again."""

import hashlib
import json
import shutil
import threading
import time

import pytest

from gpu_worker import chunks
from gpu_worker.chunks import Watch, run_chunk
from gpu_worker.contract import Chunk, JobResult
from gpu_worker.engines.base import NO_HINTS, Matte
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.errors import StorageUnavailable


def run(chunk, storage, **options) -> list[JobResult]:
    return list(run_chunk(chunk, storage, worker="w1", **options))


def test_a_photo_becomes_files_then_a_manifest_that_says_the_same(make_chunk, storage, encoded, block):
    (result,) = run(make_chunk([encoded(block())]), storage)
    assert result.status == "done"
    assert [f.key for f in result.files] == ["out/1/main.jpg", "out/1/cutout.png"]
    for file in result.files:
        data = storage.get(file.key)
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (file.sha256, file.size_bytes)
    assert JobResult.from_dict(json.loads(storage.get("out/1/result.json"))) == result
    assert result.bytes_in > 0 and result.bytes_out == sum(f.size_bytes for f in result.files)
    assert result.device_seconds > 0


def test_what_travels_back_survives_json(make_chunk, storage, encoded, block):
    (result,) = run(make_chunk([encoded(block())]), storage)
    assert JobResult.from_dict(json.loads(result.to_json())) == result


class Counting(FakeEngine):
    """Counts, and fails on demand."""

    def __init__(self, fails=()):
        self.calls, self.fails = 0, list(fails)

    def cutout(self, rgb, hints=NO_HINTS) -> Matte:
        self.calls += 1
        if self.fails:
            error = self.fails.pop(0)
            if error:
                raise error
        return super().cutout(rgb, hints)


def test_a_message_that_arrives_twice_is_rendered_once(make_chunk, storage, encoded, block):
    chunk, engine = make_chunk([encoded(block())]), Counting()
    first, second = run(chunk, storage, engine=engine), run(chunk, storage, engine=engine)
    assert engine.calls == 1
    assert first == second


def test_a_spoilt_manifest_is_made_again(make_chunk, storage, encoded, block):
    chunk = make_chunk([encoded(block())])
    storage.put("out/1/result.json", b"{half")
    (result,) = run(chunk, storage)
    assert result.status == "done"


def test_a_bad_photo_fails_alone_and_keeps_failing_without_work(make_chunk, storage, encoded, block):
    good = encoded(block())
    chunk = make_chunk([good, b"my cat's diary", encoded(block(colour=(9, 90, 9)))])
    results = run(chunk, storage)
    assert [r.status for r in results] == ["done", "failed", "done"]
    assert results[1].error.code == "bad_image" and not results[1].error.retry
    assert run(chunk, storage) == results


def test_a_photo_that_was_exchanged_in_the_storage_is_not_rendered(make_chunk, storage, encoded, block):
    chunk = make_chunk([encoded(block())])
    storage.put(chunk.jobs[0].inputs[0].key, encoded(block(colour=(1, 2, 3))))
    (result,) = run(chunk, storage)
    assert result.error.code == "corrupt_input"


def test_a_photo_that_is_gone_stops_its_job(make_chunk, storage, encoded, block):
    chunk = make_chunk([encoded(block())])
    storage.delete(chunk.jobs[0].inputs[0].key)
    (result,) = run(chunk, storage)
    assert (result.error.code, result.error.retry) == ("missing_input", False)


def test_memory_that_runs_short_once_is_tried_again_alone(make_chunk, storage, encoded, block):
    engine = Counting([MemoryError(), None])
    (result,) = run(make_chunk([encoded(block())]), storage, engine=engine)
    assert result.status == "done" and engine.calls == 2


def test_memory_that_stays_short_is_handed_back_and_the_next_job_goes_on(make_chunk, storage, encoded, block):
    engine = Counting([MemoryError(), MemoryError()])
    first, second = run(
        make_chunk([encoded(block()), encoded(block(colour=(5, 80, 5)))]), storage, engine=engine
    )
    assert (first.error.code, first.error.retry) == ("out_of_memory", True)
    assert second.status == "done"


def test_a_fault_of_ours_is_named_internal_and_worth_another_try(make_chunk, storage, encoded, block):
    (result,) = run(make_chunk([encoded(block())]), storage, engine=Counting([ZeroDivisionError("oops")]))
    assert (result.error.code, result.error.retry) == ("internal", True)


def test_a_stopped_attempt_ends_as_cancelled_without_a_manifest(make_chunk, storage, encoded, block):
    chunk = make_chunk([encoded(block())])
    stages = []
    watch = Watch(stopped=lambda token: len(stages) > 3, on_stage=lambda job, stage: stages.append(stage))
    (result,) = run(chunk, storage, watch=watch)
    assert result.status == "cancelled"
    assert not storage.exists("out/1/result.json")


def test_a_worker_that_is_asked_to_leave_finishes_one_job_and_returns_the_rest(
    make_chunk, storage, encoded, block
):
    photos = [encoded(block(colour=(n, 60, 90))) for n in (10, 60, 110)]
    ended = []
    watch = Watch(draining=lambda: bool(ended), on_end=lambda job, status: ended.append(status))
    results = run(make_chunk(photos), storage, watch=watch)
    assert [r.status for r in results] == ["done", "returned", "returned"]
    assert not storage.exists("out/2/result.json")


def test_a_storage_that_went_away_is_reported_as_worth_another_try(
    make_chunk, storage, encoded, block, monkeypatch
):
    chunk = make_chunk([encoded(block())])

    def gone(*args, **kwargs):
        raise StorageUnavailable()

    monkeypatch.setattr(storage, "put", gone)
    (result,) = run(chunk, storage)
    assert (result.error.code, result.error.retry) == ("storage_unavailable", True)


def test_a_bad_recipe_fails_every_job_with_the_fields_name(make_chunk, storage, encoded, block):
    (result,) = run(make_chunk([encoded(block())], {"backdrop": {"kind": "forest"}}), storage)
    assert result.error.code == "bad_recipe" and "backdrop.kind" in result.error.message


@pytest.mark.parametrize("format,name", [("png", "main.png"), ("webp", "main.webp"), ("avif", "main.avif")])
def test_files_are_named_after_what_they_are(make_chunk, storage, encoded, block, format, name):
    recipe = {"engine": "fake", "framing": {"canvas_px": [120, 120]}, "output": {"format": format}}
    (result,) = run(make_chunk([encoded(block())], recipe), storage)
    assert result.files[0].key == f"out/1/{name}"


def test_a_chunk_survives_its_own_json(make_chunk, encoded, block):
    chunk = make_chunk([encoded(block())])
    assert Chunk.from_dict(json.loads(json.dumps(chunk.to_dict()))) == chunk
    assert chunks.EXTENSIONS["jpeg"] == "jpg"


# -- side by side


class Crowded(FakeEngine):
    """Has memory for so many photos at once, and remembers how many there were."""

    def __init__(self, room: int, error: BaseException | None = None):
        self.room, self.error = room, error or MemoryError()
        self.inside, self.seen, self.lock = 0, [], threading.Lock()

    def cutout(self, rgb, hints=NO_HINTS) -> Matte:
        with self.lock:
            self.inside += 1
        time.sleep(0.15)  # so that those beside it are in here too
        with self.lock:
            crowd = self.inside
            self.seen.append(crowd)
        time.sleep(0.05)
        with self.lock:
            self.inside -= 1
        if crowd > self.room:
            raise self.error
        return super().cutout(rgb, hints)


def photos(count: int, encoded, block) -> list[bytes]:
    return [encoded(block(colour=(20 + 20 * n, 60, 90))) for n in range(count)]


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")]
)
def test_a_chunk_that_runs_out_of_memory_halves_itself_until_it_fits(
    make_chunk, storage, encoded, block, error
):
    engine = Crowded(room=2, error=error)
    results = run(make_chunk(photos(8, encoded, block)), storage, engine=engine, together=8)
    assert [r.status for r in results] == ["done"] * 8
    assert [r.attempt for r in results] == list(range(1, 9)), "in order"
    assert max(engine.seen) > 2 >= max(engine.seen[-2:])


def test_what_was_finished_before_memory_ran_out_is_not_rendered_again(make_chunk, storage, encoded, block):
    engine = Crowded(room=1)
    results = run(make_chunk(photos(2, encoded, block)), storage, engine=engine, together=2)
    assert [r.status for r in results] == ["done", "done"]
    assert run(make_chunk(photos(2, encoded, block)), storage, engine=engine, together=2) == results


def test_in_a_group_too_a_bad_photo_fails_alone(make_chunk, storage, encoded, block):
    files = photos(3, encoded, block)
    ended = []
    watch = Watch(on_end=lambda job, status: ended.append(status))
    results = run(make_chunk([files[0], b"no picture", files[2]]), storage, together=3, watch=watch)
    assert [r.status for r in results] == ended == ["done", "failed", "done"]
    assert results[1].error.code == "bad_image"


def test_a_photo_too_large_for_all_memory_fails_alone_in_the_end(make_chunk, storage, encoded, block):
    results = run(make_chunk(photos(3, encoded, block)), storage, engine=Crowded(room=0), together=4)
    assert [r.error.code for r in results] == ["out_of_memory"] * 3


class OnTheCard(FakeEngine):
    """Takes a share of a real graphics card's memory for each photo."""

    def __init__(self, torch, share: float):
        self.torch, self.bytes = torch, int(torch.cuda.mem_get_info()[1] * share)
        self.tries = 0

    def cutout(self, rgb, hints=NO_HINTS) -> Matte:
        self.tries += 1
        weights = self.torch.empty(self.bytes, dtype=self.torch.uint8, device="cuda")
        time.sleep(0.2)  # so that those beside it want theirs while this one is held
        weights[:1].fill_(1).cpu()
        return super().cutout(rgb, hints)


@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="there is no graphics card here")
@pytest.mark.parametrize(
    "share, ended", [pytest.param(0.4, "done", id="room-for-two"), pytest.param(1.5, "failed", id="no-room")]
)
def test_a_real_graphics_card_that_runs_full_halves_the_chunk_and_is_left_empty(
    make_chunk, storage, encoded, block, share, ended
):
    torch = pytest.importorskip("torch")
    engine = OnTheCard(torch, share)
    results = run(make_chunk(photos(8, encoded, block)), storage, engine=engine, together=8)
    assert [r.status for r in results] == [ended] * 8
    assert {r.error.code for r in results if r.error} == ({"out_of_memory"} if ended == "failed" else set())
    assert engine.tries > 8, "some were tried again with fewer beside them"
    chunks.free_memory()
    assert torch.cuda.memory_reserved() == 0, "what a failed render took was given back"


# -- leaving and resting


def test_a_render_that_outlasts_the_grace_time_is_handed_back_between_stages(
    make_chunk, storage, encoded, block
):
    stages = []
    watch = Watch(hurried=lambda: len(stages) > 3, on_stage=lambda job, stage: stages.append(stage))
    (result,) = run(make_chunk([encoded(block())]), storage, watch=watch)
    assert (result.status, result.error) == ("returned", None)
    assert not storage.exists("out/1/result.json")


def test_a_resting_worker_hands_back_what_it_is_given_and_says_why(make_chunk, storage, encoded, block):
    (result,) = run(make_chunk([encoded(block())]), storage, watch=Watch(resting=lambda: True))
    assert (result.status, result.error.code) == ("returned", "worker_resting")
    assert JobResult.from_dict(json.loads(result.to_json())) == result
