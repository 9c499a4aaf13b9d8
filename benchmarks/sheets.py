"""Contact sheets of real photos, for counting what could be published: photo, cut-out, white packshot, confidence."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.errors import BenchError
from benchmarks.hands import mapped
from benchmarks.lines import say
from benchmarks.progress import followed
from benchmarks.report.pictures import on_checks
from gpu_worker import files
from gpu_worker.engines.base import Engine, Matte, Rgb
from gpu_worker.errors import WorkerError

WIDTH_PX = 1600
COLUMNS, ROWS = 2, 5
GAP_PX, PICTURE_PX, WORDS_PX = 10, 254, 30
CELL_PX = (WIDTH_PX - GAP_PX) // COLUMNS, PICTURE_PX + WORDS_PX + 3 * GAP_PX
ACCEPT = 0.9
GREY, CARD = (226, 228, 232), (243, 244, 247)
INK, RED, GREEN = (28, 32, 38), (206, 44, 28), (20, 121, 90)
PACKSHOT: dict[str, Any] = {
    "pipeline": "background",
    "backdrop": {"kind": "solid", "color": "#ffffff"},
    "framing": {"canvas_px": [800, 800], "fill": 0.85},
    "shadow": {"kind": "contact"},
    "output": {"format": "jpeg"},
}


@dataclass(frozen=True)
class Tile:
    """One photo on a sheet: three small pictures, or the error it ended with."""

    name: str
    pictures: tuple[Rgb, ...]
    confidence: float
    error: str = ""


class _Known:
    """An engine that was asked before: the pipeline gets the same matte without a second search."""

    def __init__(self, engine: Engine, matte: Matte) -> None:
        self.name: str = engine.name
        self.versions: Mapping[str, str] = engine.versions
        self.weights: Mapping[str, str] = engine.weights
        self._matte = matte

    def load(self) -> None:
        """Nothing to load."""

    def cutout(self, rgb: Rgb, *_: object, **__: object) -> Matte:
        """The matte that is known already."""
        return self._matte


def run(
    folders: Sequence[Path],
    out: Path,
    *,
    limit: int | None = None,
    workers: int | None = None,
    engine: str = "classic",
) -> int:
    """Writes the sheets of every folder: OUT, or OUT-1, OUT-2 … where one page doesn't hold them. Returns 0.

    Says on stderr how many were accepted. Raises BenchError for a missing or empty folder and for an unknown suffix.
    """
    if out.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise BenchError(f"{out} must end with .jpg or .png.")
    photos = [photo for folder in folders for photo in _photos(folder)[:limit]]
    made = mapped(partial(tile, engine=engine), photos, workers)
    tiles = list(followed(made, "drawing sheets", len(photos)))
    out.parent.mkdir(parents=True, exist_ok=True)
    per_page = COLUMNS * ROWS
    pages = [tiles[start : start + per_page] for start in range(0, len(tiles), per_page)]
    for number, chosen in enumerate(pages, start=1):
        file = out if len(pages) == 1 else out.with_stem(f"{out.stem}-{number}")
        sheet(chosen, f"{_title(folders)} · page {number} of {len(pages)}").save(file, quality=88)
        say(str(file))
    _tell(folders, photos, tiles)
    return 0


def _photos(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise BenchError(f"{folder} is no folder.")
    try:
        return files.photos_in(folder)
    except files.Wrong as error:
        raise BenchError(str(error)) from None


def _tell(folders: Sequence[Path], photos: Sequence[Path], tiles: Sequence[Tile]) -> None:
    for folder in folders:
        mine = [t for photo, t in zip(photos, tiles, strict=True) if photo.parent == folder]
        accepted = sum(t.confidence >= ACCEPT for t in mine)
        say(
            f"{folder.name}: {accepted} of {len(mine)} accepted unseen, {sum(bool(t.error) for t in mine)} failed"
        )


def tile(photo: Path, engine: str) -> Tile:
    """One photo through cut-out and packshot. A photo that can't be used becomes a tile that says why."""
    from benchmarks.subject import loaded
    from gpu_worker import runner
    from gpu_worker.stages.load import open_photo
    from gpu_worker.stages.normalise import normalise

    try:
        data = photo.read_bytes()
        rgb, given, *_ = normalise(open_photo(data))
        ready = loaded(engine)
        matte = ready.cutout(rgb) if given is None else Matte(given, 1.0)
        made = runner.render({**PACKSHOT, "engine": engine}, {"main": data}, engine=_Known(ready, matte))
    except WorkerError as error:
        return Tile(photo.name, (), 0.0, str(error))
    except Exception as error:  # one that breaks the engine is worth a place on the sheet, not the end of it
        return Tile(photo.name, (), 0.0, f"{type(error).__name__}: {error}")
    white = np.asarray(Image.open(io.BytesIO(made.files["main"].data)).convert("RGB"))
    small, alpha = _fitted(rgb), _fitted(matte.alpha)
    return Tile(photo.name, (small, on_checks(small, alpha), _fitted(white)), matte.confidence)


def _fitted(picture: np.ndarray) -> np.ndarray:
    scale = PICTURE_PX / max(picture.shape[:2])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return np.asarray(
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    )


def sheet(tiles: Sequence[Tile], title: str) -> Image.Image:
    """One page: ten photos with their results, 1600 px wide."""
    head_px, rows = 44, -(-len(tiles) // COLUMNS)
    page = Image.new("RGB", (WIDTH_PX, head_px + rows * CELL_PX[1] + GAP_PX), GREY)
    pen = ImageDraw.Draw(page)
    pen.text((GAP_PX + 4, 12), title, INK, ImageFont.load_default(20))
    for number, one in enumerate(tiles):
        left = GAP_PX + number % COLUMNS * CELL_PX[0]
        top = head_px + number // COLUMNS * CELL_PX[1]
        _place(page, pen, one, left, top)
    return page


def _place(page: Image.Image, pen: ImageDraw.ImageDraw, one: Tile, left: int, top: int) -> None:
    accepted = one.confidence >= ACCEPT
    right, bottom = left + CELL_PX[0] - GAP_PX - 1, top + CELL_PX[1] - GAP_PX - 1
    pen.rectangle(
        (left, top, right, bottom),
        fill=CARD,
        outline=GREEN if accepted else RED,
        width=1 if accepted else 4,
    )
    font = ImageFont.load_default(17)
    for number, picture in enumerate(one.pictures):
        x = left + 6 + number * (PICTURE_PX + 3)
        pen.rectangle((x, top + 6, x + PICTURE_PX - 1, top + 5 + PICTURE_PX), fill=GREY)
        image = Image.fromarray(picture)
        page.paste(image, (x + (PICTURE_PX - image.width) // 2, top + 6 + (PICTURE_PX - image.height) // 2))
    words = one.error or f"{one.confidence:.3f}"
    y = bottom - WORDS_PX + 4
    pen.text((left + 10, y), words[:80], GREEN if accepted else RED, font)
    if not one.error:
        pen.text((left + 68, y), one.name[:74], INK, font)


def _title(folders: Sequence[Path]) -> str:
    return ", ".join(folder.name for folder in folders)
