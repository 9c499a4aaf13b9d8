"""Bytes in storage, named by what they are: `workspace/store/kind/sha256.ext`. Same bytes, same key, written once."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage

from apps.lib.ids import sha256_hex


class AtomicFileSystemStorage(FileSystemStorage):
    """Files appear whole or not at all, and replace one of the same name: a killed process leaves no half image."""

    def _save(self, name: str, content: File) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as out:
                for piece in content.chunks():
                    out.write(piece)
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name


def key_for(*, workspace: int, store: int, kind: str, sha256: str, extension: str = "") -> str:
    return f"{workspace}/{store}/{kind}/{sha256}{'.' + extension if extension else ''}"


def put(data: bytes, *, workspace: int, store: int, kind: str, extension: str = "") -> tuple[str, str]:
    """Store bytes under their own hash. Returns (key, sha256 hex); a second call with the same bytes writes nothing."""
    sha256 = sha256_hex(data)
    key = key_for(workspace=workspace, store=store, kind=kind, sha256=sha256, extension=extension)
    if not default_storage.exists(key):
        default_storage.save(key, ContentFile(data))
    return key, sha256


def read(key: str) -> bytes:
    """Raises FileNotFoundError."""
    with default_storage.open(key, "rb") as stream:
        return stream.read()


def read_if_there(key: str) -> bytes | None:
    if not default_storage.exists(key):
        return None
    return read(key)


def keep(source: str, target: str) -> None:
    """Copy `source` to `target` unless `target` is there. Content-addressed targets make a repeat harmless."""
    if not default_storage.exists(target):
        default_storage.save(target, ContentFile(read(source)))


def remove(key: str) -> None:
    """Delete one file; nothing happens where none is."""
    default_storage.delete(key)


def drop(prefix: str) -> int:
    """Delete every file under a prefix that ends in a slash; returns how many."""
    if not prefix.endswith("/") or prefix.count("/") < 3:
        raise ValueError(f"refusing to delete the broad prefix {prefix!r}")
    with contextlib.suppress(FileNotFoundError):
        _, names = default_storage.listdir(prefix)
        for name in names:
            default_storage.delete(prefix + name)
        with contextlib.suppress(OSError, NotImplementedError):
            Path(default_storage.path(prefix)).rmdir()
        return len(names)
    return 0
