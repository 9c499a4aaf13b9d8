"""How far taking back is: counted from the publications themselves, so it is always what is."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from apps.lib.work import WorkState
from apps.publishing import selectors
from apps.publishing.models import Publication, Reversal
from apps.publishing.reversals import ReversalState

# The pace is what was taken back within this time.
LATELY = dt.timedelta(minutes=5)


@dataclass(frozen=True)
class Counts:
    """Pictures of a reversal. `withdrawn` were never written; `open` are being taken back now; `left` wait for that."""

    total: int = 0
    done: int = 0
    withdrawn: int = 0
    failed: int = 0
    open: int = 0
    left: int = 0
    per_minute: float | None = None
    left_s: float | None = None

    @property
    def ended(self) -> int:
        return self.done + self.withdrawn + self.failed

    @property
    def percent(self) -> int:
        """Rounded down: 100 only where nothing is open or left."""
        return 100 * self.ended // self.total if self.total else 100

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_COUNT = """
SELECT count(*),
       count(*) FILTER (WHERE p.undone_at IS NOT NULL AND NOT m.withdrawn),
       count(*) FILTER (WHERE m.withdrawn),
       count(*) FILTER (WHERE p.undone_at IS NULL AND m.released_at IS NOT NULL AND u.work_state = 'failed'),
       count(*) FILTER (WHERE p.undone_at IS NULL AND m.released_at IS NOT NULL
                          AND u.work_state IN ('waiting', 'running')),
       count(*) FILTER (WHERE p.undone_at >= %(lately)s AND NOT m.withdrawn)
FROM publishing_reversed m JOIN publishing_publication p ON p.id = m.publication_id
LEFT JOIN publishing_undo u ON u.publication_id = p.id
WHERE m.reversal_id = %(reversal)s
"""


def counts(row: Reversal) -> Counts:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"reversal": row.pk, "lately": now - LATELY})
        total, done, withdrawn, failed, is_open, lately = cursor.fetchone()
    left = total - done - withdrawn - failed - is_open
    per_minute = left_s = None
    if row.state == ReversalState.RUNNING and lately and left + is_open:
        seconds = max(1.0, min(LATELY.total_seconds(), (now - row.created_at).total_seconds()))
        per_minute, left_s = 60 * lately / seconds, (left + is_open) * seconds / lately
    return Counts(total, done, withdrawn, failed, is_open, left, per_minute, left_s)


def reversals_of(workspace: int) -> QuerySet[Reversal]:
    """Newest first."""
    return (
        Reversal.objects.filter(workspace=workspace)
        .select_related("store", "batch", "recipe")
        .order_by("-pk")
    )


def failed_of(row: Reversal) -> QuerySet[Publication]:
    """What could not be taken back, with the reason in its undo."""
    return selectors.publications_of(row.workspace_id).filter(
        reversed_by__reversal=row,
        reversed_by__released_at__isnull=False,
        undone_at=None,
        undo__work_state=WorkState.FAILED,
    )
