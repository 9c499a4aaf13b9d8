"""Drawn training products: their edges are exact, they fill their frame, they repeat and they differ."""

import cv2
import numpy as np
import pytest

from gpu_worker.training import products
from gpu_worker.training import products_material as m
from gpu_worker.training import products_mesh as g
from gpu_worker.training import products_raster as raster
from gpu_worker.training.products_light import studio
from gpu_worker.training.products_render import render
from gpu_worker.training.products_shading import Part

MARGIN = 2


def drawn(family, size_px, seed=4):
    return products.product(np.random.default_rng(seed), size_px, family)


def inside(cut):
    return cut[MARGIN:-MARGIN, MARGIN:-MARGIN, 3] / 255.0


def test_there_are_more_than_two_score_families():
    assert len(products.NAMES) >= 40


@pytest.mark.parametrize("family", products.NAMES)
def test_every_family_fills_its_frame_at_any_size_and_seed(family):
    for seed, size_px in ((0, 64), (1, 131), (2, 288)):
        cut = drawn(family, size_px, seed)
        assert cut.dtype == np.uint8 and cut.shape[2] == 4 and max(cut.shape[:2]) == size_px
        rim = np.concatenate([cut[:MARGIN].ravel(), cut[-MARGIN:].ravel(), cut[:, :MARGIN].ravel()])
        assert not rim.any() and not cut[:, -MARGIN:].any()
        cover = cut[..., 3] > 0
        y, x = np.nonzero(cover)
        assert (y.min(), x.min()) <= (MARGIN + 1, MARGIN + 1)
        assert y.max() >= cut.shape[0] - MARGIN - 2 and x.max() >= cut.shape[1] - MARGIN - 2
        assert cover.mean() > 0.01


@pytest.mark.parametrize("family", ["mug", "glassware", "shoe", "composition"])
def test_the_same_seed_draws_the_same_product_and_another_seed_another(family):
    assert np.array_equal(drawn(family, 96, 7), drawn(family, 96, 7))
    one, two = drawn(family, 96, 7), drawn(family, 96, 8)
    assert one.shape != two.shape or not np.array_equal(one, two)


@pytest.mark.parametrize(
    "family", ["mug", "chair", "wheels", "wrench", "bag", "cable", "shirt", "racket", "plush"]
)
def test_edges_agree_with_the_same_product_drawn_four_times_as_large(family):
    small, large = inside(drawn(family, 100)), inside(drawn(family, 4 * 96 + 2 * MARGIN))
    h, w = small.shape
    wide = np.zeros((4 * h, 4 * w))
    # A side that is no whole number of pixels is rounded up, so the frames may differ in the last rows.
    wide[: large.shape[0], : large.shape[1]] = large[: 4 * h, : 4 * w]
    mean = cv2.resize(wide, (w, h), interpolation=cv2.INTER_AREA)
    assert np.abs(small - mean).max() <= 0.25
    band = (mean > 0) & (mean < 1)
    assert band.sum() > 50
    # Sixteen samples a pixel tell an edge's cover to about a twenty-fifth; what they must not be is biased.
    assert np.abs(small - mean)[band].mean() < 0.045
    assert abs((small - mean)[band].mean()) < 0.012
    assert abs(small.sum() - mean.sum()) < 0.002 * mean.sum()


def test_a_triangle_covers_its_area_and_a_hairline_is_not_lost():
    xy = g.vec([(3.3, 2.1), (40.7, 8.9), (12.2, 44.4), (5.0, 46.0), (45.0, 46.0), (45.0, 46.3)])
    faces = np.array([[0, 1, 2], [3, 4, 5]])
    (ax, ay), (bx, by), (cx, cy) = xy[:3].tolist()
    area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2
    assert raster.cover(xy, faces[:1], 50, 50).sum() == pytest.approx(area, rel=2e-3)
    assert 0 < raster.cover(xy, faces[1:], 50, 50).max() < 0.5


def test_the_nearer_of_two_surfaces_is_seen_where_they_cross():
    xy = g.vec([(0, 0), (20, 0), (0, 20), (20, 0), (0, 0), (20, 20)])
    depth = g.vec([1, 0, 1, 1, 0, 1])
    shown = raster.nearest(xy, depth, np.array([[0, 1, 2], [3, 4, 5]]), 20, 20)
    assert shown[2, 4] == 0 and shown[2, 15] == 1
    assert shown[19, 19] == 1 and shown[12, 2] == 0


