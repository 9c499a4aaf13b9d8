"""Figures of merit against values worked out by hand, and against the slow definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import metrics


def matte(*rows: str) -> np.ndarray:
    """Digits are tenths, # is 1, . is 0."""
    levels = {".": 0.0, "#": 1.0, **{str(n): n / 10 for n in range(10)}}
    return np.asarray([[levels[c] for c in row] for row in rows], np.float32)


def test_iou_counts_half_covered_pixels_as_product():
    truth, found = matte("##5..", "....."), matte(".#5#4", ".....")
    # Together: columns 1 and 2. Either: columns 0 to 3. The 0.4 is backdrop.
    assert metrics.iou(found, truth) == pytest.approx(2 / 4)


def test_two_empty_mattes_agree_and_one_empty_matte_is_all_wrong():
    empty, full = matte("...."), matte("####")
    assert metrics.iou(empty, empty) == 1.0
    assert metrics.iou(empty, full) == metrics.iou(full, empty) == 0.0


def test_mean_error_is_taken_over_all_pixels_or_over_those_asked_for():
    truth, found = matte("##..", "##.."), matte("#5..", "##5.")
    assert metrics.mae(found, truth) == pytest.approx(1.0 / 8)
    assert metrics.mae(found, truth, truth > 0.5) == pytest.approx(0.5 / 4)
    assert metrics.mae(found, truth, np.zeros(truth.shape, bool)) is None


def test_the_edge_band_holds_both_sides_of_a_hard_step_and_reaches_as_far_as_asked():
    truth = matte(*["####...."] * 3)
    band = metrics.edge_band(truth, reach_px=0)
    assert band[1].tolist() == [False, False, False, True, True, False, False, False]
    wider = metrics.edge_band(truth, reach_px=2)
    assert wider[1].tolist() == [False, True, True, True, True, True, True, False]


def test_every_half_covered_pixel_of_glass_belongs_to_the_edge_band():
    truth = matte(*[".555555."] * 5)
    band = metrics.edge_band(truth, reach_px=0)
    assert band[2, 1:7].all()


def test_a_rounding_step_of_eight_bits_is_no_edge():
    truth = np.full((5, 5), 254 / 255, np.float32)
    assert not metrics.edge_band(truth).any()
    assert metrics.edge_mae(truth, truth) is None


def test_edge_error_ignores_what_is_wrong_far_from_the_edge():
    truth = np.zeros((200, 200), np.float32)
    truth[:, :100] = 1
    far, near = truth.copy(), truth.copy()
    far[90:110, 20:40] = 0
    near[:, 99] = 0
    assert metrics.edge_mae(far, truth) == 0
    # Two pixels at the step and two on either side (the least reach): one column of six is wrong.
    assert metrics.edge_mae(near, truth) == pytest.approx(1 / 6)


def test_the_band_grows_with_the_photo_but_never_vanishes():
    assert metrics.band_px(1024, 700) == 6
    assert metrics.band_px(2048, 2048) == 12
    assert metrics.band_px(100, 60) == 2


def test_auroc_by_hand():
    assert metrics.auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == pytest.approx(0.75)
    assert metrics.auroc([1, 2, 3, 4], [False, False, True, True]) == 1.0
    assert metrics.auroc([4, 3, 2, 1], [False, False, True, True]) == 0.0
    assert metrics.auroc([5, 5, 5], [True, False, True]) == 0.5


def test_auroc_says_nothing_where_only_one_side_is_there():
    assert metrics.auroc([0.1, 0.2], [True, True]) is None
    assert metrics.auroc([0.1, 0.2], [False, False]) is None
    assert metrics.auroc([], []) is None


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40))
def test_auroc_is_the_share_of_pairs_that_are_told_apart(pairs):
    scores, marks = [float(score) for score, _ in pairs], [mark for _, mark in pairs]
    wins = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for a, of_a in zip(scores, marks, strict=True)
        for b, of_b in zip(scores, marks, strict=True)
        if of_a and not of_b
    ]
    found = metrics.auroc(scores, marks)
    assert found is None if not wins else found == pytest.approx(sum(wins) / len(wins))


def test_brier_and_reliability_by_hand():
    stated, happened = [0.95, 0.91, 0.15, 1.0], [True, False, False, True]
    assert metrics.brier(stated, happened) == pytest.approx((0.05**2 + 0.91**2 + 0.15**2) / 4)
    low, high = metrics.reliability(stated, happened)
    assert (low.low, low.high, low.count, low.observed) == (0.1, 0.2, 1, 0.0)
    # 1.0 has no bin of its own: it falls into the last.
    assert (high.count, high.stated) == (3, pytest.approx((0.95 + 0.91 + 1) / 3))
    assert high.observed == pytest.approx(2 / 3)
    expected = (1 * 0.15 + 3 * abs(2 / 3 - high.stated)) / 4
    assert metrics.calibration_error([low, high]) == pytest.approx(expected)


def test_nothing_stated_is_no_figure():
    assert metrics.brier([], []) is None
    assert metrics.reliability([], []) == []
    assert metrics.calibration_error([]) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_every_photo_falls_into_one_bin_whose_mean_lies_in_it(photos):
    bins = metrics.reliability([c for c, _ in photos], [g for _, g in photos])
    assert sum(b.count for b in bins) == len(photos)
    for b in bins:
        assert b.low - 1e-9 <= b.stated <= b.high + 1e-9
        assert 0 <= b.interval[0] <= b.observed + 1e-9 and b.observed - 1e-9 <= b.interval[1] <= 1


def test_the_interval_of_ten_out_of_ten_does_not_pretend_to_be_sure():
    low, high = metrics.wilson(10, 10)
    assert low == pytest.approx(0.7225, abs=1e-3) and high == 1.0
    low, high = metrics.wilson(5, 10)
    assert (low, high) == (pytest.approx(0.2366, abs=1e-3), pytest.approx(0.7634, abs=1e-3))


def test_growth_is_the_power_of_the_size():
    sizes = [1, 4, 12, 25]
    assert metrics.growth_exponent(sizes, [3 * s**1.0 for s in sizes]) == pytest.approx(1)
    assert metrics.growth_exponent(sizes, [0.2 * math.sqrt(s) for s in sizes]) == pytest.approx(0.5)
    assert metrics.growth_exponent([4, 4], [1, 2]) is None
    assert metrics.growth_exponent([1, 4], [0, 2]) is None
