"""Several photos on the command line are one product, if the recipe wants one scale for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gpu_worker.__main__ import main


@pytest.fixture
def views(tmp_path: Path) -> list[Path]:
    """A shoe from the front and from the side."""
    paths = []
    for name, width_px in (("front", 80), ("side", 240)):
        photo = np.full((240, 320, 3), 255, np.uint8)
        photo[70:170, 40 : 40 + width_px] = (40, 60, 120)
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(photo).save(paths[-1])
    return paths


@pytest.fixture
def render(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """render(arguments, consistent=…) → (exit code, measures by file name)."""

    def run(*inputs: object, consistent: str = "product") -> tuple[int, dict[str, dict[str, Any]]]:
        recipe = tmp_path / "recipe.json"
        recipe.write_text(
            json.dumps({"engine": "fake", "framing": {"canvas_px": [300, 300], "consistent": consistent}})
        )
        options = ["--recipe", str(recipe), "--out", str(tmp_path / "out"), "--json"]
        code = main(["render", "background", *map(str, inputs), *options])
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return code, {Path(line["file"]).stem: line["measures"] for line in lines}

    return run


def heights(told: dict[str, dict[str, Any]]) -> list[float]:
    return [m["product_height_px"] * m["scale"] for m in told.values()]


def test_photos_given_together_come_out_at_one_scale(render, views) -> None:
    code, told = render(*views)
    assert code == 0 and {m["group_photos"] for m in told.values()} == {2}
    front, side = heights(told)
    assert front == pytest.approx(side, abs=1.5)


def test_a_recipe_that_does_not_ask_for_it_renders_each_by_itself(render, views) -> None:
    front, side = heights(render(*views, consistent="off")[1])
    assert front > 1.5 * side


def test_each_folder_is_a_product_of_its_own(render, views, tmp_path) -> None:
    for name, path in zip(("shoe", "sock"), views, strict=True):
        (tmp_path / name).mkdir()
        path.rename(tmp_path / name / path.name)
    _, told = render(tmp_path / "shoe", tmp_path / "sock")
    assert all("group_scale" not in m for m in told.values())
    assert [m["fill"] for m in told.values()] == pytest.approx([0.85, 0.85], abs=0.02)


def test_a_file_that_is_no_photo_fails_alone_and_the_others_share_their_scale(
    render, views, tmp_path
) -> None:
    (tmp_path / "notes.jpg").write_text("no picture")
    code, told = render(*views, tmp_path / "notes.jpg", tmp_path / "missing.jpg")
    assert code == 1 and set(told) == {"front", "side"}
    assert {(m["group_photos"], m["group_unreadable"]) for m in told.values()} == {(2, 2)}
    front, side = heights(told)
    assert front == pytest.approx(side, abs=1.5)


def test_one_photo_may_name_its_sisters(render, views) -> None:
    front, side = views
    code, told = render(f"main={front}", f"group={side}")
    assert code == 0 and list(told) == ["front"]
    assert told["front"]["group_photos"] == 2 and told["front"]["fill"] < 0.5
