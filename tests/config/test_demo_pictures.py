"""What the demonstration starts from where nobody gave it photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps.config.demo import pictures


def test_samples_are_drawn_once_per_installation(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_ROOT = tmp_path
    monkeypatch.setattr(pictures, "SAMPLE_PX", 64)
    drawn = list(pictures.Samples())
    assert len(drawn) == pictures.SAMPLE_COUNT == len({picture.data for picture in drawn})
    assert all(picture.data[:3] == b"\xff\xd8\xff" and picture.title for picture in drawn)
    again = pictures.Samples()
    assert again._drawing is None and list(again) == drawn


def test_drawing_that_is_not_needed_any_more_ends(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_ROOT = tmp_path
    begun = pictures.Samples()
    begun.stop()
    assert begun._drawing is not None and begun._drawing.returncode is not None
    assert not (tmp_path / "samples" / "samples.jsonl").exists()
