"""The bench's own photos: every product whole, on the backdrop its kind promises, with a matte that fits it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import drawn, folder
from benchmarks.subject import photo_of

SIZE_PX = 128


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """One product before every kind: {name: (kind, rgb, alpha)}."""
    where = drawn.folder(tmp_path_factory.mktemp("drawn"), limit=5, size_px=SIZE_PX, workers=1)
    return {
        case.name: (case.kind, photo_of(case.photo.read_bytes()), folder.true_matte(case))
        for case in folder.read(where)
    }


def test_each_product_comes_before_every_kind_of_backdrop(photos):
    assert [kind for kind, _, _ in photos.values()] == list(folder.KINDS)


def test_no_product_is_cut_off(photos):
    for name, (_, rgb, alpha) in photos.items():
        assert rgb.shape == (SIZE_PX, SIZE_PX, 3) and alpha.shape == (SIZE_PX, SIZE_PX)
        rim = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
        assert rim.max() == 0, name
        assert 0.05 < (alpha > 0.5).mean() < 0.7, name


def test_white_is_bright_and_colourless_and_a_room_is_neither(photos):
    def backdrop(kind: str) -> np.ndarray:
        return np.concatenate([rgb[alpha == 0] for of, rgb, alpha in photos.values() if of == kind]).astype(
            float
        )

    white, paper, room = backdrop("white"), backdrop("paper"), backdrop("room")
    assert np.median(white.min(axis=1)) > 225
    assert np.median(np.ptp(paper, axis=1)) > 25 > np.median(np.ptp(white, axis=1))
    assert room.std() > 2 * white.std()


def test_the_matte_follows_the_product_to_the_pixel(photos):
    """Moved by three pixels in any direction, its outline must meet weaker steps of brightness."""
    plain = [(rgb.mean(axis=2), alpha > 0.5) for kind, rgb, alpha in photos.values() if kind in folder.PLAIN]

    def steps(grey: np.ndarray, mask: np.ndarray) -> float:
        return float(np.abs(np.diff(grey, axis=1))[mask[:, 1:] != mask[:, :-1]].mean())

    right = sum(steps(grey, mask) for grey, mask in plain)
    for axis in (0, 1):
        for shift in (-3, 3):
            assert right > 1.2 * sum(steps(grey, np.roll(mask, shift, axis)) for grey, mask in plain)


def test_a_large_photo_has_grain_at_its_own_size(tmp_path):
    file = drawn.enlarged(tmp_path, "mug", "white", (400, 300), drawn_px=SIZE_PX)
    rgb = photo_of(file.read_bytes()).astype(float)
    assert rgb.shape == (300, 400, 3)
    corner = rgb[:40, :40].mean(axis=2)
    assert np.abs(np.diff(corner, axis=1)).mean() > 0.4
    written = file.stat().st_mtime_ns
    assert drawn.enlarged(tmp_path, "mug", "white", (400, 300), drawn_px=SIZE_PX) == file
    assert file.stat().st_mtime_ns == written, "it was drawn a second time"
