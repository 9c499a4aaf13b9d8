"""Cut-outs are kept: the engine is asked once per photo, and the pictures are the same to the byte."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gpu_worker import runner
from gpu_worker.chunks import Watch, run_chunk
from gpu_worker.contract import Chunk, JobResult
from gpu_worker.engines.base import NO_HINTS, Matte
from gpu_worker.engines.classic.engine import ClassicEngine
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.errors import StorageUnavailable
from gpu_worker.mattes import Shelf, packed, unpacked

SMALL = {"canvas_px": [200, 200]}
WHITE = {"engine": "fake", "framing": SMALL}
OTHERS = [
    {"backdrop": {"kind": "gradient", "color": "#ffffff", "color2": "#c0d0e0"}, "framing": SMALL},
    {"framing": {"canvas_px": [160, 240], "fill": 0.6, "anchor": "bottom"}},
    {"framing": SMALL, "shadow": {"kind": "cast", "strength": 0.7}, "light": {"azimuth": 90}},
    {"framing": SMALL, "output": {"format": "png"}, "outputs": [{"name": "large", "longest_px": 320}]},
]


class Asked(FakeEngine):
    """Counts how often it is asked where the product is."""

    def __init__(self, version: str = "1", weights: dict[str, str] | None = None) -> None:
        self.calls, self.versions, self.weights = 0, {"cutout": version}, weights or {}

    def cutout(self, rgb, hints=NO_HINTS) -> Matte:
        self.calls += 1
        return super().cutout(rgb, hints)


@pytest.fixture
def shelved(make_chunk, encoded, block):
    """shelved(recipe): a chunk with one job, always of the same photo, that may keep its matte."""

    def make(recipe: dict | None = None, data: bytes | None = None, **options) -> Chunk:
        chunk = make_chunk([data or encoded(block())], {"engine": "fake", **(recipe or WHITE)}, **options)
        number = len(numbers) + 1
        numbers.append(number)
        jobs = tuple(replace(j, mattes="1/2/mattes/", out_prefix=f"out/{number}") for j in chunk.jobs)
        return replace(chunk, jobs=jobs)

    numbers: list[int] = []
    return make


def render(chunk: Chunk, storage, engine=None, **options) -> JobResult:
    [result] = run_chunk(chunk, storage, worker="w1", engine=engine, **options)
    assert result.status == "done", result.error
    return result


def bytes_of(result: JobResult, storage) -> dict[str, bytes]:
    return {file.name: storage.get(file.key) for file in result.files}


# -- one search for all recipes


@pytest.mark.parametrize("other", OTHERS, ids=["backdrop", "framing", "shadow", "output"])
def test_two_recipes_of_one_photo_run_the_cutout_once_and_the_result_is_the_same_to_the_byte(
    shelved, storage, other
):
    engine = Asked()
    first = render(shelved(), storage, engine)
    second = render(shelved(other), storage, engine)
    assert engine.calls == 1
    assert first.matte and not first.matte.reused
    assert second.matte == replace(first.matte, reused=True)
    [alone] = run_chunk(
        replace(shelved(other), jobs=(replace(shelved(other).jobs[0], mattes=""),)),
        storage,
        worker="w1",
        engine=engine,
    )
    assert engine.calls == 2 and alone.matte is None
    assert bytes_of(second, storage) == bytes_of(alone, storage)
    assert (second.measures, second.confidence) == (alone.measures, alone.confidence)


def test_the_shipped_engines_matte_is_reused_to_the_byte_too(shelved, storage, sample, encoded):
    photo = encoded(sample("mug").rgb, "JPEG", quality=92)
    engine = ClassicEngine()
    other = {"engine": "classic", "backdrop": {"kind": "transparent"}, "output": {"format": "png"}}
    recipe = {"engine": "classic", "framing": SMALL}
    render(shelved(recipe, photo), storage, engine)
    again = render(shelved({**recipe, **other}, photo), storage, engine)
    assert again.matte and again.matte.reused
    made = runner.render({**recipe, **other}, {"main": photo}, engine=engine)
    assert bytes_of(again, storage) == {name: file.data for name, file in made.files.items()}


@pytest.mark.parametrize(
    "said",
    [
        {"box": [0.2, 0.2, 0.8, 0.8]},
        {"clicks": [[0.5, 0.5, True]]},
        {"keep_holes": True},
        {"see_through": True},
    ],
    ids=lambda said: next(iter(said)),
)
def test_what_a_person_marks_is_another_cutout(shelved, storage, said):
    engine = Asked()
    render(shelved(), storage, engine)
    marked = render(shelved({**WHITE, "cutout": said}), storage, engine)
    assert engine.calls == 2 and marked.matte and not marked.matte.reused
    assert render(shelved({**WHITE, "cutout": said}), storage, engine).matte.reused


def test_another_photo_another_version_other_weights_or_another_seed_are_another_cutout(
    shelved, storage, encoded, block
):
    keys = {render(shelved(), storage, Asked()).matte.key}
    keys.add(render(shelved(data=encoded(block(colour=(9, 90, 9)))), storage, Asked()).matte.key)
    keys.add(render(shelved(), storage, Asked(version="2")).matte.key)
    keys.add(render(shelved(), storage, Asked(weights={"net.onnx": "abc"})).matte.key)
    keys.add(render(replace(shelved(), seed=7), storage, Asked()).matte.key)
    assert len(keys) == 5
    assert all(key.startswith("1/2/mattes/") for key in keys)


def test_a_photo_with_its_own_cutout_keeps_nothing(shelved, storage, encoded, block):
    rgba = np.dstack([block(), np.full(block().shape[:2], 255, np.uint8)])
    rgba[:40, :, 3] = 0
    result = render(shelved(data=encoded(rgba)), storage)
    assert result.measures["cutout_given"] is True and result.matte is None


def test_the_seconds_say_that_the_search_was_saved(shelved, storage):
    class Slow(Asked):
        def cutout(self, rgb, hints=NO_HINTS) -> Matte:
            for _ in range(20):
                matte = super().cutout(rgb, hints)
            return matte

    engine = Slow()
    first, second = render(shelved(), storage, engine), render(shelved(OTHERS[0]), storage, engine)
    assert engine.calls == 20
    assert second.seconds["cutout"] < first.seconds["cutout"]


# -- what lies there may be wrong, and the storage away


@pytest.mark.parametrize("spoil", [lambda b: b[:-40], lambda b: b[:200] + b"!" + b[201:], lambda b: b"hello"])
def test_a_spoilt_matte_is_made_again_and_replaced(shelved, storage, spoil):
    engine = Asked()
    kept = render(shelved(), storage, engine).matte
    whole = storage.get(kept.key)
    storage.put(kept.key, spoil(whole))
    again = render(shelved(OTHERS[0]), storage, engine)
    assert engine.calls == 2 and not again.matte.reused
    assert storage.get(kept.key) == whole


def test_where_mattes_can_not_be_written_the_picture_is_made_all_the_same(shelved, storage, monkeypatch):
    put = storage.put

    def full(key: str, data: bytes) -> None:
        if "/mattes/" in key:
            raise StorageUnavailable()
        put(key, data)

    monkeypatch.setattr(storage, "put", full)
    assert render(shelved(), storage).matte is None


def test_a_matte_survives_its_bytes_to_the_bit():
    random = np.random.default_rng(3)
    alpha = random.random((37, 53), np.float32)
    alpha[:20], alpha[20:30] = 0, 1
    alpha[0, 0], alpha[1, 1] = -0.0, np.nextafter(np.float32(1), np.float32(0))
    matte = Matte(alpha, 0.1 + 0.2, {"agreement": 1 / 3})
    back = unpacked(packed(matte), alpha.shape)
    assert back.alpha.tobytes() == alpha.tobytes() and back.alpha.dtype == np.float32
    assert (back.confidence, dict(back.notes)) == (matte.confidence, matte.notes)
    assert back.alpha.flags.writeable


def test_a_matte_of_another_shape_is_refused():
    data = packed(Matte(np.zeros((30, 20), np.float32), 0.5))
    with pytest.raises(ValueError):
        unpacked(data, (20, 30))


def test_a_place_outside_the_storage_is_not_read(storage):
    shelf = Shelf(storage, "../../elsewhere")
    assert shelf.recall("x", (1, 1)) is None
    shelf.keep("x", Matte(np.zeros((1, 1), np.float32), 0.0))
    assert shelf.used is None


# -- on the wire


def test_a_server_that_keeps_no_mattes_is_told_of_none(make_chunk, storage, encoded, block):
    chunk = make_chunk([encoded(block())])
    raw = chunk.to_dict()
    for job in raw["jobs"]:
        del job["mattes"]  # a server of an earlier release
    result = render(Chunk.from_dict(raw), storage)
    assert "matte" not in result.to_dict()


def test_what_was_kept_travels_back(shelved, storage):
    result = render(Chunk.from_dict(json.loads(json.dumps(shelved().to_dict()))), storage)
    assert JobResult.from_dict(json.loads(result.to_json())) == result
    assert result.matte and result.bytes_out == result.matte.size_bytes + sum(
        f.size_bytes for f in result.files
    )


# -- what a failed attempt used


def test_an_attempt_that_fails_says_what_it_used_all_the_same(make_chunk, storage, encoded, block):
    recipe = {"engine": "fake", "framing": SMALL, "output": {"format": "png", "max_bytes": 100}}
    [result] = run_chunk(make_chunk([encoded(block())], recipe), storage, worker="w1")
    assert result.status == "failed" and result.error.code == "output_too_large"
    assert result.device_seconds > 0 and result.bytes_in > 0
    assert result.engines["cutout"].startswith("fake/")


def test_a_photo_that_was_never_there_used_no_device(make_chunk, storage, encoded, block):
    chunk = make_chunk([encoded(block())])
    storage.delete(chunk.jobs[0].inputs[0].key)
    [result] = run_chunk(chunk, storage, worker="w1")
    assert (result.status, result.device_seconds) == ("failed", 0)


def test_what_is_stopped_in_the_middle_says_what_it_used(make_chunk, storage, encoded, block):
    stages = []
    watch = Watch(stopped=lambda token: len(stages) > 4, on_stage=lambda job, stage: stages.append(stage))
    [result] = run_chunk(make_chunk([encoded(block())]), storage, worker="w1", watch=watch)
    assert result.status == "cancelled" and result.device_seconds > 0


def test_tries_that_memory_ended_are_counted(make_chunk, storage, encoded, block):
    class Short(FakeEngine):
        calls = 0

        def cutout(self, rgb, hints=NO_HINTS) -> Matte:
            self.calls += 1
            if self.calls == 1:
                raise MemoryError
            return super().cutout(rgb, hints)

    [result] = run_chunk(make_chunk([encoded(block())]), storage, worker="w1", engine=Short())
    alone = sum(v for k, v in result.seconds.items() if k not in {"fetch", "store"})
    assert result.status == "done" and result.device_seconds > alone
