"""What a person says about a photo is obeyed over the engine's own opinion; the network that ships is what it should be."""

import numpy as np
import pytest

from gpu_worker.engines.base import Click, Hints
from gpu_worker.engines.classic import prior
from gpu_worker.engines.classic.engine import ClassicEngine
from gpu_worker.models import salient

LEFT, RIGHT = np.s_[120:300, 60:220], np.s_[150:280, 300:400]


@pytest.fixture(scope="module")
def engine():
    made = ClassicEngine()
    made.load()
    return made


@pytest.fixture
def two_boxes():
    rng = np.random.default_rng(0)
    photo = np.full((400, 460, 3), (205, 203, 200), np.float32)
    photo[LEFT] = (30, 70, 150)
    photo[RIGHT] = (170, 40, 30)
    return np.clip(photo + rng.normal(0, 2, photo.shape), 0, 255).astype(np.uint8)


def covered(matte, where):
    return float(matte.alpha[where].mean())


def test_only_what_is_in_the_box_is_the_product(engine, two_boxes):
    matte = engine.cutout(two_boxes, Hints(box=(0.6, 0.3, 0.92, 0.75)))
    assert covered(matte, RIGHT) > 0.95
    assert matte.alpha[:, :250].max() == 0


def test_a_click_brings_in_what_the_engine_left_out(engine, two_boxes):
    boxed = Hints(
        box=(0.0, 0.2, 1.0, 0.85), clicks=(Click(350 / 460, 215 / 400), Click(140 / 460, 210 / 400))
    )
    matte = engine.cutout(two_boxes, boxed)
    assert covered(matte, RIGHT) > 0.9
    assert covered(matte, LEFT) > 0.9


def test_a_click_takes_out_what_the_engine_took_in(engine, two_boxes):
    hints = Hints(clicks=(Click(350 / 460, 215 / 400, product=False), Click(140 / 460, 210 / 400)))
    matte = engine.cutout(two_boxes, hints)
    assert covered(matte, LEFT) > 0.9
    assert covered(matte, np.s_[205:225, 340:360]) < 0.1


def test_a_trimap_is_the_last_word_where_it_is_sure(engine, two_boxes):
    trimap = np.full((100, 115), 128, np.uint8)
    trimap[:, 60:] = 0
    trimap[35:70, 20:50] = 255
    matte = engine.cutout(two_boxes, Hints(trimap=trimap))
    assert matte.alpha[:, 244:].max() == 0
    assert matte.alpha[144:276, 84:196].min() == 1


def test_holes_stay_open_or_are_filled_as_the_person_says(engine, sample):
    photo = sample("mug")
    hole = _hole(photo.alpha)
    assert engine.cutout(photo.rgb, Hints(keep_holes=True)).alpha[hole].mean() < 0.2
    assert engine.cutout(photo.rgb, Hints(keep_holes=False)).alpha[hole].mean() > 0.8


def _hole(alpha):
    import cv2

    outside = (alpha < 0.05).astype(np.uint8)
    _, labels = cv2.connectedComponents(outside, connectivity=4)
    hole = (labels > 0) & (labels != labels[0, 0])
    return cv2.erode(hole.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)


def test_the_weights_that_ship_are_small_enough_to_live_in_the_repository():
    assert salient.path().stat().st_size <= 3_000_000


@pytest.mark.parametrize(
    ("width_px", "height_px", "seen"),
    [
        (1000, 1000, (192, 192)),
        (750, 1000, (192, 192)),
        (900, 300, (192, 128)),
        (10, 400, (32, 192)),
    ],
)
def test_a_photo_is_looked_at_whole_whatever_its_shape(width_px, height_px, seen):
    view = salient.view(np.zeros((height_px, width_px, 3), np.uint8), 192)
    assert (view.shape[1], view.shape[0]) == seen


class Eye:
    """Sees a product everywhere, and remembers what it was shown."""

    def __init__(self):
        self.shown = []

    def look(self, rgb, longest_px=0):
        self.shown.append(rgb.shape[:2])
        return np.ones((rgb.shape[0] // 2, rgb.shape[1] // 2), np.float32)


def test_a_box_is_looked_at_with_what_is_around_it_and_holds_all_of_the_product():
    eye = Eye()
    found = prior.within(np.zeros((400, 600, 3), np.uint8), eye, (0.5, 0.25, 0.6, 0.75))
    height_px, width_px = eye.shown[0]
    assert height_px == pytest.approx(200 * 1.28, abs=3)  # a margin of 0.14 at both ends
    assert width_px == pytest.approx(200 * 1.28 / 2, abs=3)  # and half as wide at least
    inside = np.zeros((400, 600), bool)
    inside[100:300, 300:360] = True
    assert found.product[inside].min() == 1 and found.product[~inside].max() == 0


def test_without_its_network_the_engine_still_cuts_out_studio_photos(sample):
    photo = sample("bottle")
    matte = ClassicEngine(network=None).cutout(photo.rgb)
    inside, truth = matte.alpha > 0.5, photo.alpha > 0.5
    assert (inside & truth).sum() / (inside | truth).sum() > 0.96
