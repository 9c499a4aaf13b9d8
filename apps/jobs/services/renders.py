"""What a worker made: its files under their own hashes, and the rows that name them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from django.db.models import OuterRef, Q, Subquery, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from apps.jobs.models import Job, Render
from apps.lib import blobs, ids
from apps.lib.errors import FileMissing
from apps.lib.insert_once import insert_all_once
from gpu_worker.contract import File, JobResult


def keep_files(job: Job, files: Iterable[File]) -> None:
    """Keep them before any row names them; a repeat moves nothing. Raises FileMissing, StorageFull and StorageAway."""
    for file in files:
        blobs.keep(file.key, _final_key(job, file), file.size_bytes)


def _final_key(job: Job, file: File) -> str:
    return blobs.key_for(
        workspace=job.workspace_id,
        store=job.store_id,
        kind="renders",
        sha256=file.sha256,
        extension=PurePosixPath(file.key).suffix.lstrip("."),
    )


def keep_rows(made: Sequence[tuple[Job, JobResult]]) -> list[Render]:
    """The row of each picture: a new one, or the one that an equal request by equal engines left before."""
    rows = [_row(job, result) for job, result in made]
    # In one order, whoever does the same at the same time.
    ordered = sorted(rows, key=lambda row: (row.workspace_id, row.request, row.engines_digest))
    new = insert_all_once(ordered, key=("workspace_id", "request", "engines_digest"))
    there = {id(row): _earlier(row) for row, is_new in zip(ordered, new, strict=True) if not is_new}
    return [there.get(id(row), row) for row in rows]


def _row(job: Job, result: JobResult) -> Render:
    return Render(
        workspace_id=job.workspace_id,
        request=job.request,
        engines_digest=ids.digest(result.engines),
        store_id=job.store_id,
        engines=result.engines,
        fingerprint=result.fingerprint,
        files=[asdict(f) | {"key": _final_key(job, f)} for f in result.files],
        measures=result.measures,
        confidence=result.confidence,
        seconds=result.seconds,
    )


def _earlier(made: Render) -> Render:
    render = Render.objects.get(
        workspace=made.workspace_id, request=made.request, engines_digest=made.engines_digest
    )
    if not render.files:
        # Its files were let go when nobody used them; here they are again.
        Render.objects.filter(pk=render.pk).update(files=made.files, created_at=timezone.now())
        render.files = made.files
    return render


def hand_over(workspace: int, store: int) -> int:
    """Pictures of this store, or among its files, that answered jobs of other stores too become theirs, with copies of
    the files; for a store that is about to be deleted. Returns how many."""
    place = f"{workspace}/{store}/"
    elsewhere = Job.objects.filter(render=OuterRef("pk")).exclude(store=store)
    about = Render.objects.filter(workspace=workspace).annotate(
        heir=Subquery(elsewhere.order_by("pk").values("store")[:1]), told=Cast("files", TextField())
    )
    handed = 0
    for render in about.filter(Q(store=store) | Q(told__contains=f'"{place}'), heir__isnull=False):
        files = [file for one in render.files if (file := _copied(one, workspace, render.heir, place))]
        handed += Render.objects.filter(pk=render.pk).update(store=render.heir, files=files)
    # Nobody's job needs them; a render without files is made again when it is asked for.
    about.filter(told__contains=f'"{place}', heir=None).exclude(store=store).update(files=[])
    return handed


def _copied(file: dict[str, Any], workspace: int, heir: int, place: str) -> dict[str, Any] | None:
    """None where it is not there any more. Raises StorageFull and StorageAway."""
    if not file["key"].startswith(place):
        return file
    try:
        data = blobs.read(file["key"])
    except FileMissing:
        return None
    extension = PurePosixPath(file["key"]).suffix.lstrip(".")
    key, _ = blobs.put(data, workspace=workspace, store=heir, kind="renders", extension=extension)
    return file | {"key": key}
