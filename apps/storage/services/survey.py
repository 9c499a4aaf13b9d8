"""One walk over the storage answers four questions: how much is there, what does nobody name, what has nobody
declared, and which named files are missing.

The list of files goes into a temporary table as it is read, and so do the names that rows have; PostgreSQL compares
them. Neither list is ever held in memory.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from apps.lib import blobs, keepers, wire
from apps.lib.errors import Busy
from apps.lib.locks import session_lock
from apps.lib.walk import walk
from apps.storage.models import Holding, Keeping, Orphan

LOCK = "vitrine-survey"
AT_ONCE = 200
TOLD = 100
# `workspace/store/kind/…`; a part file of a write that broke off starts its last name with a dot.
_SHAPE = r"^\d+/\d+/[^/]+/"
_UNFINISHED = r"(^|/)\.[^/]*$"
Progress = Callable[[str, int], None]


@dataclass
class Report:
    """What a survey found and did. Sizes in bytes."""

    files: int = 0
    size_bytes: int = 0
    unnamed: int = 0
    unnamed_bytes: int = 0
    due: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    undeclared: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    missing_told: list[dict[str, str]] = field(default_factory=list)
    left_for_later: bool = False

    @property
    def ok(self) -> bool:
        return self.missing == 0


def survey(
    *,
    delete: bool = False,
    look_for_missing: bool = False,
    grace: dt.timedelta | None = None,
    progress: Progress = lambda what, count: None,
) -> Report:
    """Walk and count. `delete` removes what nobody named for `grace` (settings.STORAGE_GRACE_H unless given).

    Raises Busy where another survey runs, StorageAway where the storage does not answer.
    """
    grace = dt.timedelta(hours=settings.STORAGE_GRACE_H) if grace is None else grace
    with session_lock(LOCK) as alone, blobs.storage_errors():
        if not alone:
            raise Busy("The storage is being looked through already; try again in a few minutes.")
        with _tables():
            report = _count(progress)
            _compare(report, grace)
            if look_for_missing:
                _missing(report, progress)
            if delete:
                _delete(report, grace, progress)
    return report


@contextmanager
def _tables() -> Iterator[None]:
    drop = "DROP TABLE IF EXISTS survey_found, survey_named, survey_nobodys"
    with connection.cursor() as cursor:
        cursor.execute(drop)
        cursor.execute("CREATE TEMP TABLE survey_found (key text, size_bytes bigint, modified timestamptz)")
        cursor.execute("CREATE TEMP TABLE survey_named (key text, subject text)")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(drop)


def _count(progress: Progress) -> Report:
    """Fill both tables and write the holdings down. Names are read after the walk: what came meanwhile is named."""
    report = Report()
    written = wire.stored_since()
    with connection.cursor() as cursor:
        with cursor.copy("COPY survey_found FROM STDIN") as copy:
            for file in walk():
                copy.write_row((file.key, file.size_bytes, file.modified))
                report.files += 1
                report.size_bytes += file.size_bytes
                if report.files % 1000 == 0:
                    progress("walked", report.files)
        for keeper in keepers.all_keepers():
            cursor.execute(f"INSERT INTO survey_named SELECT key, subject FROM ({keeper.sql}) k")  # noqa: S608
        cursor.execute("CREATE INDEX ON survey_named (key)")
        cursor.execute("ANALYZE survey_found, survey_named")
    progress("walked", report.files)
    _write_down()
    wire.stored_counted(written)
    return report


@transaction.atomic
def _write_down() -> None:
    now = timezone.now()
    rows = _rows(
        "SELECT split_part(key, '/', 1)::bigint, split_part(key, '/', 3), count(*), sum(size_bytes)"
        " FROM survey_found WHERE key ~ %s AND key !~ %s GROUP BY 1, 2",
        [_SHAPE, _UNFINISHED],
    )
    Holding.objects.bulk_create(
        [
            Holding(workspace=w, kind=kind[:60], files=files, size_bytes=size, counted_at=now)
            for w, kind, files, size in rows
        ],
        update_conflicts=True,
        unique_fields=["workspace", "kind"],
        update_fields=["files", "size_bytes", "counted_at"],
    )
    Holding.objects.exclude(counted_at=now).delete()


# A file of a declared kind that no row names, neither itself nor its folder. Copies that are made again count when they
# are old; what a broken write left counts always. Of a kind nobody declared nothing is ever taken.
_NOBODYS = """
SELECT f.key, f.size_bytes FROM survey_found f
WHERE f.modified < %(fresh)s AND (
    f.key ~ %(unfinished)s
    OR (f.key ~ %(shape)s AND split_part(f.key, '/', 3) = ANY(%(remade)s) AND f.modified < %(now)s - make_interval(
        days => coalesce((SELECT k.thumbnail_days FROM storage_keeping k
                          WHERE k.workspace_id = split_part(f.key, '/', 1)::bigint), %(thumbnail_days)s)))
    OR (f.key ~ %(shape)s AND split_part(f.key, '/', 3) = ANY(%(named_kinds)s)
        AND NOT EXISTS (SELECT FROM survey_named n WHERE n.key = f.key)
        AND NOT EXISTS (SELECT FROM survey_named n WHERE n.key = regexp_replace(f.key, '[^/]*$', '')))
)"""


def _compare(report: Report, grace: dt.timedelta) -> None:
    """Bring the list of orphans up to date: those that found an owner leave it, new ones begin their grace time."""
    now, remade = timezone.now(), keepers.remade_kinds()
    values: dict[str, Any] = {
        "now": now,
        "fresh": now - blobs.fresh(),
        "shape": _SHAPE,
        "unfinished": _UNFINISHED,
        "remade": remade,
        "named_kinds": [kind for kind in keepers.known_kinds() if kind not in remade],
        "thumbnail_days": Keeping().thumbnail_days,
    }
    table = Orphan._meta.db_table
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE survey_nobodys AS {_NOBODYS}", values)
        cursor.execute("CREATE INDEX ON survey_nobodys (key)")
        cursor.execute(
            f"DELETE FROM {table} o WHERE NOT EXISTS (SELECT FROM survey_nobodys n WHERE n.key = o.key)"  # noqa: S608
        )
        cursor.execute(
            f"INSERT INTO {table} (key, size_bytes, first_seen) SELECT key, size_bytes, %s FROM survey_nobodys"  # noqa: S608
            " WHERE length(key) <= 1024 ON CONFLICT (key) DO UPDATE SET size_bytes = excluded.size_bytes",
            [now],
        )
    [(report.unnamed, size)] = _rows(f"SELECT count(*), coalesce(sum(size_bytes), 0) FROM {table}")  # noqa: S608
    report.unnamed_bytes = int(size)
    report.due = Orphan.objects.filter(first_seen__lte=now - grace).count()
    report.undeclared = {
        kind: files
        for kind, files in _rows(
            "SELECT CASE WHEN key ~ %s THEN split_part(key, '/', 3) ELSE '(other)' END, count(*) FROM survey_found"
            " WHERE key !~ %s GROUP BY 1",
            [_SHAPE, _UNFINISHED],
        )
        if kind not in keepers.known_kinds()
    }


def _missing(report: Report, progress: Progress) -> None:
    """Named files that the walk did not meet; each is asked for once more, because it may have come meanwhile."""
    sql = (
        "SELECT n.key, min(n.subject) FROM survey_named n WHERE right(n.key, 1) <> '/' AND n.key > %s"
        " AND NOT EXISTS (SELECT FROM survey_found f WHERE f.key = n.key) GROUP BY n.key ORDER BY n.key LIMIT %s"
    )
    last, looked = "", 0
    while rows := _rows(sql, [last, AT_ONCE]):
        for key, subject in rows:
            looked += 1
            if default_storage.exists(key):
                continue
            report.missing += 1
            if len(report.missing_told) < TOLD:
                report.missing_told.append({"key": key, "row": subject})
        last = rows[-1][0]
        progress("asked for", looked)


def _delete(report: Report, grace: dt.timedelta, progress: Progress) -> None:
    """Delete orphans whose grace time is over, some at a time. Ends early where somebody writes or makes a backup."""
    due = Orphan.objects.filter(first_seen__lte=timezone.now() - grace).order_by("pk")
    while batch := list(due[:AT_ONCE]):
        with transaction.atomic():
            gone = blobs.drop_unnamed([orphan.key for orphan in batch])
            if gone is None:
                report.left_for_later = True
                return
            # Those that were written again meanwhile are somebody's; the next walk says whose.
            Orphan.objects.filter(pk__in=[orphan.pk for orphan in batch]).delete()
        sizes = {orphan.key: orphan.size_bytes for orphan in batch}
        report.deleted += len(gone)
        report.deleted_bytes += sum(sizes[key] for key in gone)
        _take_off(sizes, gone)
        progress("deleted", report.deleted)


def _take_off(sizes: dict[str, int], gone: list[str]) -> None:
    """What was deleted no longer counts, so that work which waits for space goes on at once."""
    off: dict[tuple[int, str], tuple[int, int]] = {}
    for key in gone:
        parts = key.split("/")
        if len(parts) > 3 and parts[0].isdigit() and not parts[-1].startswith("."):
            files, size = off.get((int(parts[0]), parts[2]), (0, 0))
            off[int(parts[0]), parts[2]] = (files + 1, size + sizes[key])
    for (workspace, kind), (files, size) in off.items():
        held = Holding.objects.filter(workspace=workspace, kind=kind).first()
        if held:
            held.files, held.size_bytes = max(0, held.files - files), max(0, held.size_bytes - size)
            held.save(update_fields=["files", "size_bytes"])


def _rows(sql: str, params: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
