"""Drawn photos: their alpha is exact, they repeat, and they differ."""

import numpy as np
import pytest

from gpu_worker import samples


def test_there_are_a_dozen_and_at_least_two_are_not_studio_shots():
    kinds = [samples.PRODUCTS[name]().backdrop for name in samples.NAMES]
    assert len(kinds) >= 12
    assert sum(kind not in samples.backdrops.PLAIN for kind in kinds) >= 2


def test_a_sample_is_the_same_each_time_and_another_seed_is_another_photo():
    one, two = samples.draw("vase", 160), samples.draw("vase", 160)
    other = samples.draw("vase", 160, seed=1)
    assert np.array_equal(one.rgb, two.rgb) and np.array_equal(one.alpha, two.alpha)
    assert not np.array_equal(one.rgb, other.rgb)
    assert np.array_equal(one.alpha, other.alpha)


@pytest.mark.parametrize("name", samples.NAMES)
def test_each_product_stands_free_in_its_photo(sample, name):
    alpha = sample(name).alpha
    rim = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert rim.max() == 0
    assert 0.1 < alpha.mean() < 0.6


def test_the_outline_is_covered_in_sixteenths(sample):
    alpha = sample("ornament").alpha
    assert set(np.unique(alpha * 16)) <= set(range(17))
    assert ((alpha > 0) & (alpha < 1)).any()


def test_alpha_agrees_with_the_analytic_cover_of_a_ball():
    """A bauble's ball seen by the camera is a disc; its drawn area must match within a thousandth."""
    from gpu_worker.samples import sdf, trace

    camera = trace.Camera(aim=0.0, distance=12, elevation=0, azimuth=0)
    hits = trace.shoot(lambda p: sdf.sphere(p, 1.0), camera, 300, 1.5)
    radius_px = np.tan(np.arcsin(1 / 12)) / np.tan(np.radians(10)) * 150
    assert hits.alpha.sum() == pytest.approx(np.pi * radius_px**2, rel=1e-3)


def test_a_studio_photo_has_a_shadow_at_its_foot_and_light_elsewhere(sample):
    photo = sample("mug")
    grey = photo.rgb.mean(axis=2)
    rows, columns = np.nonzero(photo.alpha > 0.5)
    under = grey[rows.max() + 3 : rows.max() + 8, int(columns.mean()) - 20 : int(columns.mean()) + 20]
    assert under.mean() < 235
    assert grey[:10].mean() > 248
