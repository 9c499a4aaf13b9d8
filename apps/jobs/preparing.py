"""Whose originals are fetched next: a few of everybody's, however many one merchant waits for."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.jobs.models import Batch, Job, Preparation

# Steps from one (workspace, batch) to the next, then takes the oldest due of each; paused batches fetch nothing.
_DUE = f"""
WITH RECURSIVE flow AS (
    (SELECT workspace_id, COALESCE(batch_id, 0) AS batch FROM {Job._meta.db_table} WHERE state = 'preparing'
     ORDER BY workspace_id, COALESCE(batch_id, 0) LIMIT 1)
    UNION ALL
    SELECT next.* FROM flow CROSS JOIN LATERAL (
        SELECT workspace_id, COALESCE(batch_id, 0) FROM {Job._meta.db_table}
        WHERE state = 'preparing' AND (workspace_id, COALESCE(batch_id, 0)) > (flow.workspace_id, flow.batch)
        ORDER BY workspace_id, COALESCE(batch_id, 0) LIMIT 1) next
)
SELECT due.id FROM flow LEFT JOIN {Batch._meta.db_table} b ON b.id = flow.batch CROSS JOIN LATERAL (
    SELECT p.id, row_number() OVER (ORDER BY j.id) AS nth
    FROM {Job._meta.db_table} j JOIN {Preparation._meta.db_table} p ON p.job_id = j.id
    WHERE j.state = 'preparing' AND j.workspace_id = flow.workspace_id AND COALESCE(j.batch_id, 0) = flow.batch
      AND p.hint_after <= %(now)s
      AND (p.work_state = 'waiting' AND p.not_before <= %(now)s OR p.work_state = 'running' AND p.lease_until < %(now)s)
    ORDER BY j.id LIMIT %(limit)s) due
WHERE COALESCE(b.state, 'running') = 'running'
ORDER BY due.nth, due.id LIMIT %(limit)s
"""  # noqa: S608 - only our own tables' names are formatted in


def hints(limit: int) -> list[int]:
    """Ids of preparations to wake now, one of each merchant and batch after the other; each comes up again later."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": now, "limit": limit})
        due = [row[0] for row in cursor.fetchall()]
    Preparation.objects.filter(pk__in=due).update(
        hint_after=now + dt.timedelta(seconds=settings.HINT_EVERY_S)
    )
    return due
