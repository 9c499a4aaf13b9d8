"""Look at jobs: progress, free slots, what one is expected to cost."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.db.models import Avg, Count, QuerySet
from django.utils import timezone

from apps.catalog.models import Photo
from apps.jobs.models import (
    LIVE_ATTEMPTS,
    OPEN_STATES,
    Attempt,
    AttemptState,
    Batch,
    Job,
    JobState,
    PhotoMarks,
    Preparation,
    Render,
    Worker,
)
from apps.usage import selectors as usage
from gpu_worker.contract import BEAT_TTL_S, Beat

# Before anything was measured: a packshot on one CPU core.
FIRST_GUESS_S = 2.0
# Jobs that tell how often the cache answers.
LATELY = 2000


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


@dataclass
class Room:
    """How many more jobs may be handed out: in all, and in each lane that some worker serves."""

    slots: int = 0
    lanes: Counter[str] = field(default_factory=Counter)

    def used(self, lane: str, jobs: int) -> None:
        self.slots -= jobs
        self.lanes[lane] -= jobs


def free_slots(
    beats: Iterable[Beat], *, depth: int, unwell: Collection[str] = ()
) -> dict[tuple[str, str], Room]:
    """Room per (capability, region): slots of live workers × depth, less what is out. Whoever drains or is unwell
    counts as no room."""
    rooms: dict[tuple[str, str], Room] = {}
    for beat in beats:
        if not beat.draining and beat.worker not in unwell:
            room = rooms.setdefault((beat.capability, beat.region), Room())
            room.slots += beat.slots * depth
            room.lanes.update(dict.fromkeys(beat.lanes, beat.slots * depth))
    out = (
        Attempt.objects.filter(state__in=LIVE_ATTEMPTS)
        .order_by()
        .values_list("job__capability", "job__region", "job__lane")
        .annotate(n=Count("pk"))
    )
    for capability, region, lane, jobs in out:
        if (capability, region) in rooms:
            rooms[capability, region].used(lane, jobs)
    return {kind: room for kind, room in rooms.items() if room.slots > 0}


def expected_cost_micros(recipe_version: int, capability: str) -> int:
    """What one more attempt with this recipe version will cost, from its last hundred renders."""
    recent = (
        Job.objects.filter(recipe_version=recipe_version, state=JobState.DONE, cached=False)
        .order_by("-pk")
        .values("pk")[:100]
    )
    attempts = Attempt.objects.filter(job__in=recent, state=AttemptState.DONE)
    seconds = attempts.aggregate(s=Avg("device_seconds"))["s"] or FIRST_GUESS_S
    return usage.cost_micros(seconds, usage.micros_per_hour(device_of(capability)))


def device_of(capability: str) -> str:
    """What the newest worker of that kind computes on, as the price table names it; the family until one was heard."""
    newest = (
        Worker.objects.filter(capability=capability).order_by("-beat_at").values_list("device", flat=True)
    )
    return newest.first() or ("cpu" if capability == "cpu" else "cuda")


_CACHED_RENDER = f"""
SELECT r.* FROM {Render._meta.db_table} r
WHERE r.workspace_id = %s AND r.request = %s AND r.files <> '[]' AND r.engines <@ (
    SELECT engines FROM {Worker._meta.db_table} WHERE capability = %s AND region = %s ORDER BY beat_at DESC LIMIT 1
) ORDER BY r.id DESC LIMIT 1
"""  # noqa: S608 - only our own tables' names are formatted in


def cached_render(job: Job, request: str) -> Render | None:
    """A stored render of the same request by engines of the versions that workers have now."""
    asked = [job.workspace_id, request, job.capability, job.region]
    return next(iter(Render.objects.raw(_CACHED_RENDER, asked)), None)


def hit_rate(workspace: int, *, days: int = 30) -> float | None:
    """Of the pictures of late, the share that an earlier or simultaneous render answered (0 to 1).

    None where nothing was rendered. `usage.recently` tells of kept cut-outs too.
    """
    return usage.recently(workspace, days=days).hit_share


def first_preparations(batch: Batch, count: int) -> list[int]:
    """Ids of the preparations that a batch begins with."""
    return list(
        Preparation.objects.filter(job__batch=batch).order_by("pk").values_list("pk", flat=True)[:count]
    )


def live_workers() -> QuerySet[Worker]:
    return Worker.objects.filter(beat_at__gte=timezone.now() - dt.timedelta(seconds=BEAT_TTL_S)).order_by(
        "name"
    )


def known_workers() -> QuerySet[Worker]:
    """Those heard of in the last day, the silent ones among them."""
    return Worker.objects.filter(beat_at__gte=timezone.now() - dt.timedelta(days=1)).order_by("-beat_at")
