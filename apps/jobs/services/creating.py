"""Make a batch: its jobs, their inputs and preparations are inserted inside the database, all in one transaction.

A crash half-way leaves nothing; the same idempotency key is the same batch and adds nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.catalog import selectors as catalog
from apps.catalog.models import Photo
from apps.jobs.models import Batch, BatchState, Job, JobInput, JobState, Lane, Preparation
from apps.jobs.preflight import Wish
from apps.jobs.services import marks
from apps.lib.errors import BadRequest
from apps.lib.insert_select import insert_select
from gpu_worker.contract import GROUP_MAX, ROLE_GROUP

# When work that is held back is due: never, until somebody releases it.
FAR = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Pilot:
    """So many photos (`size`), or such a part of all (`share`), are rendered first. The same `seed` picks the same.

    `go_at_share`: the rest goes on by itself once this share of them is approved; None leaves it to a person.
    """

    size: int | None = None
    share: float | None = None
    go_at_share: float | None = None
    seed: int = 0

    @classmethod
    def of(cls, wanted: str, *, go_at_share: float | None = None, seed: int = 0) -> Pilot:
        """From ``20`` (photos) or ``2 %`` (of all that are meant). Raises BadRequest."""
        text = "".join(wanted.split())
        if text.isascii() and text.isdigit() and len(text) < 10:
            pilot = cls(size=int(text), go_at_share=go_at_share, seed=seed)
        elif re.fullmatch(r"\d{1,3}([.,]\d{1,4})?%", text, re.ASCII):
            share = float(text[:-1].replace(",", ".")) / 100
            pilot = cls(share=share, go_at_share=go_at_share, seed=seed)
        else:
            raise BadRequest("A pilot is a number of photos, or a part of them such as 2 %.")
        pilot.check()
        return pilot

    def check(self) -> None:
        """Raises BadRequest."""
        if (self.size is None) == (self.share is None):
            raise BadRequest("A pilot has a number of photos or a share of them.")
        if self.size is not None and self.size < 1:
            raise BadRequest("A pilot has at least one photo.")
        for share in (self.share, self.go_at_share):
            if share is not None and not 0 < share <= 1:
                raise BadRequest("A share lies above 0 % and is at most 100 %.")

    def count(self, total: int) -> int:
        """How many of `total`; all of them where it asks for more."""
        wanted = self.size if self.size is not None else max(1, round(total * (self.share or 0)))
        return min(total, wanted)


@transaction.atomic
def create(
    wish: Wish,
    *,
    name: str,
    key: str,
    by: str,
    pilot: Pilot | None = None,
    forecast: dict[str, Any] | None = None,
    cloned_from: Batch | None = None,
) -> tuple[Batch, int]:
    """The batch of this key, and how many jobs were added with it (its pilot's too). Raises BadRequest."""
    _check(wish, pilot)
    batch, created = Batch.objects.get_or_create(
        workspace_id=wish.store.workspace_id,
        idempotency_key=key,
        defaults={
            "store": wish.store,
            "recipe_version": wish.version,
            "name": name[:120],
            "filter": wish.filter.as_json(),
            "forecast": forecast or {},
            "cap_micros": wish.cap_micros,
            "go_at_share": pilot.go_at_share if pilot else None,
            "cloned_from": cloned_from,
            "created_by": by,
        },
    )
    if not created:
        return batch, 0
    added = _add_jobs(batch, wish)
    first = _split(batch, pilot, added) if pilot and added else None
    batches = [batch.pk, *([first.pk] if first else [])]
    _add_inputs(wish, batches)
    _add_preparations(batches, held=batch.pk if first else None)
    refs: dict[str, int | str] = {"store": wish.store.pk, "recipe_version": wish.version.pk}
    if first:
        refs["pilot"] = first.pk
    audit.record(
        "batch.created",
        workspace=batch.workspace_id,
        actor=by,
        subject=f"batch:{batch.pk}",
        refs=refs,
        name=batch.name,
        jobs=added,
        filter=batch.filter,
        cap_micros=batch.cap_micros,
    )
    return batch, added


def _check(wish: Wish, pilot: Pilot | None) -> None:
    if wish.cap_micros is not None and not 0 < wish.cap_micros < 2**63:
        raise BadRequest("A cap is more than nothing.")
    if pilot:
        pilot.check()


def _add_jobs(batch: Batch, wish: Wish) -> int:
    photos = wish.photos().filter(skip="").values("id", "revision")
    try:
        sql, params = photos.query.sql_with_params()
    except EmptyResultSet:
        return 0
    given = {
        "workspace_id": str(batch.workspace_id),
        "store_id": str(batch.store_id),
        "photo_id": "p.id",
        "photo_revision": "p.revision",
        "recipe_version_id": str(batch.recipe_version_id),
        "batch_id": str(batch.pk),
        "once": f"'batch:{batch.pk}:' || p.id",
        "lane": f"'{Lane.BULK.value}'",
        "state": f"'{JobState.PREPARING.value}'",
        "region": "%s",
    }
    # In the order of ids, so that jobs are handed out in the catalogue's order. No index gives this expression's order,
    # so all photos are chosen before the first job is inserted: else each one would look through the jobs of those
    # before it, which took minutes for 100,000 where the table was small when it was last analysed.
    rows = f"FROM ({sql}) p ORDER BY p.id + 0"
    return insert_select(Job, given, rows, params, given_params=[wish.store.region])


def _split(batch: Batch, pilot: Pilot, total: int) -> Batch:
    """Move the pilot's jobs into a batch of their own; the rest is held."""
    first = Batch.objects.create(
        workspace_id=batch.workspace_id,
        store_id=batch.store_id,
        recipe_version_id=batch.recipe_version_id,
        name=f"Pilot of {batch.name}"[:120],
        idempotency_key=f"pilot:{batch.pk}",
        cap_micros=batch.cap_micros,
        pilot_of=batch,
        created_by=batch.created_by,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _SPAN,
            {
                "batch": batch.pk,
                "pilot": first.pk,
                "seed": f"{pilot.seed}:",
                "count": pilot.count(total),
            },
        )
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.HELD)
    batch.state = BatchState.HELD
    return first