def test_what_lies_behind_shows_through_a_handle_and_between_spokes():
    for family, least in (("mug", 0.004), ("wheels", 0.2), ("spectacles", 0.001)):
        found = 0
        for seed in range(8):
            empty = (drawn(family, 160, seed)[..., 3] == 0).astype(np.uint8)
            _, labels, stats, _ = cv2.connectedComponentsWithStats(empty, connectivity=4)
            outside = labels[0, 0]
            found += sum(s[cv2.CC_STAT_AREA] for k, s in enumerate(stats) if k not in (0, outside))
        assert found > least * 8 * 160 * 100, family


def test_glass_is_half_clear_within_and_solid_things_are_not():
    cuts = [drawn("glassware", 128, seed)[..., 3] for seed in range(12)]
    core = np.concatenate([cut[cv2.erode((cut > 0).astype(np.uint8), np.ones((7, 7))) > 0] for cut in cuts])
    assert 0.3 < ((core > 50) & (core < 230)).mean() <= 1
    assert core.min() > 25
    ball = drawn("ball", 128)[..., 3]
    assert (ball[cv2.erode((ball > 0).astype(np.uint8), np.ones((5, 5))) > 0] == 255).all()


def test_turning_a_product_never_shows_through_its_skin():
    """Culling what faces away must not open holes: a box and a tube seen from everywhere stay solid."""
    parts = [
        Part(g.box(1, 1, 1, 0.1), m.plastic(m.BLACK)),
        Part(g.tube([(0, 0, 0), (0, 1.4, 0)], 0.2), m.plastic(m.BLACK)),
    ]
    rng = np.random.default_rng(0)
    for azimuth in range(0, 360, 45):
        for elevation in (-80, -20, 0, 20, 80):
            view = raster.View(azimuth, elevation, 0, 3.2)
            cut = render(parts, view, studio(rng), 96)[..., 3]
            solid = cv2.morphologyEx((cut > 127).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
            hull = np.zeros_like(solid)
            contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(hull, contours, -1, 1, -1)
            assert (cut[hull > 0] > 0).all(), (azimuth, elevation)


def test_colour_runs_on_under_the_soft_edge():
    """A white thing must not have a dark rim: straight alpha keeps its colour where it is half covered."""
    parts = [Part(g.ball(1.0), m.Material(m.plain(g.vec((0.9, 0.9, 0.9))), 1.0, 0.0))]
    cut = render(parts, raster.View(0, 10), studio(np.random.default_rng(3)), 120)
    alpha, grey = cut[..., 3], cut[..., :3].mean(axis=2)
    edge, near = (alpha > 10) & (alpha < 200), cv2.erode((alpha == 255).astype(np.uint8), np.ones((3, 3))) > 0
    rim = near & (cv2.erode(near.astype(np.uint8), np.ones((5, 5))) == 0)
    assert np.median(grey[edge]) > 0.9 * np.median(grey[rim])


def test_a_hundred_products_are_not_alike():
    cuts = [products.product(np.random.default_rng((1, k)), 64) for k in range(100)]
    masks = np.stack([cv2.resize(cut[..., 3], (32, 32), interpolation=cv2.INTER_AREA) > 127 for cut in cuts])
    flat = masks.reshape(100, -1).astype(float)
    both = flat @ flat.T
    either = flat.sum(1)[:, None] + flat.sum(1)[None] - both
    iou = (both / np.maximum(either, 1))[np.triu_indices(100, 1)]
    assert iou.mean() < 0.6 and (iou > 0.97).mean() < 0.01
    tones = np.array([cut[..., :3][cut[..., 3] > 200].mean(axis=0) for cut in cuts])
    light = tones.mean(axis=1)
    assert (light < 60).sum() >= 5 and (light > 200).sum() >= 5
    assert (np.ptp(tones, axis=1) > 60).sum() >= 15


def test_the_sheet_can_be_written_and_looked_at(tmp_path):
    products.main([str(tmp_path / "sheet.png"), "--count", "3", "--seed", "5", "--family", "ring"])
    page = cv2.imread(str(tmp_path / "sheet.png"))
    assert page.shape == (576, 576, 3)
    assert page[:288, :288].std() > 5


@pytest.mark.parametrize("family", ["composition", "car", "lamp", "chair"])
def test_a_product_hangs_together(family):
    """One thing, not several side by side: nearly all of what is drawn is one piece."""
    for seed in range(10):
        solid = (drawn(family, 128, seed)[..., 3] > 0).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=8)
        assert stats[1:, cv2.CC_STAT_AREA].max() > 0.98 * solid.sum(), seed
