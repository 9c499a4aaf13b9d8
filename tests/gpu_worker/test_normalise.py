"""Every way a camera, a printer or a designer stores colour ends as upright sRGB."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from gpu_worker import pixels
from gpu_worker.stages.encode import srgb_profile
from gpu_worker.stages.normalise import normalise
from tests.gpu_worker import profiles


def reopened(encoded, image, format="PNG", **options):
    return normalise(pixels.open_safely(encoded(image, format, **options)))


def test_plain_srgb_pixels_arrive_untouched(block, encoded):
    rgb, alpha, colour = reopened(encoded, block())
    assert np.array_equal(rgb, block())
    assert alpha is None
    assert colour == "assumed"


def test_an_embedded_srgb_profile_changes_nothing(block, encoded):
    rgb, _, colour = reopened(encoded, block(), icc_profile=srgb_profile())
    assert np.array_equal(rgb, block())
    assert colour == "srgb"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright_for_every_exif_orientation(encoded, orientation):
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:20, :30] = (250, 10, 10)  # red at the top left
    stored = Image.fromarray(upright)
    undo = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}
    for step in undo.get(orientation, []):
        stored = stored.transpose(Image.Transpose(step))
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb, _, _ = reopened(encoded, stored, "PNG", exif=exif)
    assert rgb.shape == (40, 60, 3)
    assert tuple(rgb[5, 5]) == (250, 10, 10)
    assert tuple(rgb[35, 55]) == (0, 0, 0)


def test_a_display_p3_red_becomes_the_same_red_in_srgb(encoded):
    p3 = profiles.rgb(((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)))
    wide = Image.new("RGB", (20, 20), (200, 80, 80))
    rgb, _, colour = reopened(encoded, wide, icc_profile=p3)
    assert colour == "icc"
    # The same number means a stronger red in P3, so sRGB needs a larger one for it.
    assert rgb[5, 5][0] > 208 and rgb[5, 5][1] < 78


def test_a_print_shops_cmyk_jpeg_shows_its_colours_not_their_negative(encoded):
    image = Image.new("RGB", (32, 32), (200, 30, 40)).convert("CMYK")
    rgb, _, _ = reopened(encoded, image, "JPEG", quality=95)
    r, g, b = (int(c) for c in rgb[10, 10])
    assert r > 150 and g < 90 and b < 100


def test_a_cmyk_photo_with_a_profile_of_another_kind_is_still_readable(encoded):
    image = Image.new("RGB", (32, 32), (200, 30, 40)).convert("CMYK")
    rgb, _, colour = reopened(encoded, image, "JPEG", icc_profile=srgb_profile())
    assert (colour, rgb[10, 10][0] > 150) == ("assumed", True)


def test_sixteen_bit_grey_is_scaled_not_clipped(encoded):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(40, axis=0)
    rgb, _, _ = reopened(encoded, Image.fromarray(ramp))
    assert rgb[0, 0, 0] == 0 and rgb[0, -1, 0] == 255
    assert abs(int(rgb[0, 32, 0]) - 130) < 4


def test_grey_and_palette_and_two_level_pictures_become_rgb(encoded):
    for mode in ("L", "P", "1"):
        image = Image.new("RGB", (30, 30), (255, 255, 255)).convert(mode)
        rgb, _, _ = reopened(encoded, image)
        assert rgb.shape == (30, 30, 3)
        assert tuple(rgb[3, 3]) == (255, 255, 255)


def test_a_designers_cut_out_keeps_its_alpha(encoded):
    levels = np.zeros((60, 60, 4), np.uint8)
    levels[15:45, 15:45] = (90, 40, 200, 255)
    levels[14, 15:45] = (90, 40, 200, 128)
    _, alpha, _ = reopened(encoded, levels)
    assert alpha is not None
    assert alpha[30, 30] == 1 and alpha[2, 2] == 0
    assert abs(alpha[14, 30] - 0.5) < 0.01


def test_an_alpha_channel_that_hides_nothing_is_no_cut_out(encoded):
    levels = np.full((60, 60, 4), 255, np.uint8)
    _, alpha, _ = reopened(encoded, levels)
    assert alpha is None


def test_a_transparent_gif_counts_as_a_cut_out(encoded):
    image = Image.new("P", (60, 60), 0)
    image.putpalette([255, 0, 255, 10, 120, 40] + [0] * 762)
    image.paste(1, (15, 15, 45, 45))
    rgb, alpha, _ = reopened(encoded, image, "GIF", transparency=0)
    assert alpha is not None and alpha[30, 30] == 1 and alpha[1, 1] == 0
    assert tuple(rgb[30, 30]) == (10, 120, 40)


def test_a_broken_profile_does_not_lose_the_photo(block, encoded):
    rgb, _, colour = reopened(encoded, block(), icc_profile=b"this is not a profile" * 20)
    assert colour == "assumed"
    assert np.array_equal(rgb, block())


def test_nothing_is_ever_resized(encoded):
    rgb, _, _ = reopened(encoded, Image.new("RGB", (333, 77)))
    assert rgb.shape == (77, 333, 3)


def test_our_own_profile_is_srgb_and_always_the_same_bytes():
    profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
    assert "sRGB" in ImageCms.getProfileDescription(profile)
    assert srgb_profile() is srgb_profile()
