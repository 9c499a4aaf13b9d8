"""How well a store's mirror is kept: what reconciliation found that no webhook had told. Reads only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from apps.catalog.models import Sync
from apps.ingest import selectors as ingest
from apps.lib.work import WorkState
from apps.stores.models import Store

WEEK, MONTH = 7, 30
# Up to so many percent are lost on a busy shop without anything being wrong.
HEALTHY_PERCENT = 5


@dataclass(frozen=True)
class Drift:
    """Sums over the runs of some days. `photos` are those of new and changed products that differed."""

    days: int
    runs: int
    looked_at: int
    changed: int
    new: int
    gone: int
    photos: int
    late: int
    seconds: float

    @property
    def products(self) -> int:
        """Products of which no webhook told, not even a late one."""
        return max(0, self.changed + self.new + self.gone - self.late)


@dataclass(frozen=True)
class Keeping:
    """`by_webhook`: changes of the last month that a webhook told; `by_polling`: those that only reading found.

    Deleting for good sends no webhook anywhere, so what was gone counts for neither. `by_day`: drift of each day of the
    month, the oldest first.
    """

    last: Sync | None
    week: Drift
    month: Drift
    by_webhook: int
    by_polling: int
    by_day: list[int]

    @property
    def spans(self) -> list[Drift]:
        return [self.week, self.month]

    @property
    def changes(self) -> int:
        return self.by_webhook + self.by_polling

    @property
    def polled_percent(self) -> int:
        return round(100 * self.by_polling / self.changes) if self.changes else 0

    @property
    def healthy(self) -> bool:
        return self.polled_percent <= HEALTHY_PERCENT


def of_store(store: Store) -> Keeping:
    """Five queries, however many runs there were."""
    month = _sums(store, MONTH)
    since = timezone.now() - dt.timedelta(days=MONTH)
    return Keeping(
        last=last_run(store),
        week=_sums(store, WEEK),
        month=month,
        by_webhook=ingest.told_something(store.pk, since) + month.late,
        by_polling=max(0, month.changed + month.new - month.late),
        by_day=_by_day(store),
    )


def last_run(store: Store) -> Sync | None:
    return _runs(store).order_by("-finished_at").first()


def _runs(store: Store) -> Any:
    return Sync.objects.filter(store=store, work_state=WorkState.DONE)


def _sums(store: Store, days: int) -> Drift:
    runs = _runs(store).filter(finished_at__gte=timezone.now() - dt.timedelta(days=days))
    columns = ("products", "drift_changed", "drift_new", "drift_gone", "drift_photos", "came_late")
    took = Sum(F("finished_at") - F("started_at"))
    found = runs.aggregate(**{f"sum_{c}": Sum(c) for c in columns}, took=took)
    looked_at, changed, new, gone, photos, late = (found[f"sum_{c}"] or 0 for c in columns)
    seconds = found["took"].total_seconds() if found["took"] else 0.0
    return Drift(days, runs.count(), looked_at, changed, new, gone, photos, late, seconds)


def _by_day(store: Store) -> list[int]:
    today = timezone.now().astimezone(dt.UTC).date()
    first = today - dt.timedelta(days=MONTH - 1)
    rows = (
        _runs(store)
        .filter(finished_at__date__gte=first)
        .annotate(day=TruncDate("finished_at", tzinfo=dt.UTC))
        .order_by()
        .values("day")
        .annotate(n=Sum(F("drift_changed") + F("drift_new") + F("drift_gone") - F("came_late")))
    )
    found = {row["day"]: max(0, row["n"]) for row in rows}
    return [found.get(first + dt.timedelta(days=n), 0) for n in range(MONTH)]


def as_json(keeping: Keeping) -> dict[str, Any]:
    """For programs."""
    return {
        "last": run_as_json(keeping.last) if keeping.last else None,
        "days_7": _drift_as_json(keeping.week),
        "days_30": _drift_as_json(keeping.month),
        "by_day": keeping.by_day,
        "told_by_webhook": keeping.by_webhook,
        "found_by_polling_only": keeping.by_polling,
        "polling_only_percent": keeping.polled_percent,
        "webhooks_healthy": keeping.healthy,
    }


def run_as_json(run: Sync) -> dict[str, Any]:
    return {
        "sync": run.pk,
        "everything": run.since is None,
        "first": run.first,
        "products": run.products,
        "changed": run.drift_changed,
        "new": run.drift_new,
        "gone": run.drift_gone,
        "photos": run.drift_photos,
        "late": run.came_late,
        "drift": run.drift,
        "seconds": run.seconds,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
    }


def _drift_as_json(drift: Drift) -> dict[str, Any]:
    return {**vars(drift), "drift": drift.products}
