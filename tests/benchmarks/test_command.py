"""The door: figures as JSON lines on stdout and nothing else there, a report that stands by itself, errors in a sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from benchmarks import __main__ as command
from benchmarks import speed
from gpu_worker.engines import fake

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("white", "grey", "paper", "texture", "room")
AGREED = {
    *(f"cutout.{measure}.{kind}" for measure in ("iou", "mae", "edge_mae") for kind in KINDS),
    *("cutout.seconds_1024", "cutout.seconds_12mp", "cutout.peak_mib_12mp", "cutout.growth_exponent"),
    *("cutout.confidence_auroc", "cutout.accepted_bad_share", "cutout.accepted_share_plain"),
    "packshot.seconds_1024",
}
# Present only where photos fell on both sides, or where something was accepted.
DEPENDS = {"cutout.confidence_auroc", "cutout.accepted_bad_share"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photos, shared by the tests of this file."""
    return tmp_path_factory.mktemp("drawn")


@pytest.fixture
def bench(cache, tmp_path, capfd):
    """bench(…) runs the command on five tiny drawn photos with the fake engine: (exit code, lines, stderr, report)."""

    def run(*arguments: str) -> tuple[int, list[dict], str, Path]:
        report = tmp_path / "report"
        given = ["--engine=fake", "--limit=5", "--size=128", "--workers=1", f"--cache={cache}"]
        code = command.main(["cutout", *given, f"--report={report}", *arguments])
        out, err = capfd.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err, report

    return run


def test_every_line_is_a_figure_under_an_agreed_name(bench, monkeypatch):
    monkeypatch.setattr(speed, "NAMED_MP", 0.09)
    monkeypatch.setattr(speed, "SIZED_PHOTOS", speed.SIZED_PHOTOS[:1])
    code, lines, err, report = bench("--sizes-mp=0.01,0.09")
    assert code == 0
    assert all(
        {"name", "value", "unit"} <= line.keys() <= {"name", "value", "unit", "baseline", "ratio"}
        for line in lines
    )
    names = [line["name"] for line in lines]
    assert len(names) == len(set(names))
    assert set(names) <= AGREED
    assert set(names) >= AGREED - DEPENDS
    values = {line["name"]: line["value"] for line in lines}
    assert all(0 <= values[f"cutout.{m}.{k}"] <= 1 for m in ("iou", "mae", "edge_mae") for k in KINDS)
    assert values["cutout.peak_mib_12mp"] > 30 and values["packshot.seconds_1024"] > 0
    for line in lines:
        if "ratio" in line:
            assert line["ratio"] == pytest.approx(line["value"] / line["baseline"], rel=1e-3)
    assert f"report: {report / 'index.html'}" in err


def test_the_report_stands_by_itself(bench):
    _, _, _, report = bench("--quality-only")
    for page in ("index.html", "all.html"):
        text = (report / page).read_text(encoding="utf-8")
        assert "<script" not in text
        assert not re.findall(r"""(?:src|href)="(?:https?:)?//""", text) and "url(" not in text
        for target in re.findall(r'(?:src|href)="([^"#]+)"', text):
            assert (report / unquote(target)).is_file(), target
        images = re.findall(r"<img [^>]+>", text)
        assert len(images) == 3 * 5
        assert all(re.search(r'alt="[^"]{8,}"', image) for image in images)
        assert all("aria-label=" in drawing for drawing in re.findall(r"<svg [^>]+>", text))


def test_the_worst_photo_comes_first(bench):
    _, _, _, report = bench("--quality-only")
    shown = [
        float(v) for v in re.findall(r"IoU <b>([0-9.]+)</b>", (report / "index.html").read_text("utf-8"))
    ]
    assert len(shown) == 5 and shown == sorted(shown)
    numbers = json.loads((report / "report.json").read_text("utf-8"))
    assert min(r["score"]["iou"] for r in numbers["results"]) == pytest.approx(shown[0], abs=1e-3)


def test_only_the_kinds_asked_for_are_measured(bench):
    code, lines, _, _ = bench("--quality-only", "--only-kinds=white,grey")
    assert code == 0
    assert {line["name"].rpartition(".")[2] for line in lines if ".iou." in line["name"]} == {"white", "grey"}


def test_a_figure_that_cannot_be_told_is_left_out_with_its_reason(bench, monkeypatch):
    monkeypatch.setattr(fake.FakeEngine, "cutout", lambda self, rgb: fake.Matte((rgb[..., 0] * 0.0), 0.2))
    _, lines, err, _ = bench("--quality-only")
    assert not {line["name"] for line in lines} & {"cutout.confidence_auroc", "cutout.accepted_bad_share"}
    assert "cutout.confidence_auroc is left out" in err and "nothing was accepted" in err


def test_a_photo_that_breaks_the_engine_counts_as_wrong_and_the_rest_goes_on(bench, monkeypatch):
    right = fake.FakeEngine.cutout

    def sometimes(self, rgb):
        if int(rgb[0, 0].astype(int).sum()) > 600:
            raise ZeroDivisionError("no backdrop")
        return right(self, rgb)

    monkeypatch.setattr(fake.FakeEngine, "cutout", sometimes)
    code, lines, err, report = bench("--quality-only")
    assert code == 1
    assert "white_mug: ZeroDivisionError: no backdrop" in err
    assert next(line["value"] for line in lines if line["name"] == "cutout.iou.white") == 0
    assert "ZeroDivisionError: no backdrop" in (report / "index.html").read_text("utf-8")


def test_drawing_again_gives_the_same_photos(tmp_path, cache, bench):
    bench("--quality-only", "--only-kinds=white", "--limit=2")
    first = next(cache.glob("drawn-128px-*"))
    bench("--quality-only", "--only-kinds=white", "--limit=2", f"--cache={tmp_path / 'again'}")
    second = next((tmp_path / "again").glob("drawn-128px-*"))
    assert first.name == second.name
    for file in second.iterdir():
        if file.suffix != ".json":
            assert file.read_bytes() == (first / file.name).read_bytes(), file.name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["beauty"],
            "There is no part 'beauty' to measure; there are: cutout, intake, batch, pages, catalog, burst, shopify, embedded.",
        ),
        (["cutout", "--data", "nowhere"], "nowhere is no folder."),
        (["cutout", "--engine", "magic", "--limit", "1"], "There is no engine named 'magic'"),
        (["sheets", "nowhere", "--out", "sheet.jpg"], "nowhere is no folder."),
        (["sheets", ".", "--out", "sheet.pdf"], "must end with .jpg or .png"),
    ],
)
def test_what_cannot_run_says_why_in_one_line(arguments, said, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert command.main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert said in err and len(err.strip().splitlines()) == 1


def test_the_door_itself_ends_with_its_exit_code(tmp_path):
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "cutout", "--data", str(tmp_path / "empty")],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert "holds no index.json" in done.stderr
