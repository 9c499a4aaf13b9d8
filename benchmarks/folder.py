"""A bench folder, checked before use: `index.json` ([{"name", "kind", "cut"}]), NAME.jpg, NAME.gt.png (8-bit alpha)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.errors import BenchError
from benchmarks.metrics import Alpha

KINDS = ("white", "grey", "paper", "texture", "room")
PLAIN = KINDS[:3]


@dataclass(frozen=True)
class Case:
    """One photo with its true matte. `kind` is the backdrop, `cut` names the product it was made from."""

    name: str
    kind: str
    cut: str
    photo: Path
    truth: Path


def read(folder: Path) -> list[Case]:
    """The cases of a bench folder, in its order. Raises BenchError for whatever would spoil a run half-way."""
    if not folder.is_dir():
        raise BenchError(f"{folder} is no folder.")
    index = folder / "index.json"
    if not index.is_file():
        raise BenchError(f"{folder} holds no index.json, so it is no bench folder.")
    try:
        entries = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{index} can't be read: {error}.") from None
    if not isinstance(entries, list) or not entries:
        raise BenchError(f'{index} must hold a list of {{"name", "kind", "cut"}}.')
    cases = [_case(folder, entry) for entry in entries]
    names = [case.name for case in cases]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise BenchError(f"{index} names {doubled[0]} twice.")
    return cases


def _case(folder: Path, entry: Any) -> Case:
    if not isinstance(entry, dict) or not {"name", "kind"} <= entry.keys():
        raise BenchError(f"{folder / 'index.json'} has an entry without name and kind: {entry!r:.80}.")
    name, kind = str(entry["name"]), str(entry["kind"])
    if kind not in KINDS:
        raise BenchError(f"{name} is of the kind {kind!r}; known are {', '.join(KINDS)}.")
    if Path(name).name != name:
        raise BenchError(f"{name!r} is no plain file name.")
    case = Case(name, kind, str(entry.get("cut", "")), folder / f"{name}.jpg", folder / f"{name}.gt.png")
    for file in (case.photo, case.truth):
        if not file.is_file():
            raise BenchError(f"{folder} lacks {file.name}.")
    sizes = [_size_px(case.photo), _size_px(case.truth)]
    if sizes[0] != sizes[1]:
        raise BenchError(
            f"{case.photo.name} has {sizes[0][0]} × {sizes[0][1]} px, {case.truth.name} {sizes[1][0]} × {sizes[1][1]}."
        )
    return case


def _size_px(file: Path) -> tuple[int, int]:
    """(width, height) from the header alone."""
    try:
        with Image.open(file) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BenchError(f"{file} can't be opened as a picture: {error}.") from None


def true_matte(case: Case) -> Alpha:
    """The exact cover of each pixel (H × W, 0 to 1). Raises BenchError: unreadable, not 8 bits, no product."""
    levels = cv2.imread(str(case.truth), cv2.IMREAD_UNCHANGED)
    if levels is None or levels.dtype != np.uint8:
        raise BenchError(f"{case.truth} is no 8-bit picture.")
    if levels.ndim == 3:
        # Where a tool stored the matte as a picture: its alpha if it has one, else any of three equal channels.
        levels = levels[..., 3] if levels.shape[2] == 4 else levels[..., 0]
    if not (levels >= 128).any():
        raise BenchError(f"{case.truth} holds no product.")
    return np.asarray(levels, np.float32) / np.float32(255)


def chosen(cases: Sequence[Case], kinds: Sequence[str] = KINDS, limit: int | None = None) -> list[Case]:
    """Those of `kinds`, at most `limit`, each kind in turn so that a small limit sees all. Raises BenchError."""
    rows = [[case for case in cases if case.kind == kind] for kind in KINDS if kind in kinds]
    turns = [case for turn in zip_longest(*rows) for case in turn if case is not None]
    if not turns:
        raise BenchError(f"There is no photo of the kind {', '.join(kinds)}.")
    return turns[:limit]
