"""Marking the product in a photo whose cut-out went wrong, and asking for the picture again."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.dashboard import reading
from apps.dashboard.access import Asked, page, page_for
from apps.dashboard.forms import MarksForm, marks_as_typed
from apps.dashboard.showing import back, show
from apps.dashboard.views.home import STOP_POLLING
from apps.flow import flow
from apps.jobs.models import OPEN_STATES
from apps.lib.errors import VitrineError
from apps.review import selectors as review
from apps.review.models import Item


@page_for(Role.REVIEWER)
def mark(request: Asked, pk: int) -> HttpResponse:
    """The photo, large, to draw a box in and to set points; what was marked before is there already."""
    item = get_object_or_404(review.items_of(request.workspace.pk), pk=pk)
    if request.method != "POST":
        return _form(request, item, MarksForm(initial=marks_as_typed(item.job.recipe.get("cutout") or {})))
    form = MarksForm(request.POST)
    if not form.is_valid():
        return _form(request, item, form, status=409)
    try:
        flow.marked(item, form.marks(), by=request.actor)
    except VitrineError as error:
        form.add_error(None, error.message)
        return _form(request, item, form, status=409)
    return back(request, "dashboard:review-item", item.pk, ok="Your marks are kept.")


def _form(request: Asked, item: Item, form: MarksForm, *, status: int = 200) -> HttpResponse:
    job = item.job
    context = {"item": item, "form": form, "exchanged": job.photo.revision != job.photo_revision}
    return show(request, "mark.html", context, status=status)


@page
def again_state(request: Asked, pk: int) -> HttpResponse:
    """What became of the newest picture that was asked for in place of this one; polled while it is made."""
    item = get_object_or_404(review.items_of(request.workspace.pk), pk=pk)
    newer = reading.newer(item)
    moving = newer is not None and newer.state in OPEN_STATES
    context = {"item": item, "newer": newer, "newer_moving": moving}
    return show(request, "parts/again.html", context, status=200 if moving else STOP_POLLING)
