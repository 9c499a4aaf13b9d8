"""One photo through the whole pipeline."""

import io

import numpy as np
import pytest
from PIL import Image

from gpu_worker import runner
from gpu_worker.engines.fake import FakeEngine
from gpu_worker.errors import BadRecipe, Cancelled, MissingInput, TooLarge, UnusablePhoto

QUICK = {"engine": "fake", "framing": {"canvas_px": [240, 240]}}


@pytest.fixture(scope="module")
def mug(sample, encoded):
    return encoded(sample("mug").rgb, "JPEG", quality=95)


def test_a_studio_photo_becomes_a_packshot_that_a_shop_can_publish(mug):
    made = runner.render({"framing": {"canvas_px": [600, 600]}}, {"main": mug})
    assert set(made.files) == {"main", "cutout"}
    main = Image.open(io.BytesIO(made.files["main"].data))
    assert (main.format, main.size) == ("JPEG", (600, 600))
    m = made.measures
    assert m["border_white_share"] > 0.999
    assert abs(m["fill"] - 0.85) < 0.01
    assert m["centring_offset"] < 0.01
    assert m["fidelity_levels_max"] <= 1
    assert m["fidelity_delta_e_p95"] <= 1.0
    assert m["confidence"] == made.confidence >= 0.9
    cut = Image.open(io.BytesIO(made.files["cutout"].data))
    assert cut.mode == "RGBA" and cut.getchannel("A").getextrema() == (0, 255)


def test_the_same_photo_and_recipe_give_the_same_bytes(mug):
    one, two = (runner.render({}, {"main": mug}) for _ in range(2))
    assert {n: f.data for n, f in one.files.items()} == {n: f.data for n, f in two.files.items()}
    assert one.measures == two.measures


def test_engine_versions_and_seconds_are_told_for_each_stage(mug):
    seen = []
    made = runner.render(QUICK, {"main": mug}, on_stage=seen.append)
    assert made.engines["cutout"] == "fake/1.1"
    assert made.engines["shadow"] == "stage/2"
    assert set(made.engines) == set(seen) - {"measure"}
    assert seen == [
        "group",
        "load",
        "normalise",
        "cutout",
        "glass",
        "correct",
        "frame",
        "backdrop",
        "shadow",
        "place",
        "reflection",
        "compose",
        "encode",
        "measure",
    ]
    assert list(made.seconds) == seen
    assert made.fingerprint["device"] == "cpu"


def test_a_cancelled_render_stops_before_its_next_stage(mug):
    seen = []
    with pytest.raises(Cancelled):
        runner.render(QUICK, {"main": mug}, cancelled=lambda: len(seen) == 4, on_stage=seen.append)
    assert seen == ["group", "load", "normalise", "cutout"]


def test_a_photo_without_a_product_is_rendered_but_never_trusted(encoded):
    blank = encoded(np.full((200, 200, 3), 240, np.uint8))
    made = runner.render({"framing": {"canvas_px": [240, 240]}}, {"main": blank})
    assert made.confidence == 0
    assert made.measures["fidelity_share"] == 0


def test_a_cut_out_that_the_merchant_made_is_used_as_it_is(encoded):
    levels = np.zeros((200, 200, 4), np.uint8)
    levels[60:140, 50:150] = (200, 40, 30, 255)
    made = runner.render(
        {"framing": {"canvas_px": None}, "shadow": {"kind": "none"}}, {"main": encoded(levels)}
    )
    assert made.measures["cutout_given"] is True
    assert made.confidence == 1.0
    assert made.measures["fidelity_levels_max"] == 0


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({}, MissingInput),
        ({"main": b"not a picture"}, UnusablePhoto),
        ({"main": b""}, UnusablePhoto),
    ],
)
def test_what_can_not_be_rendered_says_why(inputs, error):
    with pytest.raises(error):
        runner.render(QUICK, inputs)


def test_a_truncated_upload_is_a_bad_photo_and_a_giant_is_too_large(mug, monkeypatch):
    with pytest.raises(UnusablePhoto):
        runner.render(QUICK, {"main": mug[: len(mug) // 2]})
    monkeypatch.setattr(
        "gpu_worker.pixels.open_safely.__kwdefaults__", {"max_pixels": 1000, "max_bytes": 10**9}
    )
    with pytest.raises(TooLarge):
        runner.render(QUICK, {"main": mug})


def test_a_bad_recipe_is_refused_before_the_photo_is_touched():
    with pytest.raises(BadRecipe):
        runner.render({"engine": "magic"}, {"main": b"never read"})


@pytest.mark.parametrize("kind", ["solid", "gradient", "transparent"])
@pytest.mark.parametrize("format", ["png", "webp", "avif", "jpeg"])
def test_every_backdrop_goes_with_every_format_that_can_hold_it(mug, kind, format):
    raw = {
        **QUICK,
        "backdrop": {"kind": kind, "color": "#f4f1ec", "color2": "#d8d2c8"},
        "output": {"format": format},
    }
    if (kind, format) == ("transparent", "jpeg"):
        with pytest.raises(BadRecipe):
            runner.render(raw, {"main": mug})
        return
    made = runner.render(raw, {"main": mug})
    image = Image.open(io.BytesIO(made.files["main"].data))
    assert image.format.lower() == format
    assert (image.mode == "RGBA") == (kind == "transparent")
    assert made.measures["fidelity_levels_max"] <= 1


@pytest.mark.parametrize("width_px,height_px", [(40, 900), (900, 40), (64, 64)])
def test_odd_shapes_render_without_a_crash(encoded, block, width_px, height_px):
    made = runner.render(
        {"framing": {"canvas_px": [300, 300]}}, {"main": encoded(block(width_px, height_px))}
    )
    assert made.files["main"].width_px == 300


def noisy_dark_cloth() -> bytes:
    """Coloured grain on black, where an encoder moves colours most."""
    rng = np.random.default_rng(3)
    picture = np.full((360, 360, 3), 255, np.uint8)
    picture[60:300, 80:280] = rng.integers(0, 60, (240, 200, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def test_a_picture_whose_colours_would_move_is_written_at_a_finer_quality() -> None:
    body = {"pipeline": "background", "framing": {"canvas_px": None}, "output": {"format": "jpeg"}}
    made = runner.render(body, {"main": noisy_dark_cloth()}, engine=FakeEngine())
    assert made.measures["quality"] > 96
    assert made.measures["fidelity_delta_e_p95"] <= 1.0
    decided = {**body, "output": {"format": "jpeg", "quality": 90}}
    told = runner.render(decided, {"main": noisy_dark_cloth()}, engine=FakeEngine())
    assert told.measures["quality"] == 90
    assert told.measures["fidelity_delta_e_p95"] > 1.0
