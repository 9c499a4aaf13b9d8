"""A shoe from the front, the side and above: one scale for all, whichever of them is rendered, and whatever one lacks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from gpu_worker import chunks, runner
from gpu_worker.contract import GROUP_MAX, ROLE_GROUP, Chunk, Input, JobResult
from gpu_worker.engines.base import NO_HINTS, Hints, Matte
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.errors import StorageUnavailable
from gpu_worker.recipe import Cutout
from gpu_worker.stages.base import GroupPhoto
from gpu_worker.stages.group import DECISION_PX, measure

ONE_SCALE = {
    "engine": "fake",
    "framing": {"canvas_px": [400, 400], "fill": 0.8, "consistent": "product"},
    "shadow": {"kind": "none"},
}
# What the camera saw of the shoe in each photo (width, height).
FRONT, SIDE, ABOVE = (90, 120), (300, 120), (300, 100)


@pytest.fixture
def shot(encoded: Callable[..., bytes]) -> Callable[[tuple[int, int]], bytes]:
    """A photo of a plain shoe of so many pixels, taken by a camera that stands still."""

    def take(size_px: tuple[int, int]) -> bytes:
        photo = np.full((320, 400, 3), 255, np.uint8)
        photo[100 : 100 + size_px[1], 50 : 50 + size_px[0]] = (40, 60, 120)
        return encoded(photo)

    return take


def together(*photos: bytes) -> list[GroupPhoto]:
    return [GroupPhoto(hashlib.sha256(data).hexdigest(), lambda data=data: data) for data in photos]


def test_each_view_of_a_product_comes_out_at_the_same_scale(shot) -> None:
    photos = [shot(size) for size in (FRONT, SIDE, ABOVE)]
    told = [runner.render(ONE_SCALE, {"main": photo}, group=together(*photos)).measures for photo in photos]
    [scale] = {m["group_scale"] for m in told}
    assert scale == pytest.approx(0.8 * 400 / 300, abs=1e-4)
    assert all((m["group_photos"], m["group_scale_used"]) == (3, True) for m in told)
    front, side, above = (m["product_height_px"] * m["scale"] for m in told)
    assert front == pytest.approx(side, abs=1.5), "as high from the front as from the side"
    assert above / side == pytest.approx(100 / 120, abs=0.02)
    assert told[1]["fill"] == pytest.approx(0.8, abs=0.01) and told[0]["fill"] < 0.45


def test_without_the_wish_each_view_fills_its_picture(shot) -> None:
    photos = [shot(size) for size in (FRONT, SIDE)]
    plain = {**ONE_SCALE, "framing": {"canvas_px": [400, 400], "fill": 0.8}}
    made = runner.render(plain, {"main": photos[0]}, group=together(*photos))
    assert made.measures["fill"] == pytest.approx(0.8, abs=0.01)
    assert not [name for name in made.measures if name.startswith("group")]
    assert made.files["main"].data == runner.render(plain, {"main": photos[0]}).files["main"].data


def test_a_product_with_one_photo_fills_its_picture(shot) -> None:
    photo = shot(FRONT)
    for group in ([], together(photo)):
        made = runner.render(ONE_SCALE, {"main": photo}, group=group)
        assert made.measures["fill"] == pytest.approx(0.8, abs=0.01)


def test_a_larger_file_of_the_picture_keeps_the_proportion(shot) -> None:
    photos = [shot(size) for size in (FRONT, SIDE)]
    raw = {**ONE_SCALE, "outputs": [{"name": "zoom", "longest_px": 800}], "output": {"format": "png"}}
    made = runner.render(raw, {"main": photos[0]}, group=together(*photos))
    widths = []
    for name in ("main", "zoom"):
        picture = cv2.imdecode(np.frombuffer(made.files[name].data, np.uint8), cv2.IMREAD_COLOR)
        widths.append((picture.min(axis=2) < 200).any(axis=0).sum() / picture.shape[1])
    assert widths[0] == pytest.approx(widths[1], abs=0.01)


def test_a_view_without_a_sure_cut_out_or_a_readable_file_does_not_count_and_that_is_said(
    shot, encoded
) -> None:
    front, side = shot(FRONT), shot(SIDE)
    blank = encoded(np.full((320, 400, 3), 255, np.uint8))
    group = together(front, side, blank, b"my cat's diary")
    told = runner.render(ONE_SCALE, {"main": front}, group=group).measures
    assert told["group_scale"] == pytest.approx(0.8 * 400 / 300, abs=1e-4)
    assert (told["group_photos"], told["group_unsure"], told["group_unreadable"]) == (2, 1, 1)


def test_where_no_view_is_sure_each_fills_its_picture(shot) -> None:
    class Unsure(FakeEngine):
        def cutout(self, rgb: np.ndarray, hints: Hints = NO_HINTS) -> Matte:
            return replace(super().cutout(rgb, hints), confidence=0.4)

    photos = [shot(size) for size in (FRONT, SIDE)]
    told = runner.render(ONE_SCALE, {"main": photos[0]}, group=together(*photos), engine=Unsure()).measures
    assert told["group_photos"] == 0 and "group_scale" not in told
    assert told["fill"] == pytest.approx(0.8, abs=0.01)


def test_that_it_is_glass_makes_no_cut_out_sure(encoded) -> None:
    class Unsure(FakeEngine):
        def cutout(self, rgb: np.ndarray, hints: Hints = NO_HINTS) -> Matte:
            return replace(super().cutout(rgb, hints), confidence=0.4)

    photo = np.full((320, 400, 3), 255, np.uint8)
    photo[100:200, 50:150] = (40, 60, 120)
    assert measure(encoded(photo), Cutout(see_through=True), Unsure()) is None
    assert measure(encoded(photo), Cutout(box=(0, 0, 1, 1), see_through=True), Unsure()) == (100, 100)


def test_a_photo_that_did_not_count_is_not_pushed_over_the_margins(shot) -> None:
    small, detail = [shot((60, 50)), shot((50, 60))], shot((300, 180))
    told = runner.render(ONE_SCALE, {"main": detail}, group=together(*small)).measures
    assert told["group_scale_used"] is False
    assert told["fill"] == pytest.approx(0.8, abs=0.01)


class Obedient(FakeEngine):
    """Takes a person's box for the product; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Hints] = []

    def cutout(self, rgb: np.ndarray, hints: Hints = NO_HINTS) -> Matte:
        self.asked.append(hints)
        if hints.box is None:
            return super().cutout(rgb, hints)
        height_px, width_px = rgb.shape[:2]
        alpha = np.zeros((height_px, width_px), np.float32)
        left, top, right, bottom = hints.box
        rows = slice(round(top * height_px), round(bottom * height_px))
        alpha[rows, round(left * width_px) : round(right * width_px)] = 1
        return Matte(alpha, 0.3)


