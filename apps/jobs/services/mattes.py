"""Cut-outs kept for other recipes of the same photo: where workers may look, which there are, which nobody needs."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.jobs.matte import Matte
from apps.jobs.models import Job
from apps.lib import blobs
from gpu_worker.contract import KeptMatte

# One that was of no use for so long is thrown away; it can always be made again.
UNUSED_DAYS = 90


def place(workspace: int, store: int) -> str:
    """Where a job's worker may look for a cut-out of its photo and leave one: nobody else's store is below it."""
    return f"{workspace}/{store}/mattes/"


def word(job: Job, kept: KeptMatte | None) -> str:
    """``made``, ``reused``, or nothing where neither."""
    if kept is None or not kept.key.startswith(place(job.workspace_id, job.store_id)) or len(kept.key) > 200:
        return ""
    return "reused" if kept.reused else "made"


_NOTE = f"""
INSERT INTO {Matte._meta.db_table} AS m (workspace_id, store_id, key, engine, size_bytes, uses, made_at, used_at)
SELECT workspace, store, key, engine, size, uses, %(now)s, %(now)s FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS t(workspace bigint, store bigint, key text, engine text, size bigint, uses bigint)
ON CONFLICT (key) DO UPDATE SET used_at = excluded.used_at, uses = m.uses + excluded.uses
"""  # noqa: S608 - only our own table's name is formatted in


@dataclass(frozen=True)
class Found:
    """What a worker says of the cut-out it found or left for a job; `counts` unless it tells so again, or too late."""

    job: Job
    kept: KeptMatte | None
    engine: str
    counts: bool


def note(*found: Found) -> None:
    """Write down what workers found or left."""
    rows: dict[str, dict[str, Any]] = {}
    for one in found:
        if one.kept is None or not word(one.job, one.kept):
            continue
        row = rows.setdefault(
            one.kept.key,
            {
                "workspace": one.job.workspace_id,
                "store": one.job.store_id,
                "key": one.kept.key,
                "engine": one.engine[:40],
                "size": one.kept.size_bytes,
                "uses": 0,
            },
        )
        row["uses"] += int(one.kept.reused and one.counts)
    if rows:
        # In one order, whoever does the same at the same time.
        told = json.dumps([row for _, row in sorted(rows.items())])
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, {"rows": told, "now": timezone.now()})


def forget_unused(*, days: int = UNUSED_DAYS, limit: int = 2000) -> int:
    """Delete what was of no use for so long. A worker that looks for it just then makes it again. Returns how many."""
    since = timezone.now() - dt.timedelta(days=days)
    old = list(Matte.objects.filter(used_at__lt=since).order_by("used_at").values_list("pk", "key")[:limit])
    for _, key in old:
        blobs.remove(key)
    return Matte.objects.filter(pk__in=[pk for pk, _ in old], used_at__lt=since).delete()[0]
