"""Write every stored secret anew with the first of FIELD_KEYS, so that older keys can be thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model
from psycopg import sql

from apps.lib import crypto
from apps.lib.crypto import EncryptedJSONField

AT_ONCE = 500


@dataclass
class Rotated:
    """How many secrets there are, how many were written anew, and those that no key opens, by ``table.column id``."""

    secrets: int = 0
    renewed: int = 0
    lost: list[str] = field(default_factory=list)


def rotate(*, dry_run: bool = False) -> Rotated:
    """Go through all secrets, some at once, each batch a transaction: it may be stopped and run again at any time.

    With `dry_run`, `renewed` counts those that an older key still has to open, and nothing is written. One that no key
    opens is named and left as it is. Raises ImproperlyConfigured without FIELD_KEYS.
    """
    done = Rotated()
    crypto.encrypt("")  # says what is missing before anything is touched
    newest = Fernet(settings.FIELD_KEYS[0])
    for model, column in secret_columns():
        last = 0
        while batch := _batch(model, column, last, newest, done, dry_run):
            last = batch
    return done


def secret_columns() -> Iterator[tuple[type[Model], str]]:
    """Every column of ours that holds ciphertext."""
    for model in apps.get_models():
        for column in model._meta.local_concrete_fields:
            if isinstance(column, EncryptedJSONField) and column.column:
                yield model, column.column


@transaction.atomic
def _batch(
    model: type[Model], column: str, after: int, newest: Fernet, done: Rotated, dry_run: bool
) -> int | None:
    names = {"table": sql.Identifier(model._meta.db_table), "column": sql.Identifier(column)}
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "SELECT id, {column} FROM {table} WHERE id > %s AND {column} IS NOT NULL"
                " ORDER BY id LIMIT %s FOR UPDATE"
            ).format(**names),
            [after, AT_ONCE],
        )
        rows = cursor.fetchall()
        for pk, sealed in rows:
            done.secrets += 1
            if _opens(newest, sealed):
                continue
            fresh = crypto.renewed(sealed)
            if fresh is None:
                done.lost.append(f"{model._meta.db_table}.{column} {pk}")
                continue
            done.renewed += 1
            if not dry_run:
                cursor.execute(
                    sql.SQL("UPDATE {table} SET {column} = %s WHERE id = %s").format(**names), [fresh, pk]
                )
    return rows[-1][0] if rows else None


def _opens(key: Fernet, sealed: str) -> bool:
    try:
        key.decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True