def test_a_view_that_a_person_marked_counts_as_it_was_marked(shot) -> None:
    front, side = shot(FRONT), shot(SIDE)
    said = Cutout(box=(0.125, 0.3, 0.5, 0.7))  # half of what the engine takes for the shoe
    group = [together(front)[0], replace(together(side)[0], cutout=said)]
    told = runner.render(ONE_SCALE, {"main": front}, group=group, engine=Obedient()).measures
    assert told["group_photos"] == 2
    assert told["group_scale"] == pytest.approx(0.8 * 400 / 150, abs=0.01)


def test_each_photo_is_measured_once_however_many_are_rendered(shot) -> None:
    photos, engine = [shot(size) for size in (FRONT, SIDE, ABOVE)], Obedient()
    for photo in photos:
        runner.render(ONE_SCALE, {"main": photo}, group=together(*photos), engine=engine)
    assert len(engine.asked) == 3 + 3


def test_a_large_photo_is_measured_on_a_small_copy_in_its_own_pixels(encoded) -> None:
    photo = np.full((1200, 1800, 3), 255, np.uint8)
    photo[300:900, 300:1500] = (40, 60, 120)

    class Small(FakeEngine):
        def cutout(self, rgb: np.ndarray, hints: Hints = NO_HINTS) -> Matte:
            assert max(rgb.shape) == DECISION_PX
            return super().cutout(rgb, hints)

    size = measure(encoded(photo), Cutout(), Small())
    assert size == pytest.approx((1200, 600), rel=0.01)


