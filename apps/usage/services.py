"""Book, reserve, settle. Booking an attempt twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, transaction

from apps.usage import selectors
from apps.usage.models import Record, Reservation


@transaction.atomic
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
    cost = round(device_seconds * selectors.micros_per_second(device))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Record._meta.db_table} (workspace_id, attempt, job, at, engine, device, device_seconds,"  # noqa: S608
            " bytes_in, bytes_out, cost_micros, outcome) VALUES (%s,%s,%s,now(),%s,%s,%s,%s,%s,%s,%s)"
            " ON CONFLICT (attempt) DO NOTHING",
            [workspace, attempt, job, engine, device, device_seconds, bytes_in, bytes_out, cost, outcome],
        )
        booked = cursor.rowcount == 1
    settle([attempt])
    return booked


def reserve(items: Iterable[tuple[int, int, int]]) -> None:
    """(workspace, attempt, cost_micros) of attempts that are being handed out."""
    Reservation.objects.bulk_create(
        [Reservation(workspace_id=w, attempt=a, cost_micros=c) for w, a, c in items], ignore_conflicts=True
    )


def settle(attempts: Iterable[int]) -> None:
    """Free what was reserved: the attempt was booked, or ended without work."""
    Reservation.objects.filter(attempt__in=list(attempts)).delete()
