"""Book, reserve, settle. Booking an attempt twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection

from apps.usage import selectors
from apps.usage.models import Record, Reservation

# One statement: what was reserved is freed where the attempt is booked.
_BOOK = f"""
WITH settled AS (DELETE FROM {Reservation._meta.db_table} WHERE attempt = %(attempt)s)
INSERT INTO {Record._meta.db_table} (workspace_id, attempt, job, at, engine, device, device_seconds, bytes_in,
    bytes_out, cost_micros, outcome)
VALUES (%(workspace)s, %(attempt)s, %(job)s, now(), %(engine)s, %(device)s, %(device_seconds)s, %(bytes_in)s,
    %(bytes_out)s, %(cost)s, %(outcome)s)
ON CONFLICT (attempt) DO NOTHING
"""  # noqa: S608 - only our own tables' names are formatted in


def book(
    *,
    workspace: int,
    attempt: int,
    job: int,
    engine: str,
    device: str,
    device_seconds: float,
    bytes_in: int,
    bytes_out: int,
    outcome: str,
) -> bool:
    """One row per attempt (unique key). Returns False where it was booked before."""
    values: dict[str, Any] = {
        "workspace": workspace,
        "attempt": attempt,
        "job": job,
        "engine": engine,
        "device": device,
        "device_seconds": device_seconds,
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
        "cost": round(device_seconds * selectors.micros_per_second(device)),
        "outcome": outcome,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BOOK, values)
        return cursor.rowcount == 1


def reserving(rows: str, *, workspace: str, attempt: str, cost: str) -> str:
    """`reserve` as a part of a larger statement: for each of `rows`, with SQL for the three values."""
    table = Reservation._meta.db_table
    return (
        f"INSERT INTO {table} (workspace_id, attempt, cost_micros)"  # noqa: S608 - all of it is SQL of our own
        f" SELECT {workspace}, {attempt}, {cost} FROM {rows} ON CONFLICT (attempt) DO NOTHING"
    )


def reserve(items: Iterable[tuple[int, int, int]]) -> None:
    """(workspace, attempt, cost_micros) of attempts that are being handed out."""
    Reservation.objects.bulk_create(
        [Reservation(workspace_id=w, attempt=a, cost_micros=c) for w, a, c in items], ignore_conflicts=True
    )


def settle(attempts: Iterable[int]) -> None:
    """Free what was reserved: the attempt was booked, or ended without work."""
    Reservation.objects.filter(attempt__in=list(attempts)).delete()
