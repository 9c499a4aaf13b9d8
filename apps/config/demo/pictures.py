"""The photos the demo starts from: a folder of the merchant's, or sample products that the project draws itself."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

from gpu_worker import pixels

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif"}
# What WordPress takes into its media library as it is; anything else goes in as JPEG, as a merchant would have to.
AS_IT_IS = {".jpg", ".jpeg", ".png", ".webp"}
SAMPLE_PX, SAMPLE_COUNT = 1000, 12


@dataclass(frozen=True)
class Picture:
    """A product photo to be: its title, file name and bytes."""

    title: str
    filename: str
    data: bytes


def from_folder(folder: Path, limit: int) -> tuple[list[Picture], list[str]]:
    """Readable photos of a folder in name order, at most `limit`, and a sentence for each that was left out."""
    if not folder.is_dir():
        raise CommandError(f"PHOTOS={folder} is not a folder.")
    files = sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))
    found: list[Picture] = []
    skipped: list[str] = []
    for file in files:
        if file.suffix.lower() not in SUFFIXES:
            skipped.append(f"{file.name}: not a photo format that shops use")
            continue
        if len(found) == limit:
            continue
        try:
            found.append(_read(file))
        except (pixels.BadImage, OSError) as error:
            skipped.append(f"{file.name}: {error}")
    if not found:
        raise CommandError(f"PHOTOS={folder} holds no photo that can be read (jpg, png, webp, avif, heic).")
    return found, skipped


def _read(file: Path) -> Picture:
    data = file.read_bytes()
    image = pixels.open_safely(data)
    name = file.name
    if file.suffix.lower() not in AS_IT_IS:
        out = io.BytesIO()
        pixels.upright(image).convert("RGB").save(out, "JPEG", quality=95)
        data, name = out.getvalue(), f"{file.stem}.jpg"
    title = file.stem.replace("_", " ").replace("-", " ").strip().capitalize()
    return Picture(title[:80] or "Product", name, data)


class Samples:
    """The project's own dozen, drawn once per installation by the worker's side; iterates while it is still drawing."""

    def __init__(self) -> None:
        self._folder = settings.DATA_ROOT / "samples"
        self._listing = self._folder / "samples.jsonl"
        self._drawing: subprocess.Popen[str] | None = None
        if self._listing.exists():
            return
        self._drawing = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gpu_worker",
                "samples",
                str(self._folder),
                "--size",
                str(SAMPLE_PX),
                "--json",
            ],
            cwd=settings.BASE_DIR,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __iter__(self) -> Iterator[Picture]:
        lines = []
        for line in self._drawing.stdout or () if self._drawing else self._listing.open(encoding="utf-8"):
            lines.append(line)
            row = json.loads(line)
            yield Picture(row["title"], Path(row["file"]).name, Path(row["file"]).read_bytes())
        if self._drawing and self._drawing.wait():
            raise CommandError("The sample products could not be drawn; the reason stands above.")
        if self._drawing:
            self._listing.write_text("".join(lines), encoding="utf-8")

    def stop(self) -> None:
        """End the drawing if it still goes on."""
        if self._drawing and self._drawing.poll() is None:
            self._drawing.terminate()
            self._drawing.wait()
