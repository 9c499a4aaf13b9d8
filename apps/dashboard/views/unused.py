"""Unused pictures of ours in a store's media library: a look, and deleting them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.dashboard.access import Asked, action, page
from apps.dashboard.paging import page_of
from apps.dashboard.showing import back, show
from apps.dashboard.views.home import STOP_POLLING
from apps.flow import takingback
from apps.lib.errors import VitrineError
from apps.lib.work import WorkState
from apps.publishing import unused, words
from apps.publishing.models import Cleaning, Publication
from apps.publishing.services import cleaning
from apps.stores import selectors as stores
from apps.stores.models import Store

PAGE = "dashboard:unused-media"
KEPT_SHOWN = 24


@page
def unused_media(request: Asked, pk: int) -> HttpResponse:
    store = _store(request, pk)
    found = unused.unused(store.pk)
    shown = page_of(found, request)
    made_for = Publication.objects.select_related("product", "render").in_bulk(
        [row.publication for row in shown.rows if row.publication]
    )
    files = [
        {"written": row, "publication": made, "why": unused.why(made), "file": made.render.file("main") or {}}
        for row in shown.rows
        if row.publication and (made := made_for.get(row.publication))
    ]
    context = {
        "store": store,
        "page": shown,
        "files": files,
        "total": found.count(),
        "size_bytes": unused.size_bytes(store.pk),
        "hindrance": cleaning.hindrance(store),
        **_latest(store),
    }
    return show(request, "unused.html", context)


@page
def cleaning_live(request: Asked, pk: int) -> HttpResponse:
    context = {"store": (store := _store(request, pk)), **_latest(store)}
    return show(
        request, "parts/cleaning_live.html", context, status=200 if context["moving"] else STOP_POLLING
    )


def _latest(store: Store) -> dict[str, Any]:
    row = cleaning.latest(store)
    moving = row is not None and row.work_state in {WorkState.WAITING, WorkState.RUNNING}
    kept = (
        row.files.filter(deleted=False).select_related("written").order_by("pk")[:KEPT_SHOWN] if row else []
    )
    return {"cleaning": row, "moving": moving, "kept": kept}


@action(Role.OWNER)
def clean_media(request: Asked, pk: int) -> HttpResponse:
    try:
        row, new = takingback.clean(_store(request, pk), by=request.actor)
    except VitrineError as error:
        return back(request, PAGE, pk, trouble=error.message)
    files = words.counted(row.total, "file")
    ok = f"Looking at {files}, and deleting what nothing shows." if new else "That is under way."
    return back(request, PAGE, pk, ok=ok)


@action(Role.REVIEWER)
def stop_cleaning(request: Asked, pk: int) -> HttpResponse:
    store = _store(request, pk)
    row = cleaning.latest(store)
    try:
        cleaning.stop(row or Cleaning(pk=0), by=request.actor)
    except VitrineError as error:
        return back(request, PAGE, pk, trouble=error.message)
    return back(request, PAGE, pk, ok="Stopped. The rest stays in the media library.")


def _store(request: Asked, pk: int) -> Store:
    return get_object_or_404(stores.of_workspace(request.workspace.pk), pk=pk)
