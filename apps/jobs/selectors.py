"""Look at jobs: progress, free slots, what one is expected to cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import Avg, Count, QuerySet
from django.utils import timezone

from apps.catalog.models import Photo
from apps.jobs.models import (
    LIVE_ATTEMPTS,
    OPEN_STATES,
    Attempt,
    Batch,
    Job,
    PhotoMarks,
    Preparation,
    Worker,
)
from apps.usage import selectors as usage
from gpu_worker.contract import BEAT_TTL_S, Beat

# Before anything was measured: a packshot on one CPU core.
FIRST_GUESS_S = 2.0


def jobs_of(workspace: int) -> QuerySet[Job]:
    return (
        Job.objects.filter(workspace=workspace)
        .select_related("photo__product", "store", "recipe_version__recipe", "render")
        .order_by("-pk")
    )


def kept_marks(photo: Photo) -> PhotoMarks | None:
    """What a person marked in the photo as it is now, which its next job will use."""
    return PhotoMarks.objects.filter(photo=photo, sha256=photo.sha256).first()


def progress(workspace: int, **where: object) -> dict[str, int]:
    """Jobs per state, and `open` for those not ended."""
    rows = Job.objects.filter(workspace=workspace, **where).order_by().values("state").annotate(n=Count("pk"))
    counts = {row["state"]: row["n"] for row in rows}
    counts["open"] = sum(counts.get(state, 0) for state in OPEN_STATES)
    counts["total"] = sum(row["n"] for row in rows)
    return counts


def free_slots(beats: Iterable[Beat], *, depth: int) -> dict[tuple[str, str], int]:
    """How many more jobs each (capability, region) may be handed: live slots × depth, less what is out."""
    room: dict[tuple[str, str], int] = {}
    for beat in beats:
        if not beat.draining:
            kind = (beat.capability, beat.region)
            room[kind] = room.get(kind, 0) + beat.slots * depth
    out = (
        Attempt.objects.filter(state__in=LIVE_ATTEMPTS)
        .order_by()
        .values("job__capability", "job__region")
        .annotate(n=Count("pk"))
    )
    for row in out:
        kind = (row["job__capability"], row["job__region"])
        if kind in room:
            room[kind] -= row["n"]
    return {kind: n for kind, n in room.items() if n > 0}


def expected_cost_micros(job: Job) -> int:
    """What one more attempt with this recipe version will cost, from the last hundred."""
    recent = (
        Attempt.objects.filter(job__recipe_version=job.recipe_version_id, state="done")
        .order_by("-pk")
        .values("device_seconds")[:100]
    )
    seconds = recent.aggregate(s=Avg("device_seconds"))["s"] or FIRST_GUESS_S
    device = "cpu" if job.capability == "cpu" else "cuda"
    return round(seconds * usage.micros_per_second(device))


def first_preparations(batch: Batch, count: int) -> list[int]:
    """Ids of the preparations that a batch begins with."""
    return list(
        Preparation.objects.filter(job__batch=batch).order_by("pk").values_list("pk", flat=True)[:count]
    )


def live_workers() -> QuerySet[Worker]:
    return Worker.objects.filter(beat_at__gte=timezone.now() - dt.timedelta(seconds=BEAT_TTL_S)).order_by(
        "name"
    )
