"""Bring a backup back. Everything that can be checked is checked before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from apps.audit import selectors as audit_selectors
from apps.audit import services as audit
from apps.config.backup import database, files, keys, manifest
from apps.config.backup.manifest import Manifest
from apps.lib import wire
from apps.lib.errors import BadRequest
from apps.lib.locks import session_lock
from apps.lib.walk import walk
from apps.storage.services import survey
from apps.stores.models import Store

TOLD = 20
Progress = Callable[[str, int], None]


@dataclass
class Restored:
    """What came back and what was found of it."""

    made_at: str = ""
    files: int = 0
    copied: int = 0
    audit_ok: bool = False
    audit_broken: list[str] = field(default_factory=list)
    missing: int = 0
    credentials_open: bool = True
    keys: str = keys.NONE

    @property
    def ok(self) -> bool:
        return self.audit_ok and not self.missing

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok}


def check(folder: Path, *, expect: str = "", progress: Progress = lambda what, size: None) -> Manifest:
    """Whether the backup is whole and this release can read it. Changes nothing. Raises BadRequest naming the parts."""
    told = manifest.read(folder, expect=expect)
    wrong = manifest.verify(folder, told, progress=lambda size: progress("checked", size))
    if wrong:
        more = f" and {len(wrong) - TOLD} more" if len(wrong) > TOLD else ""
        raise BadRequest(
            f"The backup is not as it was written, so nothing was changed: {', '.join(wrong[:TOLD])}{more}."
        )
    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations or {}
    unknown = [
        f"{app}.{name}"
        for app, names in told.migrations.items()
        for name in names
        if (app, name) not in known
    ]
    if unknown:
        raise BadRequest(
            f"The backup was made by a newer release of Vitrine ({told.version}), which knows {unknown[-1]}. "
            "Install that release, then restore."
        )
    database.check_readable(manifest.inside(folder, told.database.name))
    return told


def restore(
    folder: Path,
    told: Manifest,
    *,
    replace: bool = False,
    passphrase: str | None = None,
    keys_to: Path | None = None,
    progress: Progress = lambda what, size: None,
) -> Restored:
    """Bring back what `check` found whole. `replace` takes the place of what is there; else both must be empty.

    Until the database is changed, all of it at once, nothing is lost: whatever stops it before leaves what was there.
    `keys_to`: where the backup's keys are written; None leaves them. Raises BadRequest.
    """
    with database.as_owner():
        _check_target(told, replace)
        words = None
        if keys_to is not None:
            if told.keys is None:
                raise BadRequest("This backup holds no keys.")
            words = keys.unpacked(manifest.inside(folder, told.keys.name).read_bytes(), passphrase or "")
        done = Restored(made_at=told.made_at, files=told.files)
        # Files first: they lie beside those that are there, so where they don't fit nothing has changed.
        done.copied = files.copy_in(folder, told, progress=lambda size: progress("files", size))
        progress("database", 0)
        database.replace(manifest.inside(folder, told.database.name))
        call_command("migrate", verbosity=0, interactive=False)
    if words is not None and keys_to is not None:
        keys.install(words, keys_to)
        settings.FIELD_KEYS = list(dict.fromkeys([*words["FIELD_KEYS"], *settings.FIELD_KEYS]))
        done.keys = str(keys_to)
    _look_over(done, progress)
    audit.record(
        "installation.restored", workspace=0, actor="command", made_at=told.made_at, files=told.files
    )
    return done


def _check_target(told: Manifest, replace: bool) -> None:
    if database.server_major() < told.postgres_major:
        raise BadRequest(
            f"The backup comes from PostgreSQL {told.postgres_major}; this server is {database.server_major()}, "
            "which is older. Restore into one that is at least as new."
        )
    database.tool("pg_restore")
    database.tool("psql")
    database.check_owner()
    with session_lock("vitrine-dispatcher") as nobody_runs:
        if not nobody_runs:
            raise BadRequest("Vitrine runs with this database. Stop its programs first, then restore.")
    if replace:
        return
    filled = database.filled_tables()
    if filled:
        raise BadRequest(
            f"The database is not empty ({', '.join(filled[:5])} …). Restore into an empty one, or add --replace "
            "to delete what is there."
        )
    if next(walk(), None) is not None:
        raise BadRequest(
            "The storage is not empty. Restore into an empty one, or add --replace: files that are there stay, and "
            "those that nobody names are deleted later."
        )


def _look_over(done: Restored, progress: Progress) -> None:
    """The trail as it was written, every named file there, the stores' credentials readable."""
    with suppress(wire.WireError):
        wire.client().delete(wire.STORED_KEY)
    progress("looked over", 0)
    audit.seal()
    report = audit_selectors.verify()
    done.audit_ok, done.audit_broken = report.ok, report.broken[:TOLD]
    done.missing = survey.survey(look_for_missing=True).missing
    try:
        for store in Store.objects.order_by("pk")[:50]:
            _ = store.credentials
    except ImproperlyConfigured:
        done.credentials_open = False
    connection.close()
