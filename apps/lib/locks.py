"""PostgreSQL advisory locks: one active process, or one writer per name."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator

from django.db import connection


def _key(name: str) -> int:
    return zlib.crc32(name.encode())


@contextlib.contextmanager
def session_lock(name: str) -> Iterator[bool]:
    """Try a lock that lasts as long as the connection; yields whether we hold it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_key(name)])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held and connection.connection is not None:
            with contextlib.suppress(Exception), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_key(name)])


def transaction_lock(name: str, *, shared: bool = False) -> None:
    """Wait for a lock that ends with the current transaction; several may hold it shared."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}(%s)", [_key(name)])


def try_transaction_lock(name: str, *, shared: bool = False) -> bool:
    """The same without waiting: whether we hold it now."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_xact_lock{'_shared' if shared else ''}(%s)", [_key(name)])
        return bool(cursor.fetchone()[0])
