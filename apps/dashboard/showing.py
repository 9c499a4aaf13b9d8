"""Answer with a template: what every page needs (workspace, role, what waits) is put in here."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from apps.accounts.models import Role
from apps.accounts.selectors import at_least
from apps.dashboard.access import Asked
from apps.review import selectors as review


def show(request: Asked, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page or a part of one. Adds `workspace`, `can_review`, `can_own` and, for whole pages, `waiting_count`."""
    whole = not request.htmx or request.htmx.boosted
    common: dict[str, Any] = {
        "workspace": request.workspace,
        "role": request.role,
        "can_review": at_least(request.role, Role.REVIEWER),
        "can_own": at_least(request.role, Role.OWNER),
    }
    if whole and "waiting_count" not in context:
        common["waiting_count"] = review.waiting(request.workspace.pk).count()
    return render(request, f"dashboard/{template}", {**common, **context}, status=status)


def back(request: Asked, default: str, *args: Any, ok: str = "", trouble: str = "") -> HttpResponseRedirect:
    """To the page that the form named in `next`, else to `default`; with a sentence on top of it."""
    if ok:
        messages.success(request, ok)
    if trouble:
        messages.error(request, trouble)
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
        return HttpResponseRedirect(wanted)
    return redirect(default, *args)
