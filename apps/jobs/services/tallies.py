"""Add up what the triggers wrote: a batch then has a few rows again. Nothing is lost or counted twice in between."""

from __future__ import annotations

from django.db import connection

from apps.jobs.models import Tally

# One statement: what it deletes and the sums it inserts are one commit. Rows that another transaction holds are left
# for the next time.
_FOLD = f"""
WITH taken AS (
    SELECT id FROM {Tally._meta.db_table} WHERE batch_id IN (
        SELECT batch_id FROM {Tally._meta.db_table} GROUP BY batch_id, kind, reason HAVING count(*) > 1 LIMIT %s
    ) FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM {Tally._meta.db_table} t USING taken WHERE t.id = taken.id RETURNING batch_id, kind, reason, amount
), kept AS (
    INSERT INTO {Tally._meta.db_table} (batch_id, kind, reason, amount)
    SELECT batch_id, kind, reason, sum(amount) FROM gone GROUP BY 1, 2, 3 HAVING sum(amount) <> 0 RETURNING 1
)
SELECT (SELECT count(*) FROM gone) - (SELECT count(*) FROM kept)
"""  # noqa: S608 - only our own table's name is formatted in


def fold(*, batches: int = 100) -> int:
    """Fold the tallies of up to so many batches. Returns how many rows fewer there are."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, [batches])
        return int(cursor.fetchone()[0])
