"""What a person marked in a photo is kept for later jobs: of the same photo, as long as its bytes stay the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.catalog.models import Photo
from apps.jobs.models import Job, JobInput, PhotoMarks
from gpu_worker.contract import ROLE_GROUP

MAIN = "main"


def said(table: Mapping[str, Any]) -> str:
    """A recipe's ``cutout`` table in a person's words; empty for nothing."""
    words = ["a box around the product"] if table.get("box") else []
    points = table.get("clicks") or ()
    on = sum(bool(point[2]) for point in points)
    for count, where in ((on, "on the product"), (len(points) - on, "beside it")):
        if count:
            words.append(f"{count} point{'' if count == 1 else 's'} {where}")
    holes = table.get("keep_holes")
    if holes is not None:
        words.append("openings show what is behind" if holes else "openings belong to the product")
    glass = table.get("see_through")
    if glass is not None:
        words.append("it is see-through" if glass else "it is not see-through")
    return ", ".join(words)


def keep(photo: Photo, sha256: str, table: dict[str, Any], *, by: str) -> None:
    """Remember a ``cutout`` table as the last word about a photo of these bytes."""
    PhotoMarks.objects.update_or_create(
        photo=photo, sha256=sha256, defaults={"cutout": table, "set_by": by, "set_at": timezone.now()}
    )


@transaction.atomic
def forget(photo: Photo, *, by: str) -> bool:
    """Later jobs of the photo as it is now do without a person's marks; False where none were kept."""
    kept = PhotoMarks.objects.select_for_update().filter(photo=photo, sha256=photo.sha256).first()
    if kept is None:
        return False
    kept.delete()
    audit.record(
        "marks.forgotten",
        workspace=photo.product.store.workspace_id,
        actor=by,
        subject=f"product:{photo.product_id}",
        refs={"photo": photo.pk},
        marked=said(kept.cutout),
        cutout=kept.cutout,
    )
    return True


def carry(job: Job, inputs: Sequence[JobInput]) -> None:
    """Lay kept marks over a job whose inputs have their hashes: the main photo's become its parameter (not saved here),
    those of photos that are only measured stand at the input. Marks set for this very job win."""
    kept = _kept(inputs)
    main = next((i for i in inputs if i.role == MAIN), None)
    if main and "cutout" not in job.parameters and (main.photo_id, main.sha256) in kept:
        job.parameters = {**job.parameters, "cutout": kept[main.photo_id, main.sha256]}
    for item in inputs:
        if item.role == ROLE_GROUP:
            mine = job.parameters.get("cutout") if main and item.photo_id == main.photo_id else None
            table = mine or kept.get((item.photo_id, item.sha256)) or job.recipe_version.body.get("cutout")
            item.cutout = table or {}
            JobInput.objects.filter(pk=item.pk).update(cutout=item.cutout)


_KEPT = f"""
SELECT photo_id, sha256, cutout FROM {PhotoMarks._meta.db_table}
WHERE (photo_id, sha256) IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))
"""  # noqa: S608 - only our own table's name is formatted in


def _kept(inputs: Sequence[JobInput]) -> dict[tuple[int, str], dict[str, Any]]:
    """Asked for every job, and seldom anything is there: so the statement is written out."""
    fetched = [i for i in inputs if i.sha256]
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, [[i.photo_id for i in fetched], [i.sha256 for i in fetched]])
        return {(photo, sha256): json.loads(cutout) for photo, sha256, cutout in cursor.fetchall()}
