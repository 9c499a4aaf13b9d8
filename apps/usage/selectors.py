"""Prices, what was spent, what is left, and how near a budget is. Sums come from `Daily`, never from all records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet, Sum
from django.utils import timezone

from apps.usage import months
from apps.usage.models import Budget, Daily, Level, Price, Reached, Record, Reservation

SECONDS_PER_HOUR = 3600
# Until an operator enters prices. CPU time on one's own machine costs power, not rent: a round figure, in micros.
DEFAULT_MICROS_PER_HOUR = {"cpu": 36_000, "cuda": 2_520_000}


# Asked with every result: written out, it takes a fifth of what the ORM spends on the question.
_PRICE = f"""
SELECT micros_per_hour FROM {Price._meta.db_table} WHERE device IN (%s, %s) AND valid_from <= %s
ORDER BY device = %s DESC, valid_from DESC LIMIT 1
"""  # noqa: S608 - only our own table's name is formatted in

# -- prices ------------------------------------------------------------------------------------------------------


def micros_per_hour(device: str, at: dt.datetime | None = None) -> int:
    """The price valid at that time (now) for a device such as ``cpu`` or ``cuda:NVIDIA L4``; its family is the
    fallback."""
    family = device.split(":", 1)[0]
    with connection.cursor() as cursor:
        cursor.execute(_PRICE, [device, family, at or timezone.now(), device])
        newest = cursor.fetchone()
    if newest:
        return int(newest[0])
    return DEFAULT_MICROS_PER_HOUR.get(family, DEFAULT_MICROS_PER_HOUR["cuda"])


def micros_per_second(device: str) -> float:
    """As `micros_per_hour`, for a second."""
    return micros_per_hour(device) / SECONDS_PER_HOUR


def cost_micros(device_seconds: float, per_hour: int) -> int:
    return round(device_seconds * per_hour / SECONDS_PER_HOUR)


@dataclass(frozen=True)
class Priced:
    """A price in the table. `state`: valid, coming, past, or default where nobody entered one for the family."""

    device: str
    micros_per_hour: int
    valid_from: dt.datetime | None
    state: str


def price_list() -> list[Priced]:
    """Every price with what it is now, by device, the newest first; defaults stand for families without a valid one."""
    now = timezone.now()
    found: list[Priced] = []
    valid: set[str] = set()
    for row in Price.objects.order_by("device", "-valid_from"):
        state = "coming" if row.valid_from > now else "past" if row.device in valid else "valid"
        if state == "valid":
            valid.add(row.device)
        found.append(Priced(row.device, row.micros_per_hour, row.valid_from, state))
    missing = sorted(DEFAULT_MICROS_PER_HOUR.keys() - valid)
    found += [Priced(name, DEFAULT_MICROS_PER_HOUR[name], None, "default") for name in missing]
    return sorted(found, key=lambda p: p.device)  # stable: the newest of a device stays first


# -- budgets -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """How a workspace stands against its month's budget. `booked_micros` was used, `reserved_micros` is under way.

    `held`: the dispatcher found that not even one more picture fits under the stop.
    """

    workspace: int
    month: dt.date
    booked_micros: int
    reserved_micros: int
    warn_micros: int | None
    stop_micros: int | None
    held: bool = False

    @property
    def spent_micros(self) -> int:
        return self.booked_micros + self.reserved_micros

    @property
    def left_micros(self) -> int | None:
        """What may still be handed out; None without a limit."""
        return None if self.stop_micros is None else max(0, self.stop_micros - self.spent_micros)

    @property
    def level(self) -> str:
        """``stop``, ``warn``, or empty while there is nothing to say."""
        if self.stop_micros is not None and (self.held or self.booked_micros >= self.stop_micros):
            return Level.STOP.value
        if self.warn_micros is not None and self.booked_micros >= self.warn_micros:
            return Level.WARN.value
        return ""

    @property
    def limit_micros(self) -> int | None:
        """The limit that `level` speaks of."""
        return {Level.STOP: self.stop_micros, Level.WARN: self.warn_micros}.get(self.level)  # type: ignore[call-overload]


_STANDINGS = f"""
SELECT w.id, d.cost, r.cost, b.warn_micros, b.stop_micros, h.id IS NOT NULL
FROM unnest(%(workspaces)s::bigint[]) AS w(id)
LEFT JOIN {Budget._meta.db_table} b ON b.workspace_id = w.id
CROSS JOIN LATERAL (SELECT COALESCE(sum(cost_micros), 0)::bigint AS cost FROM {Daily._meta.db_table}
    WHERE workspace_id = w.id AND day >= %(month)s) d
CROSS JOIN LATERAL (SELECT COALESCE(sum(cost_micros), 0)::bigint AS cost FROM {Reservation._meta.db_table}
    WHERE workspace_id = w.id) r
LEFT JOIN {Reached._meta.db_table} h ON h.workspace_id = w.id AND h.month = %(month)s AND h.level = 'stop'
    AND h.limit_micros = b.stop_micros AND h.holds
