"""What caps and budgets still allow, asked for when it counts, and what is noted where not one more picture fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from django.db import connection
from django.utils import timezone

from apps.audit import services as audit
from apps.jobs.models import Attempt, Batch, Job, Tally
from apps.usage import selectors as usage
from apps.usage import services as booking
from apps.usage.models import Reservation

# Whatever is reserved counts, whether its attempt is alive or was just cancelled: it may still be booked. One statement
# for both sums: an attempt that is booked between two would be in neither, and one picture too many be handed out.
_SPENT = f"""
SELECT batch, sum(micros)::bigint FROM (
    SELECT batch_id AS batch, amount AS micros FROM {Tally._meta.db_table}
    WHERE batch_id = ANY(%(batches)s) AND kind = 'cost'
    UNION ALL
    SELECT j.batch_id, r.cost_micros FROM {Reservation._meta.db_table} r
    JOIN {Attempt._meta.db_table} a ON a.id = r.attempt JOIN {Job._meta.db_table} j ON j.id = a.job_id
    WHERE j.batch_id = ANY(%(batches)s)
) spent GROUP BY 1
"""  # noqa: S608 - only our own tables' names are formatted in


def spent_micros(batches: Collection[int]) -> Counter[int]:
    """Batch → what it has cost so far and what is reserved for it."""
    if not batches:
        return Counter()
    with connection.cursor() as cursor:
        cursor.execute(_SPENT, {"batches": list(batches)})
        return Counter(dict(cursor.fetchall()))


def allowed(workspace: int, batch: int, cost_micros: int) -> int | None:
    """How many more jobs budget and cap allow at this moment; None where neither limits. `batch` is 0 for none.

    Until the transaction ends nobody else hands out work for this workspace, so what is then reserved stays below.
    """
    booking.one_at_a_time(workspace)
    left = [usage.left_micros(workspace)]
    if batch:
        cap_micros = Batch.objects.values_list("cap_micros", flat=True).get(pk=batch)
        left.append(None if cap_micros is None else cap_micros - spent_micros([batch])[batch])
    fits = [max(0, micros) // max(1, cost_micros) for micros in left if micros is not None]
    return min(fits) if fits else None


def cap_reached(batches: Collection[int]) -> None:
    """Not one more picture of these batches fits under their cap: it is written down, and told once until it does."""
    for row in Batch.objects.filter(pk__in=batches, cap_reached_at=None):
        if Batch.objects.filter(pk=row.pk, cap_reached_at=None).update(cap_reached_at=timezone.now()):
            audit.record(
                "batch.cap_reached",
                workspace=row.workspace_id,
                subject=f"batch:{row.pk}",
                cap_micros=row.cap_micros,
                name=row.name,
            )


def cap_leaves_room(batches: Collection[int]) -> None:
    Batch.objects.filter(pk__in=batches).update(cap_reached_at=None)
