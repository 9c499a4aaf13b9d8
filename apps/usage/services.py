"""Book, reserve, settle; set prices and budgets. Booking an attempt twice changes nothing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.audit import services as audit
from apps.lib import wire
from apps.lib.errors import BadRequest
from apps.lib.insert_once import insert_once
from apps.lib.locks import transaction_lock
from apps.usage import months, selectors
from apps.usage.models import Budget, Daily, Level, Price, Reached, Record, Reservation
from apps.usage.selectors import Standing

MOST_MICROS = 2**62
# One statement: what was reserved is freed where the attempt is booked.
_BOOK = f"""
WITH told AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS t(workspace bigint, attempt bigint, job bigint, store bigint,
        recipe bigint, batch bigint, at timestamptz, engine text, device text, seconds float8, bytes_in bigint,
        bytes_out bigint, price bigint, cost bigint, outcome text, cutout text, estimated boolean)
), settled AS (DELETE FROM {Reservation._meta.db_table} r USING told WHERE r.attempt = told.attempt)
INSERT INTO {Record._meta.db_table} (workspace_id, attempt, job, store, recipe, batch, at, engine, device,
    device_seconds, bytes_in, bytes_out, micros_per_hour, cost_micros, outcome, cutout, estimated)
SELECT workspace, attempt, job, store, recipe, batch, at, engine, device, seconds, bytes_in, bytes_out, price, cost,
    outcome, cutout, estimated FROM told
ON CONFLICT (attempt) DO NOTHING RETURNING attempt
"""  # noqa: S608 - only our own tables' names are formatted in

_PUT_RIGHT = f"""
UPDATE {Record._meta.db_table} SET engine = %(engine)s, device = %(device)s, device_seconds = %(seconds)s,
    bytes_in = %(bytes_in)s, bytes_out = %(bytes_out)s, micros_per_hour = %(price)s, cost_micros = %(cost)s,
    cutout = %(cutout)s, estimated = false
WHERE attempt = %(attempt)s AND estimated
"""  # noqa: S608 - only our own table's name is formatted in


@dataclass(frozen=True, kw_only=True)
class Use:
    """What one attempt used. `estimated`: nobody said so, its beats tell."""

    workspace: int
    attempt: int
    job: int
    engine: str
    device: str
    device_seconds: float
    bytes_in: int
    bytes_out: int
    outcome: str
    store: int = 0
    recipe: int = 0
    batch: int | None = None
    cutout: str = ""
    estimated: bool = False


def book(*uses: Use) -> int:
    """One row per attempt (unique key), and what was reserved for it is free again. Returns how many changed anything:
    one that was booked before does not.

    The price of the day counts. What was `estimated` is put right once by what the worker says later, at the price of
    the day on which it was booked; its outcome stays.
    """
    if not uses:
        return 0
    now = timezone.now()
    prices = {device: selectors.micros_per_hour(device, now) for device in {use.device for use in uses}}
    rows = {use.attempt: _row(use, now, prices[use.device]) for use in uses}
    with connection.cursor() as cursor:
        cursor.execute(_BOOK, [json.dumps(list(rows.values()))])
        booked = {attempt for (attempt,) in cursor.fetchall()}
    late = [use for use in uses if use.attempt not in booked]
    return len(booked) + sum(_put_right(use) for use in late)


def _row(use: Use, at: dt.datetime, price: int) -> dict[str, Any]:
    seconds = use.device_seconds
    told = {
        "at": at.isoformat(),
        "seconds": seconds,
        "price": price,
        "cost": selectors.cost_micros(seconds, price),
    }
    return vars(use) | told | {"batch": use.batch or 0}


def _put_right(use: Use) -> bool:
    booked_at = None if use.estimated else _estimated_at(use.attempt)
    if booked_at is None:
        return False
    price = selectors.micros_per_hour(use.device, booked_at)
    with connection.cursor() as cursor:
        cursor.execute(_PUT_RIGHT, _row(use, booked_at, price))
        return cursor.rowcount == 1


def _estimated_at(attempt: int) -> dt.datetime | None:
    """When it was booked at an estimate; None where it was not."""
    return Record.objects.filter(attempt=attempt, estimated=True).values_list("at", flat=True).first()


def reserving(rows: str, *, workspace: str, attempt: str, cost: str) -> str:
    """`reserve` as a part of a larger statement: for each of `rows`, with SQL for the three values."""
    table = Reservation._meta.db_table
    return (
        f"INSERT INTO {table} (workspace_id, attempt, cost_micros)"  # noqa: S608 - all of it is SQL of our own
        f" SELECT {workspace}, {attempt}, {cost} FROM {rows} ON CONFLICT (attempt) DO NOTHING"
    )


def note_cached(*, workspace: int, store: int, recipe: int, batch: int | None) -> None:
    """A picture was answered by an earlier or simultaneous render and cost nothing."""
    day = timezone.now().astimezone(dt.UTC).date()
    insert_once(
        Daily(workspace_id=workspace, day=day, store=store, recipe=recipe, batch=batch or 0, cached=1)
    )


def reserve(items: Iterable[tuple[int, int, int]]) -> None:
    """(workspace, attempt, cost_micros) of attempts that are being handed out."""
    Reservation.objects.bulk_create(
        [Reservation(workspace_id=w, attempt=a, cost_micros=c) for w, a, c in items], ignore_conflicts=True
    )


def settle(attempts: Iterable[int]) -> None:
    """Free what was reserved: the attempt was booked, or ended without work."""
    Reservation.objects.filter(attempt__in=list(attempts)).delete()


def one_at_a_time(workspace: int) -> None:
    """Until the transaction ends nobody else hands out work for this workspace's money."""
    transaction_lock(f"usage-spend-{workspace}")


