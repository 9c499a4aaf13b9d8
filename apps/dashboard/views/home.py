"""The first page: numbers, work under way, the newest pictures, what needs somebody."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from apps.billing import selectors as billing
from apps.dashboard import reading
from apps.dashboard.access import Asked, page
from apps.dashboard.showing import show
from apps.jobs import selectors as jobs
from apps.storage import selectors as storage

LATEST = 6
# htmx's word for "this was the last poll".
STOP_POLLING = 286


@page
def home(request: Asked) -> HttpResponse:
    return show(request, "home.html", _live(request))


@page
def live(request: Asked) -> HttpResponse:
    """The moving part of the home page, polled while jobs are open. Pictures come along only when they changed."""
    context = _live(request)
    context["repaint"] = request.GET.get("seen") != context["seen"]
    done = not context["progress"]["open"]
    return show(request, "parts/live.html", context, status=STOP_POLLING if done else 200)


def _live(request: Asked) -> dict[str, Any]:
    workspace = request.workspace.pk
    numbers, latest = reading.numbers(workspace), reading.latest(workspace, LATEST)
    return {
        "numbers": numbers,
        "waiting_count": numbers.waiting,
        "progress": reading.progress(workspace),
        "latest": latest,
        "room": storage.level(workspace),
        "stopped_plans": [found for found in billing.standings(workspace) if found.why_stopped],
        "workers": list(jobs.live_workers()),
        # What the strips show: other pictures, other states, other strips.
        "seen": f"{latest[0].pk if latest else 0}-{numbers.waiting}-{numbers.live}",
    }
