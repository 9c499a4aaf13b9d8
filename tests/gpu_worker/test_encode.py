"""What leaves the worker: format, size, colour profile, and nothing that the camera wrote."""

import io

import numpy as np
import pytest
from PIL import Image

from gpu_worker.errors import OutputTooLarge
from gpu_worker.recipe import Output
from gpu_worker.stages.encode import DISCLOSURE, cutout_image, encode, srgb_profile


@pytest.fixture(scope="module")
def picture():
    """Something with texture, so that quality matters."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:240, 0:240]
    waves = 128 + 60 * np.sin(x / 5) * np.cos(y / 7)
    return np.clip(waves[..., None] + rng.normal(0, 18, (240, 240, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
def test_every_format_is_what_it_says_with_srgb_inside_and_no_camera_data(picture, format):
    made = encode(picture, Output(format=format))
    image = Image.open(io.BytesIO(made.data))
    assert image.format == format.upper()
    assert image.size == (240, 240)
    assert image.info["icc_profile"] == srgb_profile()
    assert not image.getexif()
    assert DISCLOSURE.encode() not in made.data


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
def test_the_disclosure_mark_is_written_only_where_it_is_asked_for(picture, format):
    made = encode(picture, Output(format=format, disclose=True))
    assert DISCLOSURE.encode() in made.data
    image = Image.open(io.BytesIO(made.data))
    image.load()
    assert image.size == (240, 240)


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_a_byte_limit_is_met_at_the_best_quality_that_fits(picture, format):
    free = encode(picture, Output(format=format))
    limit = int(len(free.data) * 0.6)
    tight = encode(picture, Output(format=format, max_bytes=limit))
    assert len(tight.data) <= limit
    better = encode(picture, Output(format=format, quality=tight.quality + 1))
    assert len(better.data) > limit


def test_a_limit_that_needs_no_squeezing_changes_nothing(picture):
    free = encode(picture, Output())
    assert encode(picture, Output(max_bytes=len(free.data))).data == free.data


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
def test_an_impossible_limit_is_an_error_and_not_a_smear(picture, format):
    with pytest.raises(OutputTooLarge) as told:
        encode(picture, Output(format=format, max_bytes=300))
    assert not told.value.retry
    assert "300" in str(told.value)


def test_the_same_picture_gives_the_same_bytes(picture):
    for format in ("jpeg", "png", "webp", "avif"):
        assert encode(picture, Output(format=format)).data == encode(picture, Output(format=format)).data


def test_png_keeps_every_pixel(picture):
    image = Image.open(io.BytesIO(encode(picture, Output(format="png")).data))
    assert np.array_equal(np.asarray(image), picture)


def test_the_cut_out_file_is_cropped_to_the_product_and_bounded(picture):
    alpha = np.zeros((240, 240), np.float32)
    alpha[60:180, 40:200] = 1
    assert cutout_image(picture, alpha).size == (240, 240)
    assert cutout_image(picture, alpha, 1200).size == (168, 128)
    small = cutout_image(picture, alpha, 80)
    assert max(small.size) == 80
    assert small.getpixel((40, 30))[3] == 255