# -- folding -----------------------------------------------------------------------------------------------------

_SUMS = ", ".join(selectors.SUMS)
_ADDED = ", ".join(f"sum({name})" for name in selectors.SUMS)
# One statement: what it deletes and the sums it inserts are one commit. Rows that another transaction holds are left
# for the next time, and so are days that ended long ago: they are few.
_FOLD = f"""
WITH many AS (
    SELECT workspace_id, day, store, recipe, batch FROM {Daily._meta.db_table} WHERE day >= %(since)s
    GROUP BY 1, 2, 3, 4, 5 HAVING count(*) > 1 LIMIT %(groups)s
), taken AS (
    SELECT d.id FROM {Daily._meta.db_table} d JOIN many USING (workspace_id, day, store, recipe, batch)
    WHERE d.day >= %(since)s FOR UPDATE OF d SKIP LOCKED
), gone AS (
    DELETE FROM {Daily._meta.db_table} d USING taken WHERE d.id = taken.id RETURNING d.*
), kept AS (
    INSERT INTO {Daily._meta.db_table} (workspace_id, day, store, recipe, batch, {_SUMS})
    SELECT workspace_id, day, store, recipe, batch, {_ADDED} FROM gone GROUP BY 1, 2, 3, 4, 5 RETURNING 1
)
SELECT (SELECT count(*) FROM gone) - (SELECT count(*) FROM kept)
"""  # noqa: S608 - only our own names are formatted in


def fold(*, groups: int = 500, days: int = 40) -> int:
    """Add up the changes of the last days. Returns how many rows fewer there are."""
    since = timezone.now().astimezone(dt.UTC).date() - dt.timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, {"groups": groups, "since": since})
        return int(cursor.fetchone()[0])


# -- prices and budgets ------------------------------------------------------------------------------------------


@transaction.atomic
def set_price(device: str, micros_per_hour: int, *, valid_from: dt.date | None = None) -> Price:
    """What an hour on a device costs from a day on (UTC; today unless told). Raises BadRequest.

    What was booked keeps its price. A price that has begun on an earlier day can't be set any more.
    """
    today = timezone.now().astimezone(dt.UTC).date()
    day = valid_from or today
    name = device.strip()
    if not name or len(name) > 40:
        raise BadRequest("Name a device: cpu, cuda, or one model such as cuda:NVIDIA L4.")
    if not 0 <= micros_per_hour < MOST_MICROS:
        raise BadRequest("A price is nothing or more.")
    if day < today:
        raise BadRequest(
            "A price holds from today or a later day on: what was booked before keeps its price."
        )
    start = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    price, _ = Price.objects.update_or_create(
        device=name, valid_from=start, defaults={"micros_per_hour": micros_per_hour}
    )
    return price


