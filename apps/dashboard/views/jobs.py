"""Jobs: what is under way, what failed and why, what each stage took."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.dashboard import reading
from apps.dashboard.access import Asked, action, page
from apps.dashboard.paging import page_of
from apps.dashboard.showing import back, show
from apps.dashboard.views.home import STOP_POLLING
from apps.jobs import selectors as jobs
from apps.jobs.models import OPEN_STATES, Batch, Job, JobState
from apps.jobs.services import planning, quarantine
from apps.usage import selectors as usage

FILTERS = {
    "": ("All", None),
    "open": ("Under way", list(OPEN_STATES)),
    "failed": ("Failed", list(reading.BROKEN_JOBS)),
    "done": ("Rendered", [JobState.DONE]),
    "cancelled": ("Cancelled", [JobState.CANCELLED]),
}


@page
def job_list(request: Asked) -> HttpResponse:
    return show(request, "jobs.html", _jobs(request))


@page
def job_rows(request: Asked) -> HttpResponse:
    """Progress and rows, polled while jobs are open."""
    context = _jobs(request)
    return show(request, "parts/jobs.html", context, status=200 if context["moving"] else STOP_POLLING)


def _jobs(request: Asked) -> dict[str, object]:
    workspace = request.workspace.pk
    wanted = request.GET.get("state", "")
    wanted = wanted if wanted in FILTERS else ""
    states = FILTERS[wanted][1]
    found = jobs.jobs_of(workspace)
    batch = _batch(request)
    if batch is not None:
        found = found.filter(batch=batch)
    if states is not None:
        found = found.filter(state__in=states)
    progress = reading.progress(workspace) if batch is None else reading.batch_progress(batch)
    return {
        "batch": batch,
        "standing": usage.standing(workspace),
        "page": page_of(found, request),
        "filters": [(name, label) for name, (label, _) in FILTERS.items()],
        "wanted": wanted,
        "progress": progress,
        "moving": bool(progress["open"]),
        "workers": list(jobs.live_workers()),
    }


def _batch(request: Asked) -> Batch | None:
    """The batch that the list is narrowed to, if any."""
    wanted = request.GET.get("batch", "")
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 19):
        return None
    return get_object_or_404(Batch, workspace=request.workspace, pk=int(wanted))


@page
def job(request: Asked, pk: int) -> HttpResponse:
    return show(request, "job.html", _job(request, pk))


@page
def job_live(request: Asked, pk: int) -> HttpResponse:
    context = _job(request, pk)
    return show(request, "parts/job_live.html", context, status=200 if context["moving"] else STOP_POLLING)


def _job(request: Asked, pk: int) -> dict[str, object]:
    row = _own(request, pk)
    attempts = list(row.attempts.order_by("number"))
    return {
        "job": row,
        "item": getattr(row, "item", None),
        "attempts": attempts,
        "stages": _stages(row),
        "device_seconds": sum(a.device_seconds for a in attempts),
        "cost_micros": usage.cost_of_job(row.pk),
        "moving": row.state in OPEN_STATES,
        "kept": jobs.kept_marks(row.photo),
    }


def _stages(row: Job) -> list[tuple[str, float]]:
    """Longest first: the order in which they ran is not kept by the database's JSON."""
    return sorted(row.render.seconds.items(), key=lambda s: -s[1]) if row.render else []


@action(Role.REVIEWER)
def cancel(request: Asked, pk: int) -> HttpResponse:
    row = _own(request, pk)
    if planning.cancel(row, by=request.actor):
        return back(request, "dashboard:job", pk, ok="The job is cancelled.")
    return back(request, "dashboard:job", pk, trouble="This job had ended already.")


@action(Role.REVIEWER)
def release(request: Asked, pk: int) -> HttpResponse:
    """Try a job again that was set aside."""
    if quarantine.release(_own(request, pk), by=request.actor):
        return back(request, "dashboard:job", pk, ok="The job is tried again, by itself.")
    return back(request, "dashboard:job", pk, trouble="This job is not set aside.")


def _own(request: Asked, pk: int) -> Job:
    found = jobs.jobs_of(request.workspace.pk).select_related("item", "batch")
    return get_object_or_404(found, pk=pk)
