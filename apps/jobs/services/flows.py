"""What waits and may go: one line per lane × workspace × store × batch, found without walking the backlog."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection
from django.utils import timezone

from apps.billing import selectors as billing
from apps.jobs import windows
from apps.jobs.models import Attempt, Batch, Held, Job, Lane, Render, StorePace, WorkspacePace
from apps.jobs.services import spending
from apps.usage import selectors as usage
from apps.usage.selectors import Standing

_JOB, _ATTEMPT = Job._meta.db_table, Attempt._meta.db_table

# Steps through the partial index `jobs_queue` from one flow to the next: as many look-ups as there are flows.
_FLOWS = f"""
WITH RECURSIVE flow AS (
    (SELECT lane, workspace_id, store_id, COALESCE(batch_id, 0) AS batch, id, recipe_version_id FROM {_JOB}
     WHERE state = 'queued' AND held = '' AND capability = %(capability)s AND region = %(region)s
     ORDER BY lane, workspace_id, store_id, COALESCE(batch_id, 0), id LIMIT 1)
    UNION ALL
    SELECT next.* FROM flow CROSS JOIN LATERAL (
        SELECT lane, workspace_id, store_id, COALESCE(batch_id, 0), id, recipe_version_id FROM {_JOB}
        WHERE state = 'queued' AND held = '' AND capability = %(capability)s AND region = %(region)s
          AND (lane, workspace_id, store_id, COALESCE(batch_id, 0))
            > (flow.lane, flow.workspace_id, flow.store_id, flow.batch)
        ORDER BY lane, workspace_id, store_id, COALESCE(batch_id, 0), id LIMIT 1) next
)
SELECT flow.lane, flow.workspace_id AS workspace, flow.store_id AS store, flow.batch, flow.id AS head,
    flow.recipe_version_id AS recipe_version, b.state AS batch_state, b.cap_micros,
    GREATEST(1, COALESCE(w.weight, 1)) AS weight, w.max_live AS workspace_limit,
    w.paused_at IS NOT NULL AS workspace_paused, COALESCE(w.time_zone, 'UTC') AS time_zone, w.bulk_from, w.bulk_until,
    s.max_live AS store_limit, s.paused_at IS NOT NULL AS store_paused, b.cap_reached_at IS NOT NULL AS cap_reached
FROM flow LEFT JOIN {Batch._meta.db_table} b ON b.id = flow.batch
LEFT JOIN {WorkspacePace._meta.db_table} w ON w.workspace_id = flow.workspace_id
LEFT JOIN {StorePace._meta.db_table} s ON s.store_id = flow.store_id
"""  # noqa: S608 - only our own tables' names are formatted in

_LIVE = f"""
SELECT j.workspace_id, j.store_id, COALESCE(j.batch_id, 0) FROM {_ATTEMPT} a JOIN {_JOB} j ON j.id = a.job_id
WHERE a.state IN ('dispatched', 'running')
"""  # noqa: S608

# A twin waits only as long as somebody renders the same for its workspace; `twins.settle` answers those whose
# picture is there.
_RELEASE_TWINS = f"""
UPDATE {_JOB} j SET held = '' WHERE j.state = 'queued' AND j.held = 'twin' AND NOT EXISTS (
    SELECT 1 FROM {_JOB} t WHERE t.workspace_id = j.workspace_id AND t.request = j.request
      AND t.capability = j.capability AND t.region = j.region AND t.state IN ('dispatched', 'running'))
  AND NOT EXISTS (SELECT 1 FROM {Render._meta.db_table} r
    WHERE r.workspace_id = j.workspace_id AND r.request = j.request AND r.files <> '[]')
