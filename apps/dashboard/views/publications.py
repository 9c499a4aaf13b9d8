"""Publications: what was written into a store, its undo, and another try where it failed."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.dashboard import words
from apps.dashboard.access import Asked, action, page
from apps.dashboard.paging import page_of
from apps.dashboard.showing import back, show
from apps.dashboard.views.home import STOP_POLLING
from apps.flow import flow
from apps.lib.errors import VitrineError
from apps.publishing import selectors as publishing
from apps.publishing.models import Publication
from apps.publishing.services import asking
from apps.stores import selectors as stores
from apps.stores.models import StoreState


@page
def publication_list(request: Asked) -> HttpResponse:
    connected = stores.of_workspace(request.workspace.pk).exclude(state=StoreState.DISCONNECTED)
    return show(request, "publications.html", {"stores": list(connected), **_publications(request)})


@page
def publication_rows(request: Asked) -> HttpResponse:
    """The rows, polled while one of them is on its way."""
    context = _publications(request)
    return show(
        request, "parts/publications.html", context, status=200 if context["moving"] else STOP_POLLING
    )


def _publications(request: Asked) -> dict[str, object]:
    found = page_of(publishing.publications_of(request.workspace.pk), request)
    return {"page": found, "moving": any(words.publication(p).moving for p in found.rows)}


@page
def publication(request: Asked, pk: int) -> HttpResponse:
    return show(request, "publication.html", _publication(request, pk))


@page
def publication_live(request: Asked, pk: int) -> HttpResponse:
    context = _publication(request, pk)
    status = 200 if context["moving"] else STOP_POLLING
    return show(request, "parts/publication_live.html", context, status=status)


def _publication(request: Asked, pk: int) -> dict[str, object]:
    row = _own(request, pk)
    return {
        "publication": row,
        "snapshot": getattr(row, "snapshot", None),
        "steps": list(row.steps.order_by("pk")),
        "moving": words.publication(row).moving,
    }


@action(Role.REVIEWER)
def undo(request: Asked, pk: int) -> HttpResponse:
    try:
        flow.undo(_own(request, pk), by=request.actor)
    except VitrineError as error:
        return back(request, "dashboard:publication", pk, trouble=error.message)
    return back(request, "dashboard:publication", pk, ok="The original is being put back.")


@action(Role.REVIEWER)
@transaction.atomic
def retry(request: Asked, pk: int) -> HttpResponse:
    row = _own(request, pk)
    if not asking.retry(row, by=request.actor):
        return back(
            request, "dashboard:publication", pk, trouble="Only a failed publication can be tried again."
        )
    flow.reviewed(row.item, by=request.actor)
    return back(request, "dashboard:publication", pk, ok="It is being written again.")


def _own(request: Asked, pk: int) -> Publication:
    return get_object_or_404(publishing.publications_of(request.workspace.pk), pk=pk)
