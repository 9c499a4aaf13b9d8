"""Bytes in storage, named by what they are: `workspace/store/kind/sha256.ext`. Same bytes, same key, written once."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, cast

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import transaction
from django.utils import timezone

from apps.lib import locks, wire
from apps.lib.errors import FileMissing, StorageAway, StorageFull
from apps.lib.ids import sha256_hex
from apps.lib.walk import walk

# Whoever makes an old file young holds this lock shared, whoever deletes files that nobody names holds it alone.
WRITING = "vitrine-files"
# Held while a backup is made: nothing is deleted then.
BACKUP = "vitrine-backup"
FULL = {errno.ENOSPC, errno.EDQUOT}
WIPED_AT_ONCE = 500
# What S3 and its kin say when a quota is used up.
FULL_CODES = {
    *("QuotaExceeded", "ServiceQuotaExceeded", "InsufficientCapacity"),
    *("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "BucketQuotaExceeded", "507"),
}


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

    def move(self, source: str, target: str) -> None:
        """`target` holds what `source` held, from now on and as young as now. Raises FileNotFoundError.

        Whoever wrote `source` brought its bytes to disk; a rename is whole or not at all.
        """
        there, here = Path(self.path(source)), Path(self.path(target))
        here.parent.mkdir(parents=True, exist_ok=True)
        # Before the name changes: a file that is old by its new name might be deleted before anybody names it.
        os.utime(there)
        there.replace(here)


class Moving(Protocol):
    """What a storage can do beyond Django's own: this folder and `apps.lib.bucket`."""

    def move(self, source: str, target: str) -> None: ...


def key_for(*, workspace: int, store: int, kind: str, sha256: str, extension: str = "") -> str:
    return f"{workspace}/{store}/{kind}/{sha256}{'.' + extension if extension else ''}"


def put(data: bytes, *, workspace: int, store: int, kind: str, extension: str = "") -> tuple[str, str]:
    """Store bytes under their own hash. Returns (key, sha256 hex); a second call with the same bytes writes nothing.

    Raises StorageFull and StorageAway.
    """
    sha256 = sha256_hex(data)
    key = key_for(workspace=workspace, store=store, kind=kind, sha256=sha256, extension=extension)
    _ensure(key, lambda: save(key, data))
    return key, sha256


def save(key: str, data: bytes) -> None:
    """Write a file, whole or not at all, and count it. Raises StorageFull and StorageAway."""
    with storage_errors():
        default_storage.save(key, ContentFile(data))
    wire.stored(key.split("/", 1)[0], len(data))


def read(key: str) -> bytes:
    """Raises FileMissing (a FileNotFoundError) and StorageAway."""
    try:
        with storage_errors(), default_storage.open(key, "rb") as stream:
            return stream.read()
    except FileNotFoundError as error:
        raise FileMissing from error


def read_if_there(key: str) -> bytes | None:
    with storage_errors():
        if not default_storage.exists(key):
            return None
    return read(key)


def keep(source: str, target: str, size_bytes: int) -> None:
    """Move `source` to `target` unless `target` is there. Content-addressed targets make a repeat harmless: where the
    first try moved it, the second has nothing to do.

    Raises FileMissing where neither is there, StorageFull and StorageAway.
    """
    _ensure(target, lambda: _move(source, target, size_bytes))


def _move(source: str, target: str, size_bytes: int) -> None:
    try:
        with storage_errors():
            cast(Moving, default_storage).move(source, target)
    except FileNotFoundError as error:
        # The same result may come twice at once: then the other one has moved it.
        with storage_errors():
            if default_storage.exists(target):
                return
        raise FileMissing from error
    wire.stored(target.split("/", 1)[0], size_bytes)


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """What a folder or a bucket says → StorageFull or StorageAway; a file that is not there stays FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull from error
        raise StorageAway(f"The file storage failed: {error.strerror or type(error).__name__}.") from error
    except ClientError as error:
        told = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if told.get("Code") in FULL_CODES or status == 507:
            raise StorageFull from error
        raise StorageAway(f"The file storage refused: {told.get('Code', 'no reason given')}.") from error
    except BotoCoreError as error:
        raise StorageAway(f"The file storage did not answer: {type(error).__name__}.") from error


def _ensure(key: str, write: Callable[[], None]) -> None:
    """Have the file there, and for a while: an old one may be about to be deleted because nobody names it."""
    with storage_errors():
        there = default_storage.exists(key)
        old = there and _aged(key, fresh() / 2)
    if not there:
        write()
    elif old:
        # Nobody deletes meanwhile; inside a transaction, until the row that names the file is there.
        with transaction.atomic():
            locks.transaction_lock(WRITING, shared=True)
            write()


def fresh() -> dt.timedelta:
    """A file younger than this may be about to be named. One that is written again when half as old stays young."""
    return dt.timedelta(seconds=settings.STORAGE_FRESH_S)


def _aged(key: str, by: dt.timedelta) -> bool:
    return default_storage.get_modified_time(key) < timezone.now() - by


@transaction.atomic
def drop_unnamed(keys: Iterable[str]) -> list[str] | None:
    """Delete files that nobody names, but not one that was written lately. Returns which are gone now.

    None where one of them may be wanted again, or a backup is made, just now: come again later.
    """
    if not (locks.try_transaction_lock(BACKUP, shared=True) and locks.try_transaction_lock(WRITING)):
        return None
    gone = []
    with storage_errors():
        for key in keys:
            try:
                if not _aged(key, fresh()):
                    continue
                default_storage.delete(key)
            except FileNotFoundError:
                pass
            gone.append(key)
    return gone


def remove(key: str) -> None:
    """Delete one file; nothing happens where none is."""
    default_storage.delete(key)


def drop(prefix: str) -> int:
    """Delete every file under a prefix that ends in a slash; returns how many."""
    if not prefix.endswith("/") or prefix.count("/") < 3:
        raise ValueError(f"refusing to delete the broad prefix {prefix!r}")
    with storage_errors(), contextlib.suppress(FileNotFoundError):
        _, names = default_storage.listdir(prefix)
        for name in names:
            default_storage.delete(prefix + name)
        with contextlib.suppress(OSError, NotImplementedError):
            Path(default_storage.path(prefix)).rmdir()
        return len(names)
    return 0


def wipe(workspace: int, store: int, *, keep_on: Callable[[], None]) -> int:
    """Delete every file of a store, of whatever kind, unfinished ones too. Returns how many. `keep_on` is called now
    and then: a store may have a hundred thousand. Raises StorageAway."""
    gone = 0
    with storage_errors():
        for file in walk(f"{workspace}/{store}/"):
            with contextlib.suppress(FileNotFoundError):
                default_storage.delete(file.key)
            gone += 1
            if gone % WIPED_AT_ONCE == 0:
                keep_on()
    return gone