def test_a_storage_that_is_away_for_a_moment_never_decides_on_a_scale(shot) -> None:
    front = shot(FRONT)

    def away() -> bytes:
        raise StorageUnavailable()

    with pytest.raises(StorageUnavailable):
        runner.render(ONE_SCALE, {"main": front}, group=[*together(front), GroupPhoto("side", away)])


def test_no_more_photos_are_measured_than_agreed(shot) -> None:
    photos, engine = [shot((60 + n, 50)) for n in range(GROUP_MAX + 3)], Obedient()
    told = runner.render(ONE_SCALE, {"main": photos[0]}, group=together(*photos), engine=engine).measures
    assert told["group_photos"] == GROUP_MAX


# -- as a message brings it ------------------------------------------------------------------------------------


@pytest.fixture
def product_chunk(make_chunk: Callable[..., Chunk], shot) -> Chunk:
    """Front and side as jobs of one chunk, each with both as its group."""
    chunk = make_chunk([shot(FRONT), shot(SIDE)], ONE_SCALE)
    group = tuple(replace(job.inputs[0], role=ROLE_GROUP) for job in chunk.jobs)
    return replace(chunk, jobs=tuple(replace(job, inputs=(*job.inputs, *group)) for job in chunk.jobs))


def run(chunk: Chunk, storage) -> list[JobResult]:
    return list(chunks.run_chunk(chunk, storage, worker="w1"))


def test_the_jobs_of_a_message_find_one_scale_each_for_itself(product_chunk, storage) -> None:
    both = run(product_chunk, storage)
    assert [r.status for r in both] == ["done", "done"]
    assert len({r.measures["group_scale"] for r in both}) == 1


def test_a_photo_that_is_gone_or_exchanged_is_left_out_of_the_scale(product_chunk, storage, shot) -> None:
    front, side = (job.inputs[0] for job in product_chunk.jobs)
    other = shot((10, 310))
    storage.put("in/other", other)
    bad = (Input(ROLE_GROUP, "in/gone", "ab"), Input(ROLE_GROUP, "", ""), Input(ROLE_GROUP, "in/other", "cd"))
    group = tuple(replace(i, role=ROLE_GROUP) for i in (front, side))
    job = replace(product_chunk.jobs[0], inputs=(front, *group, *bad))
    (result,) = run(replace(product_chunk, jobs=(job,)), storage)
    assert result.status == "done"
    assert (result.measures["group_photos"], result.measures["group_unreadable"]) == (2, 3)


def test_what_a_person_said_of_a_photo_travels_and_nothing_else_is_new_on_the_wire(product_chunk) -> None:
    assert "cutout" not in json.dumps(product_chunk.to_dict())
    first = product_chunk.jobs[0]
    marked = replace(first.inputs[1], cutout={"box": [0.1, 0.1, 0.9, 0.9], "clicks": [], "keep_holes": None})
    chunk = replace(product_chunk, jobs=(replace(first, inputs=(first.inputs[0], marked)),))
    assert Chunk.from_dict(json.loads(json.dumps(chunk.to_dict()))) == chunk


def test_marks_that_nobody_understands_stop_the_job_with_the_fields_name(product_chunk, storage) -> None:
    first = product_chunk.jobs[0]
    inputs = (first.inputs[0], replace(first.inputs[1], cutout={"lasso": 1}))
    (result,) = run(replace(product_chunk, jobs=(replace(first, inputs=inputs),)), storage)
    assert result.error is not None and "lasso" in result.error.message
