"""The contract every engine keeps, and what the classic one promises."""

import numpy as np
import pytest

from gpu_worker import engines
from gpu_worker.engines.base import Engine
from gpu_worker.errors import BadRecipe

EVERY = sorted(engines.ENGINES)


@pytest.fixture(params=EVERY)
def engine(request):
    made = engines.engine(request.param)
    made.load()
    made.load()
    return made


def iou(alpha, truth):
    a, b = alpha > 0.5, truth > 0.5
    return float((a & b).sum() / (a | b).sum())


def test_an_engine_has_a_name_and_a_version_for_its_stage(engine):
    assert isinstance(engine, Engine)
    assert engine.name in EVERY
    assert engine.versions["cutout"]


def test_a_matte_has_the_size_of_its_photo_and_stays_in_bounds(engine, block):
    for width_px, height_px in ((240, 200), (97, 333), (64, 64)):
        matte = engine.cutout(block(width_px, height_px))
        assert matte.alpha.shape == (height_px, width_px)
        assert matte.alpha.dtype == np.float32
        assert matte.alpha.min() >= 0 and matte.alpha.max() <= 1
        assert 0 <= matte.confidence <= 1


def test_a_block_on_white_is_cut_out(engine, block):
    truth = np.zeros((200, 240))
    truth[50:150, 60:180] = 1
    assert iou(engine.cutout(block()).alpha, truth) > 0.96


def test_the_same_photo_gives_the_same_matte_to_the_bit(engine, block):
    one, two = engine.cutout(block()), engine.cutout(block())
    assert np.array_equal(one.alpha, two.alpha)
    assert one.confidence == two.confidence


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_photo_has_no_product_and_no_confidence(engine, level):
    matte = engine.cutout(np.full((120, 160, 3), level, np.uint8))
    assert matte.confidence == 0
    assert matte.alpha.max() == 0


def test_pure_noise_is_never_trusted():
    noise = np.random.default_rng(1).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    assert engines.engine("classic").cutout(noise).confidence < 0.9


@pytest.mark.parametrize("shape", [(2, 2), (2, 300), (400, 3), (31, 31)])
def test_slivers_do_not_crash_an_engine(engine, shape):
    matte = engine.cutout(np.zeros((*shape, 3), np.uint8))
    assert matte.alpha.shape == shape
    assert matte.confidence == 0


def test_an_engine_that_nobody_knows_is_refused_by_name():
    with pytest.raises(BadRecipe, match="magic"):
        engines.engine("magic")


@pytest.mark.parametrize(
    "name", ["mug", "bottle", "sneaker", "handbag", "box", "ornament", "watch", "soap", "book"]
)
def test_studio_photos_are_cut_out_rightly_and_with_confidence(sample, name):
    photo = sample(name)
    matte = engines.engine("classic").cutout(photo.rgb)
    assert iou(matte.alpha, photo.alpha) > 0.96
    assert matte.confidence >= 0.9
    assert np.abs(matte.alpha - photo.alpha).mean() < 0.015


@pytest.mark.parametrize("name", ["vase", "lamp"])
def test_a_photo_in_a_room_is_cut_out_rightly_or_left_to_a_person(sample, name):
    photo = sample(name)
    matte = engines.engine("classic").cutout(photo.rgb)
    assert iou(matte.alpha, photo.alpha) > 0.9 or matte.confidence < 0.9


def test_paper_seen_through_a_mugs_handle_is_not_part_of_the_mug(sample):
    photo = sample("mug")
    hole = _hole_of(photo.alpha)
    assert hole.sum() > 100
    alpha = engines.engine("classic").cutout(photo.rgb).alpha
    assert alpha[hole].mean() < 0.2


def _hole_of(alpha):
    import cv2

    outside = (alpha < 0.05).astype(np.uint8)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    hole = (labels > 0) & (labels != labels[0, 0])
    return cv2.erode(hole.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)


def test_a_product_cropped_by_the_photo_is_trusted_less(sample):
    whole = sample("ornament")
    cropped = np.ascontiguousarray(whole.rgb[:, : whole.rgb.shape[1] // 2])
    assert engines.engine("classic").cutout(cropped).confidence < 0.9
