"""Insert rows unless ones with an equal unique key are there: one statement, no savepoint, nobody waits to find out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Field, Model
from django.db.models.fields import NOT_PROVIDED


def insert_once(row: Model) -> bool:
    """True with the row's id set where it is new; False where a unique key of the table has these values already."""
    return insert_all_once([row], key=())[0]


def insert_all_once(rows: Sequence[Model], *, key: Sequence[str]) -> list[bool]:
    """As `insert_once`, for rows of one model. `key`: the attributes that tell them apart, as a unique key does.

    Of two equal ones among them the first is new.
    """
    if not rows:
        return []
    fields = _fields(type(rows[0]))
    values = [
        field.get_db_prep_save(field.pre_save(row, add=True), connection) for row in rows for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(_statement(type(rows[0]), len(rows), tuple(key)), values)
        ids = {tuple(found[1:]): found[0] for found in cursor.fetchall()}
    new = []
    for row in rows:
        pk = ids.pop(tuple(getattr(row, name) for name in key), None)
        new.append(pk is not None)
        if pk is not None:
            row.pk = pk
            row._state.adding = False
    return new


@cache
def _fields(model: type[Model]) -> tuple[Field[Any, Any], ...]:
    return tuple(
        field
        for field in model._meta.local_concrete_fields
        # What only the database gives a value (an id, an expression) is left to it.
        if not field.primary_key and (field.db_default is NOT_PROVIDED or field.has_default())
    )


@cache
def _statement(model: type[Model], rows: int, key: tuple[str, ...]) -> str:
    fields, columns = _fields(model), {field.attname: field.column for field in model._meta.concrete_fields}
    names = ", ".join(f'"{field.column}"' for field in fields)
    marks = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * rows)
    told = ", ".join(f'"{column}"' for column in (model._meta.pk.column, *(columns[name] for name in key)))
    return (
        f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {marks}'  # noqa: S608 - names of our own tables
        f" ON CONFLICT DO NOTHING RETURNING {told}"
    )
