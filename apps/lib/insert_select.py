"""Fill a table from a query inside the database: no row passes through Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models
from django.db.models import Field, Model
from django.db.models.fields import NOT_PROVIDED
from django.utils import timezone


def insert_select(
    model: type[Model],
    given: Mapping[str, str],
    rows: str,
    params: Sequence[Any] = (),
    *,
    given_params: Sequence[Any] = (),
) -> int:
    """INSERT INTO model SELECT … `rows` is the part from FROM on, `given` maps columns to SQL over it.

    Columns that are not given get their field's own default, so a field added later is not forgotten. Returns the
    number of rows. Values that came from outside go into `params` (of `rows`) and `given_params` only.
    """
    columns, values, defaults = list(given), list(given.values()), []
    for field in model._meta.local_concrete_fields:
        column = field.column
        if column is None or field.primary_key or column in given or field.db_default is not NOT_PROVIDED:
            continue
        columns.append(column)
        values.append("%s")
        defaults.append(_default(field))
    names = ", ".join(f'"{name}"' for name in columns)
    sql = f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT {", ".join(values)} {rows}'
    with connection.cursor() as cursor:
        cursor.execute(sql, [*given_params, *defaults, *params])
        return cursor.rowcount


def _default(field: Field[Any, Any]) -> Any:
    if isinstance(field, models.DateTimeField) and (field.auto_now or field.auto_now_add):
        return timezone.now()
    return field.get_db_prep_save(field.get_default(), connection)
