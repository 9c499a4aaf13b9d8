"""Make a backup of a running house: first one snapshot of the database, then the files, which are only ever added.

Nothing is deleted from storage meanwhile, so every file that the snapshot names is still there when it is copied.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from apps.config.backup import database, files, keys, manifest
from apps.config.backup.manifest import FILES, Manifest, Part
from apps.lib import blobs
from apps.lib.errors import BadRequest, Busy
from apps.lib.ids import sha256_hex
from apps.lib.locks import session_lock

WAIT_FOR_DELETING_S = 120.0
Progress = Callable[[str, int], None]
"""Told what is being done and how many bytes more of it were read."""


def make(
    folder: Path,
    *,
    keys_how: str = keys.NONE,
    passphrase: str = "",
    update: bool = False,
    progress: Progress = lambda what, size: None,
) -> tuple[Manifest, dict[str, object]]:
    """Write a backup into `folder`: empty or new, or with `update` one that holds an earlier or unfinished backup.

    The earlier one stays whole until the new one is finished. Raises BadRequest, Busy, StorageAway.
    """
    started = time.monotonic()
    _prepare(folder, update)
    wrapped = keys.packed(keys_how, passphrase) if keys_how != keys.NONE else None
    stamp = timezone.now().strftime("%Y%m%dT%H%M%S%f")
    with _no_deleting():
        dumped = database.dump(
            folder / f"database-{stamp}.dump", progress=lambda size: progress("database", size)
        )
        listed, copied = files.copy_out(
            folder, f"files-{stamp}.jsonl", progress=lambda size: progress("files", size)
        )
    told = Manifest(
        made_at=timezone.now().isoformat(),
        version=importlib.metadata.version("vitrine"),
        postgres_major=database.server_major(),
        migrations=applied_migrations(),
        database=dumped,
        file_list=listed,
        files=copied.files,
        files_bytes=copied.size_bytes,
        keys=_write_keys(folder, stamp, wrapped) if wrapped else None,
        keys_how=keys_how,
        damaged=copied.damaged,
    )
    sha256 = told.write(folder)
    gone = _forget_older(folder, told) if update else 0
    return told, {
        "manifest_sha256": sha256,
        "copied": copied.copied,
        "removed": gone,
        "seconds": round(time.monotonic() - started, 2),
    }


def applied_migrations() -> dict[str, list[str]]:
    """Applied migrations by app, as the database says."""
    found: dict[str, list[str]] = {}
    for app, name in sorted(MigrationRecorder(connection).applied_migrations()):
        found.setdefault(app, []).append(name)
    return found


def _prepare(folder: Path, update: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    there = [path.name for path in folder.iterdir()]
    ours = manifest.NAME in there or any(name == FILES or name.startswith("database-") for name in there)
    if there and not (update and ours):
        raise BadRequest(
            f"{folder} is not empty. Choose a new folder"
            + (", or add --update to bring the backup in it up to date." if ours else ".")
        )
    (folder / FILES).mkdir(exist_ok=True)


@contextmanager
def _no_deleting() -> Iterator[None]:
    """Hold off the deletion of files; wait for one that is under way."""
    until = time.monotonic() + WAIT_FOR_DELETING_S
    while True:
        with session_lock(blobs.BACKUP) as held:
            if held:
                yield
                return
        if time.monotonic() > until:
            raise Busy(
                "Another backup is being made, or files are being deleted; try again in a few minutes."
            )
        time.sleep(0.2)


def _write_keys(folder: Path, stamp: str, data: bytes) -> Part:
    name = f"keys-{stamp}.json"
    keys.write_private(folder / name, data.decode())
    return Part(name, sha256_hex(data), len(data))


def _forget_older(folder: Path, told: Manifest) -> int:
    """What the backup that was here before consisted of."""
    keep = {part.name for part in told.parts()} | {manifest.NAME, FILES}
    for path in folder.iterdir():
        if path.name not in keep and path.is_file():
            path.unlink()
    return files.sweep_out(folder, told)