# A stratum is what should come out alike: category, type and vendor, size and shape of the photo. One of each category
# comes first, then, within a category, one of each stratum before a second of any. The hash makes it a draw that the
# same seed repeats.
_SPAN = f"""
WITH drawn AS (
    SELECT j.id, coalesce(p.categories ->> 0, '') AS category, p.type, p.vendor,
        CASE WHEN f.width_px = 0 THEN 0
             ELSE width_bucket(greatest(f.width_px, f.height_px), 800, 3200, 3) + 1 END AS size,
        CASE WHEN f.height_px = 0 THEN 0 WHEN f.width_px < f.height_px * 0.8 THEN 1
             WHEN f.width_px <= f.height_px * 1.25 THEN 2 ELSE 3 END AS shape,
        md5(%(seed)s || j.photo_id) AS draw
    FROM {Job._meta.db_table} j JOIN {Photo._meta.db_table} f ON f.id = j.photo_id
    JOIN catalog_product p ON p.id = f.product_id
    WHERE j.batch_id = %(batch)s
), within AS (
    SELECT id, category, draw,
        row_number() OVER (PARTITION BY category, type, vendor, size, shape ORDER BY draw) AS nth
    FROM drawn
), turns AS (
    SELECT id, draw, row_number() OVER (PARTITION BY category ORDER BY nth, draw) AS turn FROM within
)
UPDATE {Job._meta.db_table} SET batch_id = %(pilot)s
WHERE id IN (SELECT id FROM turns ORDER BY turn, draw LIMIT %(count)s)
"""  # noqa: S608 - only our own tables' names are formatted in


def _add_inputs(wish: Wish, batches: list[int]) -> None:
    given = {"job_id": "j.id", "position": "0", "role": f"'{marks.MAIN}'", "photo_id": "j.photo_id"}
    insert_select(JobInput, given, "FROM jobs_job j WHERE j.batch_id = ANY(%s)", [batches])
    if not wish.version.one_scale:
        return
    # All photos of the product, in the store's order; one that is alone has nothing to share.
    shown, params = (
        catalog.photos_to_render(wish.store.pk)
        .select_related(None)
        .order_by()
        .values("id", "product_id", "position")
        .query.sql_with_params()
    )
    given |= {"position": "g.nth", "role": f"'{ROLE_GROUP}'", "photo_id": "g.id"}
    rows = f"""
    FROM jobs_job j JOIN catalog_photo f ON f.id = j.photo_id JOIN (
        SELECT s.id, s.product_id, row_number() OVER (PARTITION BY s.product_id ORDER BY s.position, s.id) AS nth,
            count(*) OVER (PARTITION BY s.product_id) AS shown
        FROM ({shown}) s
    ) g ON g.product_id = f.product_id AND g.shown > 1 AND g.nth <= %s
    WHERE j.batch_id = ANY(%s)"""  # noqa: S608 - the query is our own, its values are parameters
    insert_select(JobInput, given, rows, [*params, GROUP_MAX, batches])


def _add_preparations(batches: list[int], *, held: int | None) -> None:
    at = "CASE WHEN j.batch_id = %s THEN %s ELSE %s END"
    due = [held, FAR, timezone.now()]
    given = {"job_id": "j.id", "not_before": at, "hint_after": at}
    rows = "FROM jobs_job j WHERE j.batch_id = ANY(%s) ORDER BY j.id"
    insert_select(Preparation, given, rows, [batches], given_params=[*due, *due])