@transaction.atomic
def drop_price(device: str, *, valid_from: dt.date) -> None:
    """Take back a price that has not begun yet. Raises BadRequest."""
    start = dt.datetime(valid_from.year, valid_from.month, valid_from.day, tzinfo=dt.UTC)
    coming = Price.objects.filter(device=device, valid_from=start, valid_from__gt=timezone.now())
    if not coming.delete()[0]:
        raise BadRequest("There is no such price that is still to come.")


@transaction.atomic
def set_budget(workspace: Workspace, *, warn_micros: int | None, stop_micros: int | None, by: str) -> Budget:
    """A month's limits from now on; None for no limit. Raises BadRequest. A higher stop lets work go on at once."""
    for limit in (warn_micros, stop_micros):
        if limit is not None and not 0 < limit < MOST_MICROS:
            raise BadRequest("A budget is more than nothing; leave it empty for no limit.")
    if warn_micros is not None and stop_micros is not None and warn_micros > stop_micros:
        raise BadRequest("The warning comes before the stop: make it the smaller one.")
    Budget.objects.get_or_create(workspace=workspace)
    budget = Budget.objects.select_for_update().get(workspace=workspace)
    was_warn, was_stop = budget.warn_micros, budget.stop_micros
    if (was_warn, was_stop) == (warn_micros, stop_micros):
        return budget
    budget.warn_micros, budget.stop_micros = warn_micros, stop_micros
    budget.save()
    audit.record(
        "budget.changed",
        workspace=workspace.pk,
        actor=by,
        subject=f"workspace:{workspace.pk}",
        warn=_said(warn_micros),
        stop=_said(stop_micros),
        was_warn=was_warn,
        was_stop=was_stop,
    )
    watch([workspace.pk])
    transaction.on_commit(wire.wake_dispatcher)
    return budget


def watch(workspaces: Iterable[int] | None = None) -> int:
    """Note which levels were reached since the last look, in these workspaces or all. Returns how many are new."""
    if workspaces is None:
        workspaces = Budget.objects.order_by("workspace").values_list("workspace", flat=True)
    new = 0
    for found in selectors.standings(workspaces).values():
        for level, limit in ((Level.WARN, found.warn_micros), (Level.STOP, found.stop_micros)):
            if limit is not None and found.booked_micros >= limit:
                new += _reached(found, level, limit)
    return new


def nothing_fits(workspaces: Iterable[int]) -> None:
    """The dispatcher found that under the stop of these budgets not even one more picture fits."""
    for found in selectors.standings(workspaces).values():
        if found.stop_micros is not None:
            _reached(found, Level.STOP, found.stop_micros)


def fits_again(workspaces: Iterable[int]) -> None:
    """Work was handed out for these workspaces, whatever was noted before."""
    Reached.objects.filter(
        workspace__in=list(workspaces), month=months.this(), level=Level.STOP, holds=True
    ).update(holds=False)


@transaction.atomic
def _reached(found: Standing, level: Level, limit: int) -> bool:
    """Whether it is new. Once per month, level and limit, however many look at the same time."""
    row, new = Reached.objects.get_or_create(
        workspace_id=found.workspace, month=found.month, level=level, limit_micros=limit
    )
    if new:
        audit.record(
            f"budget.{level}",
            workspace=found.workspace,
            subject=f"workspace:{found.workspace}",
            month=f"{found.month:%Y-%m}",
            limit=_said(limit),
            spent=_said(found.booked_micros),
        )
    elif not row.holds:
        Reached.objects.filter(pk=row.pk).update(holds=True)
    return new


def _said(micros: int | None) -> str:
    return "none" if micros is None else f"{micros / 1e6:,.4f}".rstrip("0").rstrip(".")


@transaction.atomic
def forget_store(workspace: int, store: int, *, attempts: Iterable[int] = ()) -> None:
    """What was spent stays spent, and nobody can tell any more on which store. `attempts`: of those that have not
    ended, what was laid aside is free again."""
    Reservation.objects.filter(workspace=workspace, attempt__in=list(attempts)).delete()
    # Their days follow by trigger, so that what is left under the store's number comes to nothing.
    Record.objects.filter(workspace=workspace, store=store).update(store=0, batch=0)
    Daily.objects.filter(workspace=workspace, store=store).delete()
