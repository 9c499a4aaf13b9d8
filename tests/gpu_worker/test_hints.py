"""What a person says about the product on the command line."""

import numpy as np
import pytest
from PIL import Image

from gpu_worker import hints
from gpu_worker.engines.base import Click, Hints


def said(box=None, clicks=None, trimap=None, holes=None):
    return hints.asked(box, clicks, trimap, holes)


def test_nothing_said_is_no_hint_at_all():
    assert not said()
    assert said().for_photo(100, 50) == Hints()


def test_a_box_in_shares_and_one_in_pixels_mean_the_same():
    assert said("0.1,0.2,0.5,0.9").for_photo(1000, 500).box == pytest.approx((0.1, 0.2, 0.5, 0.9))
    assert said("100,100,500,450").for_photo(1000, 500).box == pytest.approx((0.1, 0.2, 0.5, 0.9))


def test_a_box_drawn_over_the_edge_ends_at_the_edge():
    assert said("10,10,5000,5000").for_photo(1000, 500).box == (0.01, 0.02, 1.0, 1.0)


@pytest.mark.parametrize(
    "box",
    [
        "",
        "1",
        "1,2,3",
        "1,2,3,4,5",
        "a,b,c,d",
        "nan,0,1,1",
        "0,0,inf,1",
        "-0.1,0,1,1",
        "0.5,0,0.4,1",
        "0,0.3,1,0.3",
    ],
)
def test_a_box_that_can_not_be_meant_is_refused_with_what_is_wanted(box):
    with pytest.raises(hints.WrongHint, match="--box"):
        said(box)


@pytest.mark.parametrize(("box", "word"), [("2000,10,3000,40", "outside"), ("0.5,0.5,0.5001,0.9", "smaller")])
def test_a_box_that_does_not_fit_this_photo_is_refused(box, word):
    with pytest.raises(hints.WrongHint, match=word):
        said(box).for_photo(1000, 500)


def test_clicks_lie_on_the_product_or_beside_it():
    asked = said(clicks=["0.5,0.25", "100,450,-", "0.1,0.1,+"]).for_photo(1000, 500)
    assert asked.clicks == (Click(0.5, 0.25), Click(0.1, 0.9, product=False), Click(0.1, 0.1))


@pytest.mark.parametrize("click", ["", "5", "1,2,3", "x,y", "0.5,0.5,yes", "0.1,nan", "0.1,0.2,-,-"])
def test_a_click_that_can_not_be_meant_is_refused(click):
    with pytest.raises(hints.WrongHint, match="--click"):
        said(clicks=[click])


def test_a_click_beside_the_photo_or_beside_the_box_is_refused():
    with pytest.raises(hints.WrongHint, match="outside the photo"):
        said(clicks=["1500,20"]).for_photo(1000, 500)
    with pytest.raises(hints.WrongHint, match="outside the box"):
        said("0,0,0.5,0.5", ["0.9,0.9"]).for_photo(1000, 500)
    assert said("0,0,0.5,0.5", ["0.9,0.9,-"]).for_photo(1000, 500).clicks[0].product is False


def test_a_trimap_of_the_photos_shape_is_read_whatever_its_size(tmp_path):
    levels = np.full((50, 100), 128, np.uint8)
    levels[:10], levels[20:30] = 0, 255
    Image.fromarray(levels).save(tmp_path / "t.png")
    assert np.array_equal(said(trimap=tmp_path / "t.png").for_photo(1000, 500).trimap, levels)


def test_a_trimap_of_another_photo_or_without_content_is_refused(tmp_path):
    Image.new("L", (50, 100), 128).save(tmp_path / "grey.png")
    with pytest.raises(hints.WrongHint, match="shape"):
        said(trimap=tmp_path / "grey.png").for_photo(1000, 500)
    with pytest.raises(hints.WrongHint, match="one colour"):
        said(trimap=tmp_path / "grey.png").for_photo(500, 1000)
    with pytest.raises(hints.WrongHint, match="No such file"):
        said(trimap=tmp_path / "none.png").for_photo(1000, 500)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(hints.WrongHint, match="not a picture"):
        said(trimap=tmp_path / "text.png").for_photo(1000, 500)


def test_that_it_is_glass_is_a_hint_for_what_comes_after_the_engine():
    glass = hints.asked(None, None, None, None, see_through=True)
    assert glass and glass.see_through and not said().see_through
    assert glass.for_photo(10, 10) == Hints()


def test_holes_are_kept_filled_or_left_to_the_engine():
    assert [said(holes=h).for_photo(10, 10).keep_holes for h in (True, False, None)] == [True, False, None]