"""  # noqa: S608


@dataclass
class Flow:
    """Jobs that wait together: `head` is the oldest of them. Limits are None where there is none."""

    lane: str
    workspace: int
    store: int
    batch: int
    head: int
    recipe_version: int
    batch_state: str | None
    cap_micros: int | None
    weight: int
    workspace_limit: int | None
    workspace_paused: bool
    time_zone: str
    bulk_from: dt.time | None
    bulk_until: dt.time | None
    store_limit: int | None
    store_paused: bool
    cap_reached: bool

    def may_go(self, now: dt.datetime) -> bool:
        """Whether its jobs may go now, as far as pauses and the off-peak window say."""
        if self.workspace_paused or self.store_paused or self.batch_state not in {None, "running"}:
            return False
        if self.lane != Lane.BULK:
            return True
        return windows.is_open(now, time_zone=self.time_zone, start=self.bulk_from, end=self.bulk_until)


@dataclass
class Load:
    """What is at workers now, what capped batches have spent and reserved, and how workspaces stand."""

    workspaces: Counter[int] = field(default_factory=Counter)
    stores: Counter[int] = field(default_factory=Counter)
    batches: Counter[int] = field(default_factory=Counter)
    batch_micros: Counter[int] = field(default_factory=Counter)
    standings: dict[int, Standing] = field(default_factory=dict)
    given_micros: Counter[int] = field(default_factory=Counter)  # to workspaces, in this round
    # Of stores that pay here: for how many pictures, those at work among them.
    paid: dict[int, int] = field(default_factory=dict)

    def add(self, flow: Flow, jobs: int, cost_micros: int) -> None:
        self.workspaces[flow.workspace] += jobs
        self.stores[flow.store] += jobs
        self.batches[flow.batch] += jobs
        self.batch_micros[flow.batch] += jobs * cost_micros
        self.given_micros[flow.workspace] += jobs * cost_micros

    def under_cap(self, flow: Flow, cost_micros: int) -> int | None:
        """How many more jobs fit under the batch's cap; None without one."""
        if flow.cap_micros is None:
            return None
        return max(0, flow.cap_micros - self.batch_micros[flow.batch]) // max(1, cost_micros)

    def under_budget(self, flow: Flow, cost_micros: int) -> int | None:
        """How many more jobs fit under the month's budget of the workspace; None without one."""
        found = self.standings.get(flow.workspace)
        if found is None or found.left_micros is None:
            return None
        return max(0, found.left_micros - self.given_micros[flow.workspace]) // max(1, cost_micros)

    def room(self, flow: Flow, cost_micros: int) -> int | None:
        """How many more jobs of this flow its limits allow; None where it has none."""
        left = [
            limit - out
            for limit, out in (
                (flow.workspace_limit, self.workspaces[flow.workspace]),
                (flow.store_limit, self.stores[flow.store]),
            )
            if limit is not None
        ]
        money = self.under_cap(flow, cost_micros), self.under_budget(flow, cost_micros)
        left += [fits for fits in money if fits is not None]
        if flow.store in self.paid:
            left.append(self.paid[flow.store] - self.stores[flow.store])
        return max(0, min(left)) if left else None


def wake() -> None:
    """Put back into the queue what rested long enough, and twins that nobody works for any more."""
    now = timezone.now()
    Job.objects.filter(state="queued", held=Held.BACKOFF, not_before__lte=now).update(held=Held.NOT)
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE_TWINS)


def waiting(capability: str, region: str) -> list[Flow]:
    """Every flow with a job in the queue, open or not. The statement's columns bear the names of `Flow`'s fields."""
    with connection.cursor() as cursor:
        cursor.execute(_FLOWS, {"capability": capability, "region": region})
        names = [column.name for column in cursor.description or ()]
        return [Flow(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def load(flows: Iterable[Flow]) -> Load:
    """Counted from the live attempts, which are never many."""
    found = Load()
    with connection.cursor() as cursor:
        cursor.execute(_LIVE)
        for workspace, store, batch in cursor.fetchall():
            found.workspaces[workspace] += 1
            found.stores[store] += 1
            found.batches[batch] += 1
    flows = list(flows)
    found.batch_micros = spending.spent_micros({flow.batch for flow in flows if flow.cap_micros is not None})
    found.standings = usage.standings({flow.workspace for flow in flows})
    # After what is at work was counted: what is booked meanwhile counts twice, never not at all.
    found.paid = billing.pictures_left({flow.store for flow in flows})
    return found
