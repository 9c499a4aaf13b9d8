"""What a person looks at: the report's pictures and plots, and contact sheets."""

from __future__ import annotations

import re
import xml.etree.ElementTree as xml
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks import metrics, sheets
from benchmarks.report import charts, pictures


def test_the_error_map_tells_backdrop_that_stayed_from_product_that_is_gone():
    rgb, truth = np.full((4, 6, 3), 90, np.uint8), np.zeros((4, 6), np.float32)
    truth[:, :3] = 1
    found = truth.copy()
    found[0, 0], found[3, 5] = 0, 1
    shown = pictures.error_map(rgb, found, truth)
    assert tuple(shown[0, 0]) == pictures.LOST
    assert tuple(shown[3, 5]) == pictures.KEPT
    assert np.ptp(shown[1, 1].astype(int)) == 0, "what is right stays grey"


def test_the_cut_out_keeps_the_product_and_shows_checks_elsewhere():
    rgb, alpha = np.full((40, 40, 3), (200, 30, 40), np.uint8), np.zeros((40, 40), np.float32)
    alpha[:, :20] = 1
    shown = pictures.on_checks(rgb, alpha)
    assert (shown[:, :20] == (200, 30, 40)).all()
    assert set(np.unique(shown[:, 20:])) == {205, 245}


def test_three_small_pictures_are_written_per_photo(tmp_path):
    rgb, alpha = np.zeros((900, 600, 3), np.uint8), np.ones((900, 600), np.float32)
    pictures.save(tmp_path, "mug", rgb, alpha, alpha)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["mug.cutout.jpg", "mug.error.jpg", "mug.photo.jpg"]
    assert Image.open(tmp_path / "mug.photo.jpg").size == (280, 420)


@pytest.mark.parametrize(
    "drawing",
    [
        charts.distribution({"white": [("<a>", 1.0), ("b", 0.0)], "room": [("c", 0.91)]}, 0.9),
        charts.reliability(metrics.reliability([0.0, 0.95, 1.0], [False, True, True])),
        charts.trust([("a", 1.0, 1.0), ("b", 0.95, 0.3)], 0.9, 0.9),
        charts.growth([(1.0, 0.3), (25.0, 4.0)], "seconds", True),
        charts.growth([(12.0, 500.0)], "MiB", False),
        charts.bars({"load": 0.0, "cutout": 0.6}, "s"),
    ],
)
def test_a_plot_is_whole_stays_inside_its_frame_and_can_be_read_aloud(drawing):
    root = xml.fromstring(drawing)
    _, _, width, height = (float(v) for v in root.attrib["viewBox"].split())
    assert len(root.attrib["aria-label"]) > 20 and root.attrib["role"] == "img"
    assert not re.search(r"\b(nan|inf)\b", drawing)
    for circle in root.iter("circle"):
        assert 0 <= float(circle.attrib["cx"]) <= width and 0 <= float(circle.attrib["cy"]) <= height
    for line in root.iter("line"):
        assert all(-1 <= float(line.attrib[a]) <= max(width, height) + 1 for a in ("x1", "x2", "y1", "y2"))


def test_whoever_was_accepted_and_is_wrong_stands_out():
    drawing = charts.trust([("fine", 0.95, 0.99), ("modest", 0.5, 0.3), ("wrong", 0.95, 0.3)], 0.9, 0.9)
    bad = [c for c in xml.fromstring(drawing).iter("circle") if "bad" in c.attrib["class"]]
    assert [(c.find("title").text or "").partition(":")[0] for c in bad] == ["wrong"]
    assert "1 accepted ones are under IoU 0.9" in drawing


def test_a_folder_of_photos_becomes_numbered_sheets_and_a_bad_file_says_why(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sheets, "ROWS", 1)
    photos = tmp_path / "shoes"
    photos.mkdir()
    for number in range(2):
        picture = np.full((60, 80, 3), 240, np.uint8)
        cv2.rectangle(picture, (20, 15), (60 - number, 45), (30, 60, 160), -1)
        cv2.imwrite(str(photos / f"{number}.jpg"), picture)
    (photos / "broken.jpg").write_bytes(b"no picture")
    assert sheets.run([photos], tmp_path / "out" / "sheet.png", workers=1, engine="fake") == 0
    first, second = sorted((tmp_path / "out").iterdir())
    assert (first.name, second.name) == ("sheet-1.png", "sheet-2.png")
    page = np.asarray(Image.open(first))
    assert page.shape[1] == 1600
    assert "shoes: 2 of 3 accepted unseen, 1 failed" in capfd.readouterr().err
    red = (np.asarray(Image.open(second)) == sheets.RED).all(axis=2).sum()
    assert red > 1000 > (page == sheets.RED).all(axis=2).sum()


def test_one_page_keeps_the_name_that_was_asked_for(tmp_path: Path):
    photo = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50, 3), np.uint8)).save(photo)
    sheets.run([tmp_path], tmp_path / "out" / "one.jpg", workers=1, engine="fake")
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["one.jpg"]