"""  # noqa: S608 - only our own tables' names are formatted in


def standings(workspaces: Iterable[int]) -> dict[int, Standing]:
    """Workspace → how it stands this month. One query over a few rows each."""
    month = months.this()
    with connection.cursor() as cursor:
        cursor.execute(_STANDINGS, {"workspaces": list(workspaces), "month": month})
        return {row[0]: Standing(row[0], month, *row[1:]) for row in cursor.fetchall()}


def standing(workspace: int) -> Standing:
    return standings([workspace])[workspace]


def budgets_near() -> list[Standing]:
    """Every workspace that has reached a level of its budget this month, for whoever tells people of it.

    A notice is due once per (`workspace`, `month`, `level`, `limit_micros`).
    """
    limited = Budget.objects.order_by("workspace").values_list("workspace", flat=True)
    return [found for found in standings(limited).values() if found.level]


def spent_micros(workspace: int) -> int:
    """Booked in this calendar month (UTC), plus what is reserved."""
    return standing(workspace).spent_micros


def left_micros(workspace: int) -> int | None:
    """What this month's budget still allows; None without a limit."""
    return standing(workspace).left_micros


def reserved_micros(attempts: Iterable[int]) -> int:
    """What these attempts are expected to cost, as far as they have not ended."""
    held = Reservation.objects.filter(attempt__in=list(attempts)).aggregate(s=Sum("cost_micros"))["s"]
    return held or 0


# -- sums --------------------------------------------------------------------------------------------------------

COUNTED = ("attempts", "pictures", "cached", "mattes_made", "mattes_reused", "bytes_in", "bytes_out")
SUMS = (*COUNTED, "device_seconds", "cost_micros")
BY = ("day", "store", "recipe", "batch")


@dataclass(frozen=True)
class Sums:
    """What some work came to. `pictures` were rendered, `cached` answered by earlier renders."""

    attempts: int = 0
    pictures: int = 0
    cached: int = 0
    mattes_made: int = 0
    mattes_reused: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    device_seconds: float = 0.0
    cost_micros: int = 0

    @property
    def each_micros(self) -> float | None:
        """What one rendered picture cost, failed tries included; None where none was rendered."""
        return self.cost_micros / self.pictures if self.pictures else None

    @property
    def hit_share(self) -> float | None:
        """Of all pictures, the share that cost nothing (0 to 1); None where there were none."""
        every = self.pictures + self.cached
        return self.cached / every if every else None

    @property
    def matte_hit_share(self) -> float | None:
        """Of the cut-outs that renders needed, the share that was there already (0 to 1); None where none was."""
        every = self.mattes_made + self.mattes_reused
        return self.mattes_reused / every if every else None


def daily(workspace: int, since: dt.date, until: dt.date) -> QuerySet[Daily]:
    """Rows from `since` to before `until`."""
    return Daily.objects.filter(workspace=workspace, day__gte=since, day__lt=until).order_by()


def sums(workspace: int, since: dt.date, until: dt.date) -> Sums:
    found = daily(workspace, since, until).aggregate(**{name: Sum(name) for name in SUMS})
    return Sums(**{name: value or 0 for name, value in found.items()})


def sums_by(workspace: int, since: dt.date, until: dt.date, *by: str) -> list[tuple[tuple, Sums]]:
    """One line per combination of `by` (some of BY), the dearest first."""
    rows = daily(workspace, since, until).values_list(*by).annotate(**{f"{n}_sum": Sum(n) for n in SUMS})
    found = [(tuple(row[: len(by)]), Sums(**dict(zip(SUMS, row[len(by) :], strict=True)))) for row in rows]
    return sorted(found, key=lambda pair: (-pair[1].cost_micros, pair[0]))


def by_day(workspace: int, month: dt.date) -> list[tuple[dt.date, Sums]]:
    """Each day of a month, those without work too."""
    found = {key[0]: total for key, total in sums_by(workspace, month, months.after(month), "day")}
    return [(day, found.get(day, Sums())) for day in months.days(month)]


def recently(workspace: int, *, days: int = 30) -> Sums:
    """The last so many days, today among them."""
    today = timezone.now().astimezone(dt.UTC).date()
    return sums(workspace, today - dt.timedelta(days=days - 1), today + dt.timedelta(days=1))


def cost_of_job(job: int) -> int:
    """What all its attempts together cost, in micros."""
    return Record.objects.filter(job=job).aggregate(s=Sum("cost_micros"))["s"] or 0


def records_of(workspace: int, month: dt.date | None = None) -> QuerySet[Record]:
    """Each attempt that was booked, newest first."""
    found = Record.objects.filter(workspace=workspace).order_by("-pk")
    return found.filter(at__range=_within(month)) if month else found


def _within(month: dt.date) -> Sequence[dt.datetime]:
    start = dt.datetime(month.year, month.month, 1, tzinfo=dt.UTC)
    end = months.after(month)
    return start, dt.datetime(end.year, end.month, 1, tzinfo=dt.UTC) - dt.timedelta(microseconds=1)
