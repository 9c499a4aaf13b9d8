"""Photos and results on the operator's own disk: which files are photos; results written whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gpu_worker import filetypes

PHOTO_SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    *(".png", ".apng", ".webp", ".avif", ".heic", ".heif", ".hif"),
    *(".tif", ".tiff", ".bmp", ".gif"),
}
# What file managers leave behind: nobody means it, so nobody is told.
_LITTER = frozenset({"thumbs.db", "desktop.ini"})


class Wrong(Exception):
    """The command line asks for something that can't be done."""


@dataclass(frozen=True)
class Skipped:
    """A file of a folder that was not taken for a photo, and why."""

    path: Path
    reason: str


def photos_in(folder: Path) -> list[Path]:
    """The pictures of a folder by their names, sorted. Raises Wrong where there are none."""
    found = [path for path in _files_in(folder) if path.suffix.lower() in PHOTO_SUFFIXES]
    if not found:
        raise Wrong(f"There are no photos in {folder}.")
    return found


def skipped_in(folder: Path) -> list[Skipped]:
    """What else lies in the folder, each with a reason. Hidden files are passed over."""
    others = [path for path in _files_in(folder) if path.suffix.lower() not in PHOTO_SUFFIXES]
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [Skipped(path, _why_not(path)) for path in others] + [
        Skipped(path, "A folder inside the folder is not entered.") for path in folders
    ]


def _files_in(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise Wrong(f"{folder}: {error.strerror}.") from None
    return [
        p for p in entries if p.is_file() and not p.name.startswith(".") and p.name.lower() not in _LITTER
    ]


def _why_not(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(filetypes.LOOKED_AT_BYTES)
    except OSError as error:
        return f"{error.strerror}."
    if filetypes.looks_readable(head) or filetypes.is_heif(head):
        return "Its name does not say that it is a photo. Name it .jpg, or whatever it is."
    return filetypes.advice(head) or "This is no photo."


def read(path: Path) -> bytes:
    """The file's bytes. Raises Wrong."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}.") from None


def part_of(path: Path, pid: int) -> Path:
    """Where process `pid` writes before the file gets its name."""
    return path.with_name(f".{path.name}.{pid}.part")


def write(path: Path, data: bytes) -> None:
    """Writes a result, its folder too; whoever looks sees the old file or the whole new one. Raises Wrong."""
    part = part_of(path, os.getpid())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}.") from None
