"""Whether a render worker is well: one that fails most of its last jobs rests, and comes back by itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.jobs.models import Worker
from apps.lib import wire
from gpu_worker.contract import BEAT_TTL_S

log = structlog.get_logger(__name__)

REMEMBERED = 20
# It rests when more than half of its last ten failed by its own fault; soon again after a rest that did not help.
RECENT, FEWEST, FEWEST_AFTER_REST = 10, 4, 2
LONGEST_REST_S = 1800.0


@dataclass(frozen=True)
class Health:
    """`state`: ready, draining, resting or silent; `reason` as a person reads it."""

    state: str
    reason: str

    @property
    def fit(self) -> bool:
        return self.state == "ready"


def of(worker: Worker) -> Health:
    now = timezone.now()
    if worker.beat_at < now - dt.timedelta(seconds=BEAT_TTL_S):
        return Health("silent", f"It has not been heard of since {worker.beat_at:%d %B %H:%M} UTC.")
    if worker.draining:
        return Health("draining", "It finishes what it has and takes nothing new.")
    if worker.rest_until is not None and worker.rest_until > now:
        minutes = max(1, round((worker.rest_until - now).total_seconds() / 60))
        return Health("resting", f"It rests for about {minutes} min: {worker.last_trouble}")
    if worker.rests:
        return Health("ready", f"It is given work again after a rest. Before: {worker.last_trouble}")
    return Health("ready", "It takes work.")


def failed_share(worker: Worker) -> float:
    """Of its last jobs, how many failed by its own fault (0 to 1)."""
    return worker.outcomes.count(0) / len(worker.outcomes) if worker.outcomes else 0.0


def unwell() -> set[str]:
    """Names of workers that are to get nothing new now."""
    return set(Worker.objects.filter(rest_until__gt=timezone.now()).values_list("name", flat=True))


def note(name: str, *, well: bool, trouble: str = "", times: int = 1) -> None:
    """So many jobs of this worker ended; `well` unless the worker is to blame. May send it to rest."""
    if well:
        _went_well(name[:80], min(times, REMEMBERED))
    else:
        _went_wrong(name[:80], trouble)


# A worker whose last jobs all went well stays as it is: its row is neither written nor locked.
_WELL = f"""
UPDATE {Worker._meta.db_table}
SET outcomes = jsonb_path_query_array(outcomes || %(new)s::jsonb, %(last)s::jsonpath),
    rests = CASE WHEN rest_until > %(now)s THEN rests ELSE 0 END
WHERE name = %(name)s AND NOT (jsonb_array_length(outcomes) >= %(most)s AND rests = 0 AND NOT outcomes @> '0')
"""  # noqa: S608 - only our own table's name is formatted in


def _went_well(name: str, times: int) -> None:
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"name": name, "most": REMEMBERED, "now": timezone.now()}
        values |= {"new": str([1] * times), "last": f"$[last - {REMEMBERED - 1} to last]"}
        cursor.execute(_WELL, values)


@transaction.atomic
def _went_wrong(name: str, trouble: str) -> None:
    worker = Worker.objects.select_for_update().filter(name=name).first()
    if worker is None:
        return
    worker.outcomes = [*worker.outcomes, 0][-REMEMBERED:]
    resting = worker.rest_until is not None and worker.rest_until > timezone.now()
    if not resting and _failing(worker):
        _send_to_rest(worker, trouble)
    worker.save(update_fields=["outcomes", "rests", "rest_until", "last_trouble"])


def _failing(worker: Worker) -> bool:
    recent = worker.outcomes[-RECENT:]
    fewest = FEWEST_AFTER_REST if worker.rests else FEWEST
    return len(recent) >= fewest and recent.count(0) * 2 > len(recent)


def _send_to_rest(worker: Worker, trouble: str) -> None:
    recent = worker.outcomes[-RECENT:]
    seconds = min(LONGEST_REST_S, settings.WORKER_REST_S * 2**worker.rests)
    worker.last_trouble = f"{recent.count(0)} of its last {len(recent)} jobs failed. {trouble}"[:200].strip()
    worker.rest_until = timezone.now() + dt.timedelta(seconds=seconds)
    worker.rests = min(worker.rests + 1, 10)
    # What was before the rest must not send it to rest again after it.
    worker.outcomes = []
    name = worker.name
    transaction.on_commit(lambda: wire.rest_sign(name, seconds=seconds))
    log.warning("worker_rests", worker=name, seconds=seconds, reason=worker.last_trouble)
