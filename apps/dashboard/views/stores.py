"""Stores: look, read again, disconnect. How one is connected is in connecting.py."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.automation import words
from apps.automation.services import ruling
from apps.catalog.models import Sync
from apps.catalog.selectors import photos_to_render
from apps.dashboard.access import Asked, action, page, page_for
from apps.dashboard.showing import back, show
from apps.dashboard.store_words import missing, works
from apps.dashboard.views.home import STOP_POLLING
from apps.flow import drift, flow, paying, waking
from apps.ingest import selectors as ingest
from apps.lib.work import WorkState
from apps.stores import presence, services, throttle
from apps.stores import selectors as stores
from apps.stores.models import Store, StoreState
from connectors.errors import ConnectorError

DELIVERIES = 20


@page
def store_list(request: Asked) -> HttpResponse:
    rows = stores.of_workspace(request.workspace.pk).annotate(
        product_count=Count("products", filter=Q(products__present=True))
    )
    return show(request, "stores.html", {"stores": rows})


@page
def store(request: Asked, pk: int) -> HttpResponse:
    row = _store(request, pk)
    return show(
        request,
        "store.html",
        {
            "store": row,
            "products": row.products.filter(present=True).count(),
            "photos": photos_to_render(row.pk).count(),
            "deliveries": ingest.recent(row.pk)[:DELIVERIES],
            "sync": _last_sync(row),
            "keeping": drift.of_store(row),
            "rules": [words.sentence(r) for r in ruling.of_store(row) if r.on],
            "public_url": settings.PUBLIC_URL,
            "works": works(row),
            "missing": missing(row),
            "connected": row.state != StoreState.DISCONNECTED,
            "away_since": presence.away_since([row.pk]).get(row.pk),
            "pace": throttle.slowed(row.pk) if row.state != StoreState.DISCONNECTED else None,
            "pictures_away_since": presence.away_since([row.pk], images=True).get(row.pk),
        },
    )


@page
def sync_state(request: Asked, pk: int) -> HttpResponse:
    """How far reading the catalogue is; polled while it goes on."""
    row = _store(request, pk)
    sync = _last_sync(row)
    going = sync is not None and sync.work_state in {WorkState.WAITING, WorkState.RUNNING}
    return show(
        request, "parts/sync.html", {"store": row, "sync": sync}, status=200 if going else STOP_POLLING
    )


@action(Role.OWNER)
def sync(request: Asked, pk: int) -> HttpResponse:
    row = _store(request, pk)
    if row.state == StoreState.DISCONNECTED:
        return back(
            request, "dashboard:store", pk, trouble="This store is disconnected. Connect it again first."
        )
    flow.connected(row, by=request.actor)
    return back(request, "dashboard:store", pk, ok="The catalogue is being read again.")


@action(Role.REVIEWER)
def ask_now(request: Asked, pk: int) -> HttpResponse:
    """The store is there again, a person says: what waits for it goes on now."""
    waiting = waking.wake(_store(request, pk))
    return back(
        request, "dashboard:store", pk, ok=f"The store is being asked again. Waiting for it: {waiting:,}."
    )


@action(Role.OWNER)
def check_webhooks(request: Asked, pk: int) -> HttpResponse:
    """Make sure that the store delivers to us; what it switched off is made anew."""
    row = _store(request, pk)
    if row.state == StoreState.DISCONNECTED:
        return back(
            request, "dashboard:store", pk, trouble="This store is disconnected. Connect it again first."
        )
    presence.forget(row.pk)  # a person asks: whether it is away is to be seen now
    try:
        hooks = services.listen(row)
    except ConnectorError as error:
        return back(request, "dashboard:store", pk, trouble=f"Webhooks could not be checked: {error.message}")
    return back(request, "dashboard:store", pk, ok=f"{len(hooks)} webhooks are active.")


@page_for(Role.OWNER)
def disconnect(request: Asked, pk: int) -> HttpResponse:
    row = _store(request, pk)
    if request.method != "POST":
        return show(request, "disconnect.html", {"store": row})
    try:
        paying.disconnect(row, by=request.actor)
    except ConnectorError as error:
        trouble = f"Its plan could not be ended, so everything stays as it is. {error.message}"
        return back(request, "dashboard:store", pk, trouble=trouble)
    forgotten = "its access is" if row.shop else "its keys are"
    return back(request, "dashboard:stores", ok=f"{row.name} is disconnected and {forgotten} forgotten.")


@action(Role.OWNER)
def people(request: Asked, pk: int) -> HttpResponse:
    """Let people of the shop in from its administration, or nobody new any more."""
    row = _store(request, pk)
    everybody = request.POST.get("everybody") == "yes"
    if not row.shop or not services.let_in(row, everybody=everybody, by=request.actor):
        return back(request, "dashboard:store", pk, ok="Everything stays as it is.")
    told = (
        "They are let in when they open Vitrine there." if everybody else "Nobody new is let in from there."
    )
    return back(request, "dashboard:store", pk, ok=told)


def _store(request: Asked, pk: int) -> Store:
    return get_object_or_404(stores.of_workspace(request.workspace.pk), pk=pk)


def _last_sync(row: Store) -> Sync | None:
    return row.syncs.order_by("-pk").first()
