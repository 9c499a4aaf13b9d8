"""How far a batch is, from its tallies: never a count over its jobs, however many it has."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import QuerySet, Sum
from django.utils import timezone

from apps.jobs.models import HELD_STATES, OPEN_STATES, Batch, BatchState, Job, JobState, Tally

BROKEN = (JobState.FAILED, JobState.QUARANTINED)
# The pace is taken from this many of the latest pictures, as far as they are not older than this.
PACE_JOBS = 200
PACE_WINDOW = dt.timedelta(minutes=10)


@dataclass(frozen=True)
class Counts:
    """What the tallies of one batch add up to. `troubles`: error code → jobs that ended without a picture."""

    states: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, int] = field(default_factory=dict)
    cached: int = 0
    cost_micros: int = 0

    @property
    def total(self) -> int:
        return sum(self.states.values())

    @property
    def open(self) -> int:
        return sum(self.states.get(s, 0) for s in OPEN_STATES)

    @property
    def ended(self) -> int:
        return self.total - self.open

    @property
    def done(self) -> int:
        return self.states.get(JobState.DONE, 0)

    @property
    def failed(self) -> int:
        return sum(self.states.get(s, 0) for s in BROKEN)

    @property
    def cancelled(self) -> int:
        return self.states.get(JobState.CANCELLED, 0)

    @property
    def running(self) -> int:
        return sum(self.states.get(s, 0) for s in HELD_STATES)

    @property
    def percent(self) -> int:
        """Rounded down: 100 only where nothing is open."""
        return 100 * self.ended // self.total if self.total else 100

    def as_json(self) -> dict[str, object]:
        return {
            **{str(state): n for state, n in sorted(self.states.items()) if n},
            "total": self.total,
            "open": self.open,
            "cached": self.cached,
            "cost_micros": self.cost_micros,
            "troubles": self.troubles,
        }


def counts(batches: Iterable[int]) -> dict[int, Counts]:
    """batch → its counts, in one query over a few rows each; zeros for a batch without jobs."""
    found: dict[int, list[tuple[str, str, int]]] = {pk: [] for pk in batches}
    rows = Tally.objects.filter(batch__in=list(found)).order_by().values_list("batch", "kind", "reason")
    for pk, kind, reason, amount in rows.annotate(n=Sum("amount")):
        found[pk].append((kind, reason, amount))
    return {pk: _counts(some) for pk, some in found.items()}


def _counts(rows: list[tuple[str, str, int]]) -> Counts:
    states: defaultdict[str, int] = defaultdict(int)
    troubles: defaultdict[str, int] = defaultdict(int)
    cached = cost_micros = 0
    for kind, reason, amount in rows:
        if kind == "cost":
            cost_micros += amount
            continue
        states[kind] += amount
        if kind in BROKEN and amount:
            troubles[reason] += amount
        if kind == JobState.DONE and reason == "cached":
            cached += amount
    ordered = dict(sorted(troubles.items(), key=lambda pair: (-pair[1], pair[0])))
    return Counts(dict(states), {code: n for code, n in ordered.items() if n > 0}, cached, cost_micros)


@dataclass(frozen=True)
class Pace:
    """Pictures a minute of late, and how long the rest takes at that pace; None where nothing tells."""

    per_minute: float | None = None
    left_s: float | None = None


def pace(batch: Batch, counted: Counts) -> Pace:
    """From the newest pictures that were really rendered; an index gives them, however large the batch is."""
    if batch.state != BatchState.RUNNING or not counted.open:
        return Pace()
    now = timezone.now()
    latest = list(
        Job.objects.filter(batch=batch, cached=False, finished_at__gte=now - PACE_WINDOW)
        .order_by("-finished_at")
        .values_list("finished_at", flat=True)[:PACE_JOBS]
    )
    if len(latest) < 2 or latest[-1] is None:
        return Pace()
    seconds = max(1.0, (now - latest[-1]).total_seconds())
    per_second = len(latest) / seconds
    return Pace(per_second * 60, counted.open / per_second)


def examples(batch: Batch, codes: Iterable[str]) -> dict[str, Job]:
    """error code → the newest job of the batch that ended with it. Two queries, whatever the number of failures."""
    broken = Job.objects.filter(batch=batch, state__in=BROKEN)
    newest = [broken.filter(error_code=code).order_by("-pk").values("pk")[:1] for code in codes]
    if not newest:
        return {}
    found = newest[0].union(*newest[1:], all=True) if newest[1:] else newest[0]
    jobs = Job.objects.filter(pk__in=[row["pk"] for row in found]).select_related("photo__product")
    return {job.error_code: job for job in jobs}


def batches_of(workspace: int) -> QuerySet[Batch]:
    """Newest first; pilots stand with the batch that waits for them."""
    return (
        Batch.objects.filter(workspace=workspace)
        .select_related("store", "recipe_version__recipe", "pilot_of", "pilot")
        .order_by("-pk")
    )


def at_cap(batch: Batch, counted: Counts) -> bool:
    """Whether nothing more is handed out because of what the batch has cost."""
    if batch.cap_micros is None or not counted.open:
        return False
    return batch.cap_reached_at is not None or counted.cost_micros >= batch.cap_micros
