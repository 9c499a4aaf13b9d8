"""Time and memory are those of the work, not of whoever asked for it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks import probe
from benchmarks.errors import BenchError


@pytest.fixture
def photo(tmp_path):
    picture = np.full((60, 80, 3), 240, np.uint8)
    picture[15:45, 20:60] = (30, 60, 160)
    Image.fromarray(picture).save(tmp_path / "block.jpg")
    return tmp_path / "block.jpg"


def test_memory_of_the_one_who_asks_is_not_counted():
    """getrusage would count it: a child shares its parent's memory until it executes."""
    ballast = np.ones(30 * 2**20, np.float64)  # 240 MiB
    said = subprocess.run(
        [sys.executable, "-c", "from benchmarks.probe import peak_mib; print(peak_mib())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ballast.nbytes > 200 * 2**20
    assert 5 < float(said.stdout) < 150


def test_memory_that_was_needed_is_counted(photo):
    answer = probe.ask("cutout", [photo, photo], engine="fake", rounds=2, reference_every=2)
    assert 20 < answer.import_mib <= answer.peak_mib < 400
    assert len(answer.runs) == 2
    assert all(0 < run.seconds < 20 for run in answer.runs)
    assert [run.reference_seconds is not None for run in answer.runs] == [True, False]


def test_a_packshot_tells_where_its_time_went(photo):
    answer = probe.ask(
        "packshot", [photo], engine="fake", recipe={"engine": "fake", "framing": {"canvas_px": [64, 64]}}
    )
    run = answer.runs[0]
    assert {"load", "cutout", "compose", "encode"} <= run.stages.keys()
    assert 0 < sum(run.stages.values()) <= run.seconds * 1.05


def test_what_broke_in_the_other_process_is_told(photo):
    with pytest.raises(BenchError, match="There is no engine named 'magic'"):
        probe.ask("cutout", [photo], engine="magic")


def test_a_measurement_that_hangs_is_given_up(photo, monkeypatch):
    monkeypatch.setattr(probe, "TIMEOUT_S", 0.01)
    with pytest.raises(BenchError, match=r"was given up after 0\.01 s"):
        probe.ask("cutout", [photo], engine="fake")
