"""Hand jobs out: one SQL claims them, one attempt each, as far as live worker slots reach."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.jobs import selectors
from apps.jobs.models import Attempt, Batch, Job, Lane
from apps.usage import services as usage
from gpu_worker.contract import Chunk, Input, JobSpec, render_queue

# Jobs per message: a GPU runs several at once, a CPU one after the other.
CHUNK_SIZE = {"cpu": 1, "gpu": 8}
START_GRACE_S = 5.0

# One statement: take the oldest due job and those that share its resolved recipe and seed, mark them, open an attempt
# for each. SKIP LOCKED lets a second dispatcher, should there be one for a moment, take others.
_CLAIM = f"""
WITH head AS (
    SELECT recipe_version_id, parameters, seed FROM {Job._meta.db_table} j
    WHERE state = 'queued' AND not_before <= %(now)s AND capability = %(capability)s AND region = %(region)s
      AND lane = %(lane)s AND workspace_id <> ALL(%(stopped)s)
      AND NOT EXISTS (SELECT 1 FROM {Batch._meta.db_table} b WHERE b.id = j.batch_id AND b.state <> 'running')
    ORDER BY id LIMIT 1
), picked AS (
    SELECT j.id FROM {Job._meta.db_table} j JOIN head USING (recipe_version_id, parameters, seed)
    WHERE j.state = 'queued' AND j.not_before <= %(now)s AND j.capability = %(capability)s
      AND j.region = %(region)s AND j.lane = %(lane)s AND j.workspace_id <> ALL(%(stopped)s)
      AND NOT EXISTS (SELECT 1 FROM {Batch._meta.db_table} b WHERE b.id = j.batch_id AND b.state <> 'running')
    ORDER BY j.id LIMIT %(limit)s
    FOR UPDATE OF j SKIP LOCKED
), moved AS (
    UPDATE {Job._meta.db_table} j SET state = 'dispatched', attempt_count = attempt_count + 1
    FROM picked WHERE j.id = picked.id
    RETURNING j.id, j.attempt_count
)
INSERT INTO {Attempt._meta.db_table} (job_id, number, token, chunk, state, worker, stage, start_by, lease_until,
    dispatched_at, error_code, error, device_seconds)
SELECT id, attempt_count, gen_random_uuid(), %(chunk)s, 'dispatched', '', '', %(start_by)s, %(lease_until)s,
    %(now)s, '', '', 0 FROM moved
RETURNING id
"""  # noqa: S608 - only our own tables' names are formatted in


@dataclass(frozen=True)
class Handed:
    """A chunk to publish, and the queue it goes to."""

    queue: str
    chunk: Chunk


@transaction.atomic
def claim(
    *, lane: str, capability: str, region: str, limit: int, stopped: Sequence[int] = ()
) -> Handed | None:
    """Claim up to `limit` compatible jobs as one chunk; None when nothing is due. Publish after the commit.

    `start_by` ends the message, `lease_until` the claim: a lost message is a lease that ends, not a try.
    """
    now = timezone.now()
    start_by = now + dt.timedelta(seconds=settings.LEASE_S * 1.5)
    chunk = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "now": now,
                "capability": capability,
                "region": region,
                "lane": lane,
                "stopped": list(stopped),
                "limit": limit,
                "chunk": chunk,
                "start_by": start_by,
                "lease_until": start_by + dt.timedelta(seconds=START_GRACE_S),
            },
        )
        attempts = [row[0] for row in cursor.fetchall()]
    if not attempts:
        return None
    opened = list(
        Attempt.objects.filter(pk__in=attempts)
        .select_related("job__recipe_version")
        .prefetch_related("job__inputs")
        .order_by("pk")
    )
    cost = selectors.expected_cost_micros(opened[0].job)
    usage.reserve((a.job.workspace_id, a.pk, cost) for a in opened)
    return Handed(render_queue(lane, capability, region), spec(opened, start_by))


def spec(attempts: Sequence[Attempt], start_by: dt.datetime) -> Chunk:
    """What the worker is told: no names, no addresses, no secrets; hashes and storage keys."""
    first = attempts[0].job
    return Chunk(
        chunk=str(attempts[0].chunk),
        start_by=start_by.timestamp(),
        recipe=first.recipe,
        seed=first.seed,
        jobs=tuple(
            JobSpec(
                attempt=a.pk,
                token=str(a.token),
                inputs=tuple(Input(i.role, i.key, i.sha256, i.cutout or None) for i in a.job.inputs.all()),
                out_prefix=a.prefix,
            )
            for a in attempts
        ),
    )


def lanes_by_priority() -> tuple[str, ...]:
    return (Lane.URGENT, Lane.STANDARD, Lane.BULK)
