"""A bench folder that is wrong is refused before a minute is spent on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import folder
from benchmarks.errors import BenchError


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Path]:
    """bench([(name, kind), …]) writes a folder of 40 × 30 px photos with a block in the middle."""

    def write(photos: list[tuple[str, str]]) -> Path:
        for name, _ in photos:
            picture, truth = np.full((30, 40, 3), 240, np.uint8), np.zeros((30, 40), np.uint8)
            picture[8:22, 10:30], truth[8:22, 10:30] = (40, 60, 160), 255
            cv2.imwrite(str(tmp_path / f"{name}.jpg"), picture)
            cv2.imwrite(str(tmp_path / f"{name}.gt.png"), truth)
        entries = [{"name": name, "kind": kind, "cut": "block"} for name, kind in photos]
        (tmp_path / "index.json").write_text(json.dumps(entries))
        return tmp_path

    return write


def test_a_folder_is_read_in_its_order(bench):
    cases = folder.read(bench([("b", "room"), ("a", "white")]))
    assert [(c.name, c.kind, c.cut) for c in cases] == [("b", "room", "block"), ("a", "white", "block")]
    truth = folder.true_matte(cases[0])
    assert truth.shape == (30, 40) and truth.dtype == np.float32
    assert truth.max() == 1 and truth.mean() == pytest.approx(14 * 20 / 1200)


def test_a_small_limit_still_sees_every_kind(bench):
    photos = [(f"w{n}", "white") for n in range(5)] + [("r0", "room"), ("t0", "texture")]
    cases = folder.read(bench(photos))
    assert [c.name for c in folder.chosen(cases, limit=4)] == ["w0", "t0", "r0", "w1"]
    assert [c.name for c in folder.chosen(cases, ("room",))] == ["r0"]
    with pytest.raises(BenchError, match="no photo of the kind paper"):
        folder.chosen(cases, ("paper",))


def test_a_folder_that_is_missing_or_has_no_index_is_named(tmp_path):
    with pytest.raises(BenchError, match="is no folder"):
        folder.read(tmp_path / "nowhere")
    with pytest.raises(BenchError, match=r"holds no index\.json"):
        folder.read(tmp_path)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("{", "can't be read"),
        ("[]", "must hold a list"),
        ('{"name": "a"}', "must hold a list"),
        ('[{"name": "a"}]', "without name and kind"),
        ('[{"name": "a", "kind": "beach"}]', "'beach'; known are white, grey"),
        ('[{"name": "../a", "kind": "white"}]', "no plain file name"),
        ('[{"name": "a", "kind": "white"}]', r"lacks a\.jpg"),
    ],
)
def test_a_wrong_index_is_refused_with_its_reason(tmp_path, index, said):
    (tmp_path / "index.json").write_text(index)
    with pytest.raises(BenchError, match=said):
        folder.read(tmp_path)


def test_a_missing_truth_is_named(bench):
    where = bench([("a", "white"), ("b", "white")])
    (where / "b.gt.png").unlink()
    with pytest.raises(BenchError, match=r"lacks b\.gt\.png"):
        folder.read(where)


def test_a_truth_of_another_size_is_refused_with_both_sizes(bench):
    where = bench([("a", "white")])
    cv2.imwrite(str(where / "a.gt.png"), np.full((30, 41), 255, np.uint8))
    with pytest.raises(BenchError, match=r"a\.jpg has 40 × 30 px, a\.gt\.png 41 × 30"):
        folder.read(where)


def test_a_photo_named_twice_would_count_twice(bench):
    with pytest.raises(BenchError, match="names a twice"):
        folder.read(bench([("a", "white"), ("a", "grey")]))


def test_a_truth_without_product_or_with_16_bits_is_refused(bench):
    where = bench([("a", "white")])
    case = folder.read(where)[0]
    cv2.imwrite(str(case.truth), np.zeros((30, 40), np.uint8))
    with pytest.raises(BenchError, match="holds no product"):
        folder.true_matte(case)
    cv2.imwrite(str(case.truth), np.full((30, 40), 65535, np.uint16))
    with pytest.raises(BenchError, match="no 8-bit picture"):
        folder.true_matte(case)


def test_a_truth_kept_as_a_cut_out_counts_by_its_alpha(bench):
    where = bench([("a", "white")])
    case = folder.read(where)[0]
    picture = np.zeros((30, 40, 4), np.uint8)
    picture[..., 3][:, :20] = 255
    cv2.imwrite(str(case.truth), picture)
    assert folder.true_matte(case).mean() == 0.5


def test_a_file_that_is_no_picture_is_named(bench):
    where = bench([("a", "white")])
    (where / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(BenchError, match=r"a\.jpg can't be opened"):
        folder.read(where)
