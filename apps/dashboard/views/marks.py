"""Marking the product in a photo whose cut-out went wrong, asking for the picture again, and forgetting the marks."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.catalog.models import Photo
from apps.dashboard import reading
from apps.dashboard.access import Asked, action, page, page_for
from apps.dashboard.forms import MarksForm, marks_as_typed
from apps.dashboard.showing import back, show
from apps.dashboard.views.home import STOP_POLLING
from apps.flow import flow
from apps.jobs import selectors as jobs
from apps.jobs.models import OPEN_STATES
from apps.jobs.services import marks
from apps.lib.errors import VitrineError
from apps.review import selectors as review
from apps.review.models import Item


@page_for(Role.REVIEWER)
def mark(request: Asked, pk: int) -> HttpResponse:
    """The photo, large, to draw a box in and to set points; what was marked before is there already."""
    item = get_object_or_404(review.items_of(request.workspace.pk), pk=pk)
    if request.method != "POST":
        kept = jobs.kept_marks(item.job.photo)
        table = kept.cutout if kept else item.job.recipe.get("cutout") or {}
        return _form(request, item, MarksForm(initial=marks_as_typed(table)))
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
    exchanged = job.photo.revision != job.photo_revision
    context = {"item": item, "form": form, "exchanged": exchanged, "kept": jobs.kept_marks(job.photo)}
    return show(request, "mark.html", context, status=status)


@action(Role.REVIEWER)
def forget(request: Asked, pk: int) -> HttpResponse:
    """Later pictures of this photo are cut out without what a person marked in it; those there are stay."""
    photos = Photo.objects.select_related("product__store").filter(
        product__store__workspace=request.workspace
    )
    photo = get_object_or_404(photos, pk=pk)
    if marks.forget(photo, by=request.actor):
        said = "The marks are forgotten. The next picture of this photo is cut out without them."
        return back(request, "dashboard:product", photo.product_id, ok=said)
    return back(request, "dashboard:product", photo.product_id, trouble="No marks are kept for this photo.")


@page
def again_state(request: Asked, pk: int) -> HttpResponse:
    """What became of the newest picture that was asked for in place of this one; polled while it is made."""
    item = get_object_or_404(review.items_of(request.workspace.pk), pk=pk)
    newer = reading.newer(item)
    moving = newer is not None and newer.state in OPEN_STATES
    context = {"item": item, "newer": newer, "newer_moving": moving}
    return show(request, "parts/again.html", context, status=200 if moving else STOP_POLLING)
