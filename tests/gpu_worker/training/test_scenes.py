"""Drawn training backdrops, and the shadows and reflections that products leave on them."""

import cv2
import numpy as np
import pytest

from gpu_worker.training import scenes, scenes_texture


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def placed():
    """A red block in a frame, its foot at row 149."""
    frame = np.zeros((200, 160, 4), np.uint8)
    frame[70:150, 50:110] = (200, 30, 30, 255)
    return frame


@pytest.mark.parametrize("kind", scenes.KINDS)
def test_a_backdrop_is_the_same_for_a_seed_and_fits_any_size(kind):
    for size_px in (64, 160, 321):
        one, two = scenes.scene(rng(3), size_px, kind), scenes.scene(rng(3), size_px, kind)
        assert one.shape == (size_px, size_px, 3) and one.dtype == np.uint8
        assert np.array_equal(one, two)


@pytest.mark.parametrize("kind", scenes.KINDS)
def test_backdrops_of_a_kind_differ(kind):
    small = np.stack([cv2.resize(scenes.scene(rng(k), 96, kind), (8, 8)).astype(float) for k in range(24)])
    apart = np.abs(small[:, None] - small[None]).mean(axis=(2, 3, 4))[np.triu_indices(24, 1)]
    assert apart.mean() > (2 if kind == "white" else 15)


def test_without_a_kind_every_kind_comes_up_and_an_unknown_one_is_refused():
    light = [scenes.scene(rng(k), 48).mean() for k in range(40)]
    assert np.ptp(light) > 100
    with pytest.raises(KeyError):
        scenes.scene(rng(), 48, "beach")


def test_white_is_light_grey_has_no_colour_and_paper_has():
    for k in range(20):
        assert scenes.scene(rng(k), 64, "white").min() > 190
        middle = scenes.scene(rng(k), 64, "grey").reshape(-1, 3).mean(axis=0)
        assert np.ptp(middle) < 30
    vivid = [np.ptp(scenes.scene(rng(k), 64, "paper").reshape(-1, 3).mean(axis=0)) for k in range(20)]
    assert np.median(vivid) > 20


def test_plain_backdrops_are_smooth_and_rooms_are_full_of_edges():
    def edges(kind):
        return np.median(
            [cv2.Laplacian(scenes.scene(rng(k), 128, kind), cv2.CV_32F).std() for k in range(12)]
        )

    assert edges("white") < 2 and edges("grey") < 2
    assert edges("texture") > 4 and edges("room") > 4


@pytest.mark.parametrize("name", scenes_texture.PATTERNS)
def test_every_surface_shows_a_pattern_without_a_seam(name):
    tile = scenes_texture.tile(rng(1), name).astype(float)
    assert tile.std() > 1.5
    across = np.abs(np.diff(tile, axis=1)).mean(axis=(0, 2))
    seam = np.abs(tile[:, 0] - tile[:, -1]).mean()
    assert seam < max(across.max() * 1.5, 12)


def test_a_shadow_takes_light_at_the_foot_and_little_far_away(placed):
    taken = np.mean([scenes.shadow(rng(k), placed[..., 3]) for k in range(60)], axis=0)
    assert taken.shape == (200, 160, 3)
    assert taken[150:156, 60:100].mean() > 0.12
    assert taken[:30].mean() < 0.03 and taken[150:156, 60:100].mean() > 4 * taken[190:].mean()


def test_shadows_stay_between_none_and_all_and_some_are_coloured(placed):
    each = [scenes.shadow(rng(k), placed[..., 3] / np.float32(255)) for k in range(60)]
    assert min(s.min() for s in each) >= 0 and max(s.max() for s in each) <= 1
    assert all(s.dtype == np.float32 for s in each)
    depth = np.array([s.max(axis=(0, 1)) for s in each])
    assert np.median(depth.max(axis=1)) > 0.25
    assert (depth.min(axis=1) / depth.max(axis=1) < 0.85).sum() >= 2


def test_shadows_fall_to_either_side(placed):
    sides = [
        float(s[:, :50].sum() - s[:, 110:].sum())
        for s in (scenes.shadow(rng(k), placed[..., 3]) for k in range(60))
    ]
    assert min(sides) < -20 and max(sides) > 20


def test_nothing_in_the_frame_leaves_no_shadow_and_no_reflection():
    empty = np.zeros((60, 80, 4), np.uint8)
    for k in range(10):
        assert scenes.shadow(rng(k), empty[..., 3]).max() == 0
        assert scenes.reflection(rng(k), empty)[..., 3].max() == 0


def test_a_reflection_lies_under_the_foot_in_the_products_colours_and_fades(placed):
    for k in range(20):
        mirrored = scenes.reflection(rng(k), placed)
        assert mirrored.shape == placed.shape
        assert mirrored[:150, :, 3].max() == 0
        first, last = mirrored[151:156, 60:100, 3].mean(), mirrored[195:, 60:100, 3].mean()
        assert 5 < first < 160 and last < first
        seen = mirrored[152:160, 70:90].reshape(-1, 4)
        assert np.abs(seen[seen[:, 3] > 8][:, :3].astype(int).mean(axis=0) - (200, 30, 30)).max() < 12
