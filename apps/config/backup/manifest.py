"""What a backup holds: its parts with their SHA-256, and the versions that made it. Written last, so a backup without
one is unfinished."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from apps.lib.errors import BadRequest

NAME = "manifest.json"
FORMAT = 1
FILES = "files"
PIECE = 1024 * 1024


@dataclass(frozen=True)
class Part:
    """A file of the backup besides the stored files themselves."""

    name: str
    sha256: str
    size_bytes: int


@dataclass
class Manifest:
    made_at: str
    version: str
    postgres_major: int
    migrations: dict[str, list[str]]
    database: Part
    file_list: Part
    files: int
    files_bytes: int
    keys: Part | None = None
    keys_how: str = "none"
    damaged: list[str] = field(default_factory=list)
    """Files whose bytes did not fit their name in storage already when the backup was made."""
    format: int = FORMAT

    def write(self, folder: Path) -> str:
        """Write it whole or not at all, on disk when this returns. Returns its own SHA-256."""
        data = json.dumps(asdict(self), indent=1, sort_keys=True).encode()
        fresh = folder / f".{NAME}"
        with fresh.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(folder / NAME)
        return hashlib.sha256(data).hexdigest()

    def parts(self) -> list[Part]:
        return [self.database, self.file_list, *([self.keys] if self.keys else [])]


@dataclass(frozen=True)
class Listed:
    """A stored file as the backup's list names it."""

    key: str
    sha256: str
    size_bytes: int


def read(folder: Path, *, expect: str = "") -> Manifest:
    """Raises BadRequest for what is no finished backup of ours, or not the one whose SHA-256 was expected."""
    try:
        data = (folder / NAME).read_bytes()
        told: dict[str, Any] = json.loads(data)
    except FileNotFoundError:
        raise BadRequest(f"{folder} holds no finished backup: there is no {NAME} in it.") from None
    except (OSError, ValueError) as error:
        raise BadRequest(f"{folder / NAME} can't be read: {error}.") from error
    if told.get("format") != FORMAT:
        raise BadRequest(
            f"This backup has format {told.get('format')!r}; this release reads format {FORMAT}."
        )
    if expect and hashlib.sha256(data).hexdigest() != expect.lower():
        raise BadRequest(f"{NAME} is not the one that was expected: its SHA-256 differs.")
    try:
        for name in ("database", "file_list", "keys"):
            told[name] = Part(**told[name]) if told.get(name) else None
        return Manifest(**told)
    except (TypeError, KeyError) as error:
        raise BadRequest(f"{folder / NAME} does not say what a backup says: {error}.") from error


def verify(folder: Path, manifest: Manifest, *, progress: Callable[[int], None]) -> list[str]:
    """Names of the parts that are missing or not as they were written. `progress` is told bytes that were read."""
    wrong = [
        part.name
        for part in manifest.parts()
        if _sha256(inside(folder, part.name), progress) != (part.sha256, part.size_bytes)
    ]
    if manifest.file_list.name in wrong:
        return wrong
    files = 0
    for listed in listed_files(folder, manifest):
        files += 1
        there = inside(folder / FILES, listed.key)
        if _sha256(there, progress) != (listed.sha256, listed.size_bytes):
            wrong.append(f"{FILES}/{listed.key}")
    if files != manifest.files:
        wrong.append(f"{manifest.file_list.name} (it lists {files} files instead of {manifest.files})")
    return wrong


def listed_files(folder: Path, manifest: Manifest) -> Iterator[Listed]:
    with inside(folder, manifest.file_list.name).open(encoding="utf-8") as lines:
        for line in lines:
            yield Listed(*json.loads(line))


def inside(folder: Path, name: str) -> Path:
    """The file of that name, which must not lead out of the folder. Raises BadRequest."""
    parts = name.split("/")
    if not name or name.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        raise BadRequest(f"The backup names a file outside its folder: {name!r}.")
    return folder / name


def _sha256(file: Path, progress: Callable[[int], None]) -> tuple[str, int] | None:
    """None where it can't be read."""
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as stream:
            while piece := stream.read(PIECE):
                digest.update(piece)
                size += len(piece)
                progress(len(piece))
    except OSError:
        return None
    return digest.hexdigest(), size
