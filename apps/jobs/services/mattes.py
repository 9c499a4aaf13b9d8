"""Cut-outs kept for other recipes of the same photo: where workers may look, which there are, which nobody needs."""

from __future__ import annotations

import datetime as dt
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
VALUES (%(workspace)s, %(store)s, %(key)s, %(engine)s, %(size)s, %(uses)s, %(now)s, %(now)s)
ON CONFLICT (key) DO UPDATE SET used_at = excluded.used_at, uses = m.uses + excluded.uses
"""  # noqa: S608 - only our own table's name is formatted in


def note(job: Job, kept: KeptMatte | None, engine: str, *, counts: bool) -> None:
    """Write down what a worker found or left; `counts` unless it tells so a second time, or too late."""
    if kept is None or not word(job, kept):
        return
    values: dict[str, Any] = {
        "workspace": job.workspace_id,
        "store": job.store_id,
        "key": kept.key,
        "engine": engine[:40],
        "size": kept.size_bytes,
        "uses": int(kept.reused and counts),
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, values)


def forget_unused(*, days: int = UNUSED_DAYS, limit: int = 2000) -> int:
    """Delete what was of no use for so long. A worker that looks for it just then makes it again. Returns how many."""
    since = timezone.now() - dt.timedelta(days=days)
    old = list(Matte.objects.filter(used_at__lt=since).order_by("used_at").values_list("pk", "key")[:limit])
    for _, key in old:
        blobs.remove(key)
    return Matte.objects.filter(pk__in=[pk for pk, _ in old], used_at__lt=since).delete()[0]
