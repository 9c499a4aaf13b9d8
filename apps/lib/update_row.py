"""Change one row: a statement that is written once per set of columns.

To compose an UPDATE anew takes the ORM several times as long as the database needs to carry it out, which counts where
every job of a hundred thousand is moved several times.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from django.db import connection
from django.db.models import Field, Model


def update_row(model: type[Model], pk: int, changes: Mapping[str, Any], *, where: Mapping[str, Any]) -> bool:
    """As `filter(pk=pk, **where).update(**changes)`, for plain values by field name (a foreign key's is an id).

    False where the row is not, or no longer, so. Nothing equals None in `where`, as in SQL.
    """
    sql, fields = _statement(model, tuple(changes), tuple(where))
    given = [*changes.values(), *where.values()]
    values = [field.get_db_prep_save(value, connection) for field, value in zip(fields, given, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, pk])
        return bool(cursor.rowcount)


@cache
def _statement(
    model: type[Model], changes: tuple[str, ...], where: tuple[str, ...]
) -> tuple[str, tuple[Field[Any, Any], ...]]:
    fields = [cast("Field[Any, Any]", model._meta.get_field(name)) for name in (*changes, *where)]
    told = ", ".join(f'"{field.column}" = %s' for field in fields[: len(changes)])
    still = "".join(f'"{field.column}" = %s AND ' for field in fields[len(changes) :])
    table, key = model._meta.db_table, model._meta.pk.column
    sql = f'UPDATE "{table}" SET {told} WHERE {still}"{key}" = %s'  # noqa: S608 - names of our own tables
    return sql, tuple(fields)
