"""The audit trail in words, and its verification."""

from __future__ import annotations

import re

from django.http import HttpResponse

from apps.audit import selectors as audit
from apps.dashboard import reading
from apps.dashboard.access import Asked, page
from apps.dashboard.paging import page_of
from apps.dashboard.showing import show

EVENTS = 50
SUBJECT = re.compile(r"[a-z]{1,20}:[0-9]{1,18}")


@page
def trail(request: Asked) -> HttpResponse:
    workspace = request.workspace.pk
    wanted = request.GET.get("subject", "").strip()
    subject = wanted if SUBJECT.fullmatch(wanted) else ""
    found = page_of(audit.events_of(workspace, subject=subject), request, size=EVENTS)
    context = {
        "page": found,
        "subject": subject,
        "names": reading.actor_names(workspace, found.rows),
        "not_understood": wanted if wanted and not subject else "",
    }
    return show(request, "audit.html", context)


@page
def verify(request: Asked) -> HttpResponse:
    """Walk the whole chain now; asked for by a button, never by a page view."""
    report = audit.verify(request.workspace.pk)
    part = bool(request.htmx) and not request.htmx.boosted
    template = "parts/verified.html" if part else "verified.html"
    return show(request, template, {"report": report, "head": report.heads.get(request.workspace.pk, "")})
