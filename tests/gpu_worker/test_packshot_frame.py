"""Where the product stands on the canvas, how upright, and how large beside its sister photos."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker import runner
from gpu_worker.engines.base import NO_HINTS, Hints, Matte
from gpu_worker.recipe import ANCHORS, Framing
from gpu_worker.stages.frame import place, shared_scale
from gpu_worker.stages.straighten import tilt


class Drawn:
    """An engine that knows the answer: the samples' own mattes."""

    name = "drawn"
    versions = {"cutout": "1"}

    def __init__(self, alpha: np.ndarray) -> None:
        self.alpha = alpha

    def load(self) -> None:
        """Nothing to load."""

    def cutout(self, rgb: np.ndarray, hints: Hints = NO_HINTS) -> Matte:
        return Matte(self.alpha, 1.0)


def box_on_canvas(box, placement):
    x0, y0, x1, y1 = box
    matrix = placement.to_canvas()
    left, top = matrix @ (x0, y0, 1)
    right, bottom = matrix @ (x1, y1, 1)
    return left, top, right, bottom


@given(
    box=st.tuples(st.integers(0, 200), st.integers(0, 200), st.integers(8, 400), st.integers(8, 400)),
    canvas=st.tuples(st.integers(100, 900), st.integers(100, 900)),
    margins=st.tuples(*[st.floats(0.0, 0.35)] * 4),
    anchor=st.sampled_from(sorted(ANCHORS)),
    scale=st.one_of(st.none(), st.floats(0.05, 5)),
)
def test_the_product_stays_between_the_margins_and_where_it_is_anchored(box, canvas, margins, anchor, scale):
    x, y, w, h = box
    framing = Framing(canvas, 1.0, margins, anchor)
    made = place((x, y, x + w, y + h), (x + w + 50, y + h + 50), framing)
    left, top, right, bottom = box_on_canvas((x, y, x + w, y + h), made)
    room = (
        margins[0] * canvas[0],
        margins[1] * canvas[1],
        (1 - margins[2]) * canvas[0],
        (1 - margins[3]) * canvas[1],
    )
    # Sizes are whole pixels of a box that is a few pixels wider than the product.
    slack = 1.5 + 0.5 * max(w, h) / min(w, h)
    assert left >= room[0] - slack and top >= room[1] - slack
    assert right <= room[2] + slack and bottom <= room[3] + slack
    if "bottom" in anchor:
        assert abs(bottom - room[3]) <= slack
    if "left" in anchor:
        assert abs(left - room[0]) <= slack
    shared = place((x, y, x + w, y + h), (x + w + 50, y + h + 50), Framing(canvas, 1.0, None, anchor, scale))
    left, top, right, bottom = box_on_canvas((x, y, x + w, y + h), shared)
    assert left >= -slack and top >= -slack and right <= canvas[0] + slack and bottom <= canvas[1] + slack


def test_tall_and_short_products_of_a_catalog_stand_on_one_line():
    framing = Framing((1000, 1000), 0.8, anchor="bottom")
    tall = place((100, 100, 200, 500), (600, 600), framing)
    short = place((100, 300, 500, 400), (600, 600), framing)
    foots = [box_on_canvas(b, p)[3] for b, p in (((100, 100, 200, 500), tall), ((100, 300, 500, 400), short))]
    assert abs(foots[0] - 900) <= 1 and abs(foots[1] - 900) <= 1


def test_the_photos_of_one_product_share_the_scale_at_which_all_of_them_fit(encoded):
    framing = Framing((400, 400), 0.85)
    front, side = (300, 200), (90, 200)
    scale = shared_scale([front, side], framing)
    assert scale == pytest.approx(0.85 * 400 / 300)
    heights = []
    for width_px, height_px in (front, side):
        photo = np.full((320, 400, 3), 255, np.uint8)
        photo[60 : 60 + height_px, 50 : 50 + width_px] = (40, 60, 120)
        raw = {"engine": "fake", "framing": {"canvas_px": [400, 400], "scale_px_per_px": scale}}
        m = runner.render(raw, {"main": encoded(photo)}).measures
        assert (m["product_width_px"], m["product_height_px"]) == pytest.approx((width_px, height_px), abs=2)
        heights.append(m["product_height_px"] * m["scale"])
    assert heights[0] == pytest.approx(heights[1], abs=1.5)
    assert shared_scale([], framing) is None
    with pytest.raises(ValueError, match="canvas"):
        shared_scale([front], Framing(None))


def leaning(sample, degrees: float):
    """A sample turned clockwise as if the camera had been held askew: (photo, its exact matte)."""
    height_px, width_px = sample.alpha.shape
    matrix = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), -degrees, 0.85)
    rgb = cv2.warpAffine(
        sample.rgb, matrix, (width_px, height_px), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return rgb, np.clip(cv2.warpAffine(sample.alpha, matrix, (width_px, height_px)), 0, 1)


@pytest.mark.parametrize("name", ["bottle", "vase", "lamp", "ornament"])
@pytest.mark.parametrize("degrees", [-6.0, -1.0, 0.0, 2.5])
def test_a_leaning_product_is_seen_to_lean_by_so_much(sample, name, degrees):
    found = tilt(leaning(sample(name), degrees)[1])
    assert found.trusted
    assert found.degrees == pytest.approx(degrees, abs=0.25)


@pytest.mark.parametrize("name", ["box", "soap", "book", "mug", "sneaker", "handbag", "watch"])
def test_a_product_that_perspective_slopes_is_left_as_it_is(sample, name):
    assert not tilt(sample(name).alpha).trusted


def test_a_product_that_lies_is_no_tilt_of_the_camera(sample):
    assert not tilt(leaning(sample("bottle"), 14.0)[1]).trusted


def test_an_empty_matte_does_not_lean():
    assert not tilt(np.zeros((80, 80), np.float32)).trusted


def test_a_photo_held_askew_becomes_the_packshot_of_one_held_straight(sample, encoded):
    straight, askew = sample("bottle"), leaning(sample("bottle"), 4.0)
    raw = {
        "framing": {"canvas_px": [300, 300], "straighten": "auto"},
        "shadow": {"kind": "none"},
        "output": {"format": "png"},
    }
    shown, told = [], []
    for rgb, alpha in ((straight.rgb, straight.alpha), askew):
        made = runner.render(raw, {"main": encoded(rgb)}, engine=Drawn(alpha))
        shown.append(
            cv2.imdecode(np.frombuffer(made.files["main"].data, np.uint8), cv2.IMREAD_COLOR).astype(int)
        )
        told.append(made.measures)
        assert made.measures["fidelity_levels_max"] <= 1 and made.measures["fidelity_share"] > 0.5
    assert told[0]["straightened_degrees"] == 0
    assert told[1]["straightened_degrees"] == pytest.approx(-4.0, abs=0.2)
    assert told[1]["fill"] == pytest.approx(0.85, abs=0.01) and told[1]["centring_offset"] < 0.01
    assert np.abs(shown[0] - shown[1]).mean() < 2.5
