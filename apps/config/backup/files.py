"""Stored files out into a backup and in again, one after the other, in pieces: no file is held in memory."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage

from apps.config.backup import manifest
from apps.config.backup.manifest import FILES, PIECE, Listed, Manifest, Part
from apps.lib import blobs, keepers
from apps.lib.walk import walk

# Files under way: an attempt whose files are not there is rendered again.
UNDER_WAY = "attempts"
_NAMED_BY_HASH = re.compile(r"^\d+/\d+/[^/]+/([0-9a-f]{64})(\.\w+)?$")
Told = Callable[[int], None]


@dataclass
class Copied:
    files: int = 0
    size_bytes: int = 0
    copied: int = 0
    damaged: list[str] = field(default_factory=list)


def wanted(key: str) -> bool:
    """Whether a file belongs into a backup: all but those under way, part files, and what is made again."""
    parts = key.split("/")
    kind = parts[2] if len(parts) > 3 else ""
    return not parts[-1].startswith(".") and kind != UNDER_WAY and kind not in keepers.remade_kinds()


def copy_out(folder: Path, list_name: str, *, progress: Told) -> tuple[Part, Copied]:
    """Copy every file; those that an earlier backup in this folder has, and whose bytes still fit, stay as they are."""
    done, digest, size = Copied(), hashlib.sha256(), 0
    with (folder / list_name).open("wb") as out, blobs.storage_errors():
        for stored in walk():
            if not wanted(stored.key):
                continue
            listed = _keep(folder / FILES, stored.key, done, progress)
            if listed is None:
                continue
            line = json.dumps([listed.key, listed.sha256, listed.size_bytes]).encode() + b"\n"
            out.write(line)
            digest.update(line)
            size += len(line)
            done.files += 1
            done.size_bytes += listed.size_bytes
        out.flush()
        os.fsync(out.fileno())
    return Part(list_name, digest.hexdigest(), size), done


def _keep(folder: Path, key: str, done: Copied, progress: Told) -> Listed | None:
    target = manifest.inside(folder, key)
    named = _NAMED_BY_HASH.match(key)
    if named and target.exists():
        sha256, size = _hash(target)
        if sha256 == named.group(1):
            progress(size)
            return Listed(key, sha256, size)
    try:
        stream = default_storage.open(key, "rb")
    except FileNotFoundError:
        return None  # it went while we walked; what rows name does not
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, digest, size = target.with_name(f".{target.name}.part"), hashlib.sha256(), 0
    with stream, fresh.open("wb") as out:
        for piece in stream.chunks(PIECE):
            out.write(piece)
            digest.update(piece)
            size += len(piece)
            progress(len(piece))
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(target)
    done.copied += 1
    if named and digest.hexdigest() != named.group(1):
        done.damaged.append(key)
    return Listed(key, digest.hexdigest(), size)


def _hash(file: Path) -> tuple[str, int]:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), file.stat().st_size


def copy_in(folder: Path, told: Manifest, *, progress: Told) -> int:
    """Into the storage, all that is not there yet. Returns how many. Raises StorageFull and StorageAway."""
    copied = 0
    for listed in manifest.listed_files(folder, told):
        progress(listed.size_bytes)
        with blobs.storage_errors():
            if default_storage.exists(listed.key) and default_storage.size(listed.key) == listed.size_bytes:
                continue
            with manifest.inside(folder / FILES, listed.key).open("rb") as stream:
                default_storage.save(listed.key, File(stream))
        copied += 1
    return copied


def sweep_out(folder: Path, told: Manifest) -> int:
    """Delete what an earlier backup in this folder had and this one has not. Returns how many files."""
    # Sixteen bytes for each file, which a million of them make 100 MB with Python's own.
    listed = {_short(f.key) for f in manifest.listed_files(folder, told)}
    gone = 0
    for at, _, names in os.walk(folder / FILES):
        for path in (Path(at) / name for name in names):
            if _short(path.relative_to(folder / FILES).as_posix()) not in listed:
                path.unlink()
                gone += 1
    return gone


def _short(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=16).digest()
