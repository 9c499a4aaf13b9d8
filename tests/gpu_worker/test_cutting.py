"""`python -m gpu_worker cutout`: one photo or a folder of them, as an operator types it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gpu_worker
from gpu_worker import cutting
from gpu_worker.__main__ import main
from gpu_worker.engines.base import NO_HINTS, Click, Hints, Matte
from gpu_worker.files import Wrong
from gpu_worker.pool import Failed

HOUSE = Path(gpu_worker.__file__).parents[1]


@pytest.fixture
def folder(tmp_path, block):
    """Three photos, a text that calls itself one, and things that are none."""
    source = tmp_path / "in"
    source.mkdir()
    for name in ("a", "b", "c"):
        Image.fromarray(block()).save(source / f"{name}.png")
    (source / "broken.jpg").write_text("no picture")
    (source / "notes.txt").write_text("buy more lamps")
    (source / "design.psd").write_bytes(b"8BPS\0\1" + b"\0" * 60)
    (source / ".DS_Store").write_bytes(b"\0")
    (source / "older").mkdir()
    return source


def group_is_gone(number: int) -> bool:
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return True
    return False


def wait_until(true, seconds: float = 5.0) -> bool:
    ends = time.monotonic() + seconds
    while not true() and time.monotonic() < ends:
        time.sleep(0.02)
    return true()


class Listening:
    """An engine that remembers what it was told."""

    name = "listening"
    versions = {"cutout": "1"}

    def __init__(self) -> None:
        self.heard: Hints | None = None

    def load(self) -> None:
        """Nothing to load."""

    def cutout(self, rgb, hints=NO_HINTS):
        self.heard = hints
        return Matte(np.full(rgb.shape[:2], np.nan, np.float32), 0.5)


@pytest.fixture
def engine(monkeypatch):
    listening = Listening()
    monkeypatch.setattr("gpu_worker.runner.loaded", lambda name: listening)
    return listening


@pytest.fixture
def photo(tmp_path, block):
    path = tmp_path / "lamp.png"
    Image.fromarray(block()).save(path)
    return path


def test_a_folder_comes_back_whole_with_the_bad_file_named(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["cutout", str(folder), str(out), "--json"]) == 1
    told = capsys.readouterr()
    lines = {Path(line["file"]).name: line for line in map(json.loads, told.out.splitlines())}
    assert set(lines) == {"a.png", "b.png", "c.png", "broken.jpg"}
    assert "not a picture" in lines["broken.jpg"]["error"]
    assert set(lines["a.png"]) == {"file", "confidence", "seconds", "engine"}
    assert sorted(p.name for p in out.iterdir()) == ["a.png", "b.png", "c.png"]
    assert "skipped: notes.txt" in told.err and "skipped: older" in told.err
    assert "Photoshop" in told.err and "DS_Store" not in told.err


def test_a_folder_without_json_ends_with_a_line_for_people(folder, tmp_path, capsys):
    assert main(["cutout", str(folder), str(tmp_path / "out"), "--workers", "1"]) == 1
    told = capsys.readouterr()
    assert "3 of 4 cut out" in told.out
    assert "error: broken.jpg:" in told.err


def test_earlier_results_are_replaced(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.png").write_text("an older result")
    (folder / "broken.jpg").unlink()
    assert main(["cutout", str(folder), str(out), "--json"]) == 0
    assert Image.open(out / "a.png").mode == "RGBA"


def test_photos_that_differ_only_in_their_ending_do_not_overwrite_each_other():
    folder = Path("out")
    photos = [Path("in/mug.jpg"), Path("in/Mug.png"), Path("in/cap.jpg")]
    assert [p.name for p in cutting.targets_of(photos, folder).values()] == [
        "mug.jpg.png",
        "Mug.png.png",
        "cap.png",
    ]


def test_a_crash_of_one_worker_is_reported_as_that_photos_error(folder, tmp_path, monkeypatch):
    class Crashing:
        def run(self, work, tasks):
            for task in tasks:
                yield (
                    task,
                    Failed("Its process crashed.") if task.arguments[0].name == "b.png" else {"seconds": 1},
                )

    monkeypatch.setattr(cutting, "_pool", lambda photos, workers: Crashing())
    results = {photo.name: shown for photo, shown in cutting.cutouts(folder, tmp_path / "out")}
    assert results["b.png"]["error"] == "Its process crashed."
    assert results["c.png"] == {"file": str(folder / "c.png"), "seconds": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{photo}", "{tmp}"], "is a folder"),
        (["{photo}", "{tmp}/o.jpg"], "PNG"),
        (["{photo}", "{photo}"], "the photo itself"),
        (["{folder}", "{photo}"], "is a file"),
        (["{folder}", "{folder}"], "another folder"),
        (["{folder}", "{tmp}/o", "--click", "0.5,0.5"], "one photo"),
        (["{folder}", "{tmp}/o", "--workers", "0"], "--workers"),
        (["{photo}", "{tmp}/o.png", "--box", "1,2,3"], "--box"),
        (["{photo}", "{tmp}/o.png", "--box", "900,0,950,50"], "outside"),
        (["{photo}", "{tmp}/o.png", "--trimap", "{tmp}/none.png"], "No such file"),
    ],
)
def test_what_can_not_be_done_is_one_clear_line(arguments, said, photo, folder, tmp_path, capsys):
    filled = [a.format(photo=photo, folder=folder, tmp=tmp_path) for a in arguments]
    before = photo.read_bytes()
    assert main(["cutout", *filled]) == 2
    told = capsys.readouterr().err
    assert said in told and told.startswith("error: ") and told.count("\n") == 1
    assert photo.read_bytes() == before


def test_a_nonsense_number_of_threads_is_one_clear_line(photo, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORKER_THREADS", "lots")
    assert main(["cutout", str(photo), str(tmp_path / "o.png")]) == 2
    assert (
        capsys.readouterr().err == "error: WORKER_THREADS must be a whole number of at least 1, not 'lots'.\n"
    )


def test_a_photo_that_memory_does_not_suffice_for_is_one_clear_line(
    photo, tmp_path, capsys, engine, monkeypatch
):
    def hungry(rgb, hints):
        raise MemoryError

    monkeypatch.setattr(engine, "cutout", hungry)
    assert main(["cutout", str(photo), str(tmp_path / "o.png")]) == 2
    told = capsys.readouterr().err
    assert "not enough memory" in told and told.count("\n") == 1
    assert not (tmp_path / "o.png").exists()


def test_hints_reach_the_engine_as_shares_of_the_photo(photo, tmp_path, engine):
    arguments = ["--box", "24,20,216,180", "--click", "0.5,0.5", "--click", "0.2,0.9,-", "--fill-holes"]
    assert main(["cutout", str(photo), str(tmp_path / "o.png"), *arguments]) == 0
    assert engine.heard.box == pytest.approx((0.1, 0.1, 0.9, 0.9))
    assert engine.heard.clicks == (Click(0.5, 0.5), Click(0.2, 0.9, product=False))
    assert engine.heard.keep_holes is False


def test_an_engines_matte_without_numbers_becomes_nothing_rather_than_noise(photo, tmp_path, engine):
    assert main(["cutout", str(photo), str(tmp_path / "o.png")]) == 0
    assert Image.open(tmp_path / "o.png").getextrema()[3] == (0, 0)


def test_a_photo_that_came_cut_out_keeps_its_alpha_and_says_that_hints_were_not_needed(
    tmp_path, engine, capsys
):
    levels = np.zeros((60, 60, 4), np.uint8)
    levels[20:40, 20:40] = (200, 30, 30, 255)
    Image.fromarray(levels).save(tmp_path / "cut.png")
    assert (
        main(["cutout", str(tmp_path / "cut.png"), str(tmp_path / "o.png"), "--box", "0,0,1,0.5", "--json"])
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert engine.heard is None and told["confidence"] == 1.0
    assert "hints were not needed" in told["notes"][0]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "o.png"))[..., 3], levels[..., 3])


def test_a_moving_picture_is_said_to_be_used_for_its_first_frame(tmp_path, block, engine, capsys):
    first, second = Image.fromarray(block()), Image.new("RGB", (240, 200))
    first.save(tmp_path / "spin.webp", save_all=True, append_images=[second], lossless=True)
    assert main(["cutout", str(tmp_path / "spin.webp"), str(tmp_path / "o.png")]) == 0
    assert "2 pictures; the first was used" in capsys.readouterr().err


def test_a_result_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    from gpu_worker import files

    target = tmp_path / "o.png"
    files.write(target, b"old")

    def full(self, data):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Wrong, match="No space left"):
        files.write(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_folder_at_once_and_leaves_neither_processes_nor_halves(tmp_path, block, number):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    picture = Image.fromarray(block(900, 800))
    for n in range(40):
        picture.save(source / f"{n:03}.jpg")
    command = [sys.executable, "-m", "gpu_worker", "cutout", str(source), str(out), "--json"]
    running = subprocess.Popen(
        command, cwd=HOUSE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert json.loads(running.stdout.readline())["file"]
        started = time.monotonic()
        # A terminal sends Ctrl-C to the whole group, a supervisor SIGTERM to the parent alone.
        (os.killpg if number == signal.SIGINT else os.kill)(running.pid, number)
        _, told = running.communicate(timeout=20)
        assert time.monotonic() - started < 15
        assert running.returncode == 130
        assert told == ""
        # Python's own tracker of shared memory notices a moment later that nobody is left.
        assert wait_until(lambda: group_is_gone(running.pid))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    assert len(list(out.iterdir())) < 40
    for path in out.iterdir():
        assert path.suffix == ".png"
        Image.open(path).load()
