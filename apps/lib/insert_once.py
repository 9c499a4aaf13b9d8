"""Insert a row unless one with an equal unique key is there: one statement, no savepoint, nobody waits to find out."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Field, Model
from django.db.models.fields import NOT_PROVIDED


def insert_once(row: Model) -> bool:
    """True with the row's id set where it is new; False where a unique key of the table has these values already."""
    sql, fields = _statement(type(row))
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchone()
    if found is None:
        return False
    row.pk = found[0]
    row._state.adding = False
    return True


@cache
def _statement(model: type[Model]) -> tuple[str, tuple[Field[Any, Any], ...]]:
    fields = tuple(
        field
        for field in model._meta.local_concrete_fields
        # What only the database gives a value (an id, an expression) is left to it.
        if not field.primary_key and (field.db_default is NOT_PROVIDED or field.has_default())
    )
    names = ", ".join(f'"{field.column}"' for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    key = model._meta.pk.column
    sql = (
        f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({marks})'  # noqa: S608 - names of our own tables
        f' ON CONFLICT DO NOTHING RETURNING "{key}"'
    )
    return sql, fields
