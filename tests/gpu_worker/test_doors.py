"""The command line, as an operator types it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gpu_worker
from gpu_worker.__main__ import main

HOUSE = Path(gpu_worker.__file__).parents[1]


@pytest.fixture
def photo(tmp_path, block):
    path = tmp_path / "lamp.png"
    Image.fromarray(block()).save(path)
    return path


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"pipeline": "background", "framing": {"canvas_px": [200, 200]}}))
    return path


def test_the_module_runs_as_a_program_and_errors_are_one_line_without_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gpu_worker", "cutout", str(tmp_path / "no.jpg"), "out.png"],
        cwd=HOUSE, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_cutout_writes_rgba_of_the_photos_size_and_prints_its_confidence(photo, tmp_path, capsys):
    assert main(["cutout", str(photo), str(tmp_path / "o.png"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"confidence", "seconds", "engine"}
    image = Image.open(tmp_path / "o.png")
    assert (image.mode, image.size) == ("RGBA", (240, 200))
    assert image.getpixel((120, 60))[3] == 255 and image.getpixel((5, 5))[3] == 0


def test_cutout_of_a_folder_names_the_bad_file_and_does_the_rest(photo, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").write_bytes(photo.read_bytes())
    (folder / "b.jpg").write_text("no picture")
    assert main(["cutout", str(folder), str(tmp_path / "out"), "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {Path(line["file"]).name: "error" in line for line in lines} == {"a.png": False, "b.jpg": True}
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.png"]


def test_render_writes_the_file_and_prints_what_it_measured(photo, recipe, tmp_path, capsys):
    out = tmp_path / "out"
    assert (
        main(["render", "background", str(photo), "--recipe", str(recipe), "--out", str(out), "--json"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"file", "sha256", "measures", "confidence", "engine", "seconds"}
    assert Path(told["file"]) == out / "lamp.jpg"
    assert Image.open(out / "lamp.jpg").size == (200, 200)
    assert told["engine"].startswith("classic/")


def test_render_takes_roles_for_one_render_of_several_inputs(photo, tmp_path, capsys):
    ground = tmp_path / "ground.png"
    Image.fromarray(np.full((50, 50, 3), (0, 120, 60), np.uint8)).save(ground)
    recipe = tmp_path / "r.json"
    recipe.write_text(
        json.dumps(
            {"backdrop": {"kind": "image"}, "framing": {"canvas_px": [100, 100]}, "output": {"format": "png"}}
        )
    )
    arguments = [
        "render",
        "background",
        f"main={photo}",
        f"backdrop={ground}",
        "--recipe",
        str(recipe),
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(arguments) == 0
    assert Image.open(tmp_path / "o" / "lamp.png").getpixel((2, 2)) == (0, 120, 60)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{broken", "JSON"),
        ('{"pipeline": "ghost"}', "ghost"),
        ('{"backdrop": {"kind": 3}}', "backdrop.kind"),
        ("[]", "object"),
    ],
)
def test_a_bad_recipe_file_is_one_clear_line(photo, tmp_path, capsys, content, said):
    recipe = tmp_path / "bad.json"
    recipe.write_text(content)
    assert (
        main(["render", "background", str(photo), "--recipe", str(recipe), "--out", str(tmp_path / "o")]) == 2
    )
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


def test_render_never_overwrites_the_photo_itself(tmp_path, block, recipe, capsys):
    path = tmp_path / "mug.jpg"
    Image.fromarray(block()).save(path)
    before = path.read_bytes()
    assert main(["render", "background", str(path), "--recipe", str(recipe), "--out", str(tmp_path)]) == 2
    assert path.read_bytes() == before


def test_inspect_holds_a_picture_against_a_channel(photo, capsys):
    assert main(["inspect", str(photo), "--channel", "amazon-main", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False
    assert {c["rule"] for c in told["checks"] if not c["passed"]} == {
        "product fills the frame",
        "large enough to zoom",
    }
    assert main(["inspect", str(photo), "--channel", "bazaar"]) == 2
    assert "amazon-main" in capsys.readouterr().err


def test_doctor_says_this_machine_can_render_and_what_it_lacks(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("STORAGE_URL", f"file://{tmp_path}/s")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    findings = {f["name"]: f for f in told["findings"]}
    assert told["can_render"] is True
    assert findings["storage"]["ok"] is True
    assert findings["redis"]["ok"] is False and findings["redis"]["hint"]
    assert int(findings["threads"]["value"].split()[0]) >= 1
    assert {"onnxruntime", "network"} <= set(findings)
    assert list((tmp_path / "s").iterdir()) == []


def test_doctor_says_clearly_when_the_networks_weights_are_not_there(capsys, monkeypatch, tmp_path):
    from gpu_worker.models import salient

    monkeypatch.setattr(salient, "path", lambda: tmp_path / "salient.onnx")
    main(["doctor"])
    assert "salient.onnx is not there" in capsys.readouterr().out
    (tmp_path / "salient.onnx").write_bytes(b"w" * 2**20)
    main(["doctor"])
    assert "salient.onnx, 1.00 MiB" in capsys.readouterr().out


def test_doctor_names_a_nonsense_number_of_threads(capsys, monkeypatch):
    monkeypatch.setenv("WORKER_THREADS", "lots")
    main(["doctor"])
    assert "WORKER_THREADS must be a whole number" in capsys.readouterr().out


def test_models_lists_what_there_is(capsys):
    assert main(["models"]) == 0
    assert "classic" in capsys.readouterr().out


def test_work_without_a_storage_says_what_is_missing(capsys, monkeypatch):
    from dataclasses import replace

    from gpu_worker import app

    monkeypatch.setattr(app, "SETTINGS", replace(app.SETTINGS, storage_url=""))
    assert main(["work"]) == 2
    assert "STORAGE_URL" in capsys.readouterr().err
