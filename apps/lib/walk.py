"""What lies in storage, file by file, in bounded memory: a folder is read as it is walked, a bucket page by page."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage, default_storage

# As many keys as S3 lists at once.
PAGE = 1000


@dataclass(frozen=True)
class Stored:
    """A file in storage. `key` is relative, as rows name it."""

    key: str
    size_bytes: int
    modified: dt.datetime


def walk(under: str = "") -> Iterator[Stored]:
    """Every file of the storage, or of one folder of it, in no order. What comes or goes meanwhile may or may not be
    met."""
    storage: Any = default_storage
    if isinstance(storage, FileSystemStorage) or hasattr(storage, "base_location"):
        yield from _folder(Path(storage.location), under)
    else:
        yield from _bucket(storage, under)


def _folder(root: Path, under: str) -> Iterator[Stored]:
    waiting = [str(root / under)]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except FileNotFoundError:
            continue  # emptied and removed meanwhile
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                try:
                    told = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                modified = dt.datetime.fromtimestamp(told.st_mtime, tz=dt.UTC)
                yield Stored(os.path.relpath(entry.path, root), told.st_size, modified)


def _bucket(storage: Any, under: str) -> Iterator[Stored]:
    """boto3's collection asks for the next page when the last is used up."""
    prefix = f"{storage.location.strip('/')}/" if storage.location.strip("/") else ""
    for found in storage.bucket.objects.filter(Prefix=prefix + under).page_size(PAGE):
        yield Stored(found.key.removeprefix(prefix), found.size, found.last_modified)
