"""Single flight: of jobs that ask for the same picture in one workspace one is rendered, and answers the others.

A claim holds a job back while a twin of it is at a worker (`Job.held`). When that one is done, it answers all that
wait; when it fails, they are let go and the next of them is rendered.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from apps.jobs import selectors
from apps.jobs.models import HELD_STATES, Held, Job, JobState, Render
from apps.jobs.services import planning
from apps.jobs.services.planning import Then

# In the transaction of the result; the dispatcher answers the rest in its own time.
AT_ONCE = 50


def answer(job: Job, render: Render, *, then: Then) -> int:
    """Answer what waits for the same picture as this job, which is done. Returns how many."""
    if not job.request:
        return 0
    waiting = (
        Job.objects.filter(
            workspace=job.workspace_id,
            request=job.request,
            capability=job.capability,
            region=job.region,
            state=JobState.QUEUED,
        )
        .order_by("pk")
        .select_for_update(skip_locked=True)[:AT_ONCE]
    )
    answered = [twin for twin in waiting if _answered(twin, render)]
    then(answered)
    return len(answered)


def settle(*, then: Then, limit: int = 200) -> int:
    """Answer twins whose picture is there by now, and let go those whose twin made none. Returns how many moved."""
    moved = 0
    for pk in orphans().order_by("pk").values_list("pk", flat=True)[:limit]:
        with transaction.atomic():
            twin = orphans().filter(pk=pk).select_for_update(skip_locked=True).first()
            if twin is None:
                continue
            render = selectors.cached_render(twin, twin.request)
            if render is None:
                moved += Job.objects.filter(pk=pk, held=Held.TWIN).update(held=Held.NOT)
            elif _answered(twin, render):
                moved += 1
                then([twin])
    return moved


def orphans() -> QuerySet[Job]:
    """Twins that wait for nobody any more."""
    at_work = Job.objects.filter(
        workspace=OuterRef("workspace"),
        request=OuterRef("request"),
        capability=OuterRef("capability"),
        region=OuterRef("region"),
        state__in=HELD_STATES,
    )
    return Job.objects.filter(state=JobState.QUEUED, held=Held.TWIN).exclude(Exists(at_work))


def _answered(twin: Job, render: Render) -> int:
    moved = Job.objects.filter(pk=twin.pk, state=JobState.QUEUED).update(
        state=JobState.DONE,
        held=Held.NOT,
        render=render,
        cached=True,
        error="",
        error_code="",
        finished_at=timezone.now(),
    )
    if moved:
        twin.refresh_from_db()
        planning.note_cached(twin)
    return moved
