"""Numbers that policy will judge by: they must be right, and differ where pictures differ."""

import numpy as np
import pytest

from gpu_worker import colour
from gpu_worker.qa import channels, picture
from gpu_worker.qa.inspect import inspect

# G. Sharma, W. Wu, E. Dalal (2005), table 1: L1 a1 b1, L2 a2 b2, ΔE00.
SHARMA = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1.0000
50 -1.1848 -84.8006 50 0 -82.7485 1.0000
50 -0.9009 -85.5211 50 0 -82.7485 1.0000
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.4900 -0.0010 50 -2.4900 0.0009 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0010 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0011 7.2195
50 2.4900 -0.0010 50 -2.4900 0.0012 7.2195
50 -0.0010 2.4900 50 0.0009 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0010 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0011 -2.4900 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1.0000
50 2.5 0 50 3.2972 0 1.0000
50 2.5 0 50 1.8634 0.5757 1.0000
50 2.5 0 50 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


def test_colour_difference_agrees_with_the_34_published_pairs():
    rows = np.array([[float(v) for v in line.split()] for line in SHARMA.strip().splitlines()])
    assert len(rows) == 34
    found = colour.ciede2000(rows[:, :3], rows[:, 3:6])
    assert np.abs(found - rows[:, 6]).max() < 1e-4
    assert np.abs(colour.ciede2000(rows[:, 3:6], rows[:, :3]) - rows[:, 6]).max() < 1e-4


def test_lab_of_white_black_and_red_is_where_the_standard_puts_it():
    found = colour.lab(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], np.uint8))
    assert np.allclose(found, [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]], atol=0.02)


def test_one_grey_pixel_in_the_border_is_seen():
    white = np.full((100, 100, 3), 255, np.uint8)
    assert picture.backdrop(white)["border_white_share"] == 1.0
    white[0, 50] = (254, 255, 255)
    assert picture.backdrop(white)["border_white_share"] < 1.0


def test_fill_and_centring_are_measured_on_the_product_alone():
    product = np.zeros((200, 400), bool)
    product[50:150, 100:300] = True
    found = picture.placement(product)
    assert found == {"fill": 0.5, "centring_offset": 0.0, "product_share": 0.25}
    product[:] = False
    product[0:100, 0:100] = True
    assert picture.placement(product)["centring_offset"] > 0.4


def test_a_blurred_product_is_less_sharp(sample):
    import cv2

    photo = sample("sneaker")
    product = photo.alpha > 0.5
    assert (
        picture.sharpness(cv2.GaussianBlur(photo.rgb, (0, 0), 2), product)
        < picture.sharpness(photo.rgb, product) / 3
    )


def test_burnt_out_highlights_are_counted():
    rgb = np.full((10, 10, 3), 200, np.uint8)
    rgb[:5] = 255
    assert picture.clipped(rgb, np.ones((10, 10), bool))["clipped_highlights"] == 0.5


def amazon(data: bytes) -> dict[str, bool]:
    return {check.rule: check.passed for check in channels.check("amazon-main", inspect(data))}


def test_a_good_main_image_passes_every_rule(encoded):
    rgb = np.full((1200, 1200, 3), 255, np.uint8)
    rgb[70:1130, 300:900] = (40, 80, 120)
    assert all(amazon(encoded(rgb, "JPEG", quality=95)).values())


@pytest.mark.parametrize(
    ("spoilt", "rule"),
    [
        ({"size": 800}, "large enough to zoom"),
        ({"ground": 250}, "pure white background"),
        ({"product": 0.6}, "product fills the frame"),
        ({"format": "WEBP"}, "file format"),
    ],
)
def test_a_main_image_that_breaks_one_rule_fails_that_rule_alone(encoded, spoilt, rule):
    size_px = spoilt.get("size", 1200)
    rgb = np.full((size_px, size_px, 3), spoilt.get("ground", 255), np.uint8)
    half = int(size_px * spoilt.get("product", 0.9) / 2)
    middle = size_px // 2
    rgb[middle - half : middle + half, middle - half : middle + half] = (40, 80, 120)
    options = {"lossless": True} if "format" in spoilt else {"quality": 95}
    verdict = amazon(encoded(rgb, spoilt.get("format", "JPEG"), **options))
    assert [name for name, passed in verdict.items() if not passed] == [rule]


def test_any_picture_can_be_measured_even_a_blank_one(encoded):
    found = inspect(encoded(np.full((300, 300, 3), 128, np.uint8)))
    assert found["fill"] == 0.0
    assert found["product_estimated"] is True
