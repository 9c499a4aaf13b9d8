"""Connecting a store: its address, how to give access, what came of it.

The store's pages lead back to two addresses of ours. What they bring is read from `request.handed_over` (handed.py) and
answered with a redirect to an address that holds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from apps.accounts.models import Role
from apps.dashboard.access import Asked, action, arrival_for, page, page_for, sight_for
from apps.dashboard.connect_forms import AddressForm, ConnectForm
from apps.dashboard.showing import back, show
from apps.dashboard.store_words import missing, polled, works
from apps.dashboard.views.home import STOP_POLLING
from apps.flow import flow, hints
from apps.lib.errors import VitrineError
from apps.stores import approving, reach, services
from apps.stores import connect as finding
from apps.stores import selectors as stores
from apps.stores.approving import TokenUsed, UnknownToken
from apps.stores.connect import NotConnectable
from apps.stores.models import Approval, ApprovalState, Store, StoreState
from connectors.errors import ConnectorError, Rejected
from connectors.types import Gift, Way

PLATFORM = "woocommerce"
MOVING = (ApprovalState.ASKED, ApprovalState.GIVEN)
GIFTS = (
    (Gift.READ, "Read products"),
    (Gift.WRITE, "Change products"),
    (Gift.UPLOAD, "Media library"),
    (Gift.WEBHOOKS, "Webhooks"),
)


class SeeOther(HttpResponseRedirect):
    """Go there with GET, whatever brought you here."""

    status_code = 303


# 1. Where is the store?


@sight_for(Role.OWNER)
def connect(request: Asked) -> HttpResponse:
    """The address; with ?store=ID that of a store that is there and gets new access."""
    return show(request, "connect.html", {"form": AddressForm(initial=_known(request))})


def _known(request: Asked) -> dict[str, str]:
    wanted = request.GET.get("store", "")
    row = stores.of_workspace(request.workspace.pk).filter(pk=wanted).first() if wanted.isdecimal() else None
    return {"url": row.url if row else request.GET.get("url", "")[:300], "platform": PLATFORM}


# 2. What is there, and how may we get in?


@sight_for(Role.OWNER)
def ways(request: Asked) -> HttpResponse:
    """Look for the store, tell what is there, offer the ways to give access."""
    if not request.GET.get("url"):
        return redirect("dashboard:connect")
    form = AddressForm(request.GET)
    if not form.is_valid():
        return show(request, "connect.html", {"form": form}, status=422)
    try:
        platform, found = finding.recognise(form.cleaned_data["url"])
    except (NotConnectable, ConnectorError) as error:
        form.add_error("url", error.message)
        return show(request, "connect.html", {"form": form}, status=422)
    offered = finding.ways(platform, found) if found.can_connect else ()
    there = stores.of_workspace(request.workspace.pk).filter(url=found.url).first()
    # A delivery that came says more than how our address looks.
    reached = reach.here().reachable or (there is not None and there.last_delivery_at is not None)
    return show(
        request,
        "connect_ways.html",
        {
            "typed": form.cleaned_data["url"],
            "platform": platform,
            "shop": urlsplit(found.url).hostname,
            "found": found,
            "stops": [one for one in found.findings if one.stops],
            "warns": [one for one in found.findings if not one.stops],
            "offers": _offers(offered),
            "any_open": any(way.possible for way in offered),
            "gifts": [label for _, label in GIFTS],
            "polled": "" if reached else polled(),
            "public_url": settings.PUBLIC_URL,
            "elsewhere": request.get_host() != urlsplit(settings.PUBLIC_URL).netloc,
            "there": there,
        },
    )


def _offers(ways: Sequence[Way]) -> list[dict[str, object]]:
    """Each way with its gifts in the table's order: (label, given, what to know of it). `first`: the best that is
    open."""
    best = next((way for way in ways if way.possible), None)
    return [
        {
            "way": way,
            "first": way is best,
            "gives": [(label, gift in way.gives, way.but.get(gift, "")) for gift, label in GIFTS],
        }
        for way in ways
    ]


@action(Role.OWNER)
def ask(request: Asked) -> HttpResponse:
    """Go to the store's page on which access is approved."""
    typed, way = request.POST.get("url", "")[:300], request.POST.get("way", "")
    returns = approving.Returns(
        browser=settings.PUBLIC_URL + reverse(f"dashboard:{'keys' if way == 'keys' else 'password'}-back"),
        callback=settings.PUBLIC_URL + reverse("woocommerce-keys"),
    )
    try:
        page_there = approving.ask(
            request.workspace, platform=PLATFORM, typed=typed, way=way, returns=returns, by=request.actor
        )
    except (NotConnectable, ConnectorError) as error:
        messages.error(request, error.message)
        return redirect(f"{reverse('dashboard:connect-ways')}?{urlencode({'url': typed})}")
    return SeeOther(page_there)


@page_for(Role.OWNER)
def paste(request: Asked) -> HttpResponse:
    """Keys that were made in the store and copied here."""
    form = ConnectForm(request.POST or None, initial=_known(request))
    if request.method == "POST" and form.is_valid():
        try:
            row = services.connect(request.workspace, by=request.actor, **form.wish())
        except NotConnectable as error:
            form.add_error("url", error.message)
        except (ConnectorError, VitrineError) as error:
            form.add_error(None, error.message)
        else:
            flow.connected(row, by=request.actor)
            return redirect("dashboard:store-connected", row.pk)
    return show(request, "connect_paste.html", {"form": form}, status=422 if form.errors else 200)


# The store's pages lead back to here.


@arrival_for(Role.OWNER)
def password_back(request: Asked) -> HttpResponse:
    return _returned(request, "password")


@arrival_for(Role.OWNER)
def keys_back(request: Asked) -> HttpResponse:
    return _returned(request, "keys")


def _returned(request: Asked, way: str) -> HttpResponse:
    given = cast("dict[str, str]", request.handed_over)  # type: ignore[attr-defined]
    if not given:  # after a login, which does not get to see what the store handed over
        return back(
            request,
            "dashboard:connect",
            trouble="You were not logged in here when the store sent you back, so what it gave was not kept. Please "
            "start again. In WordPress, under Users, Profile, you can revoke the password that Vitrine got.",
        )
    try:
        row = approving.returned(
            request.workspace.pk, platform=PLATFORM, way=way, given=given, by=request.actor
        )
    except (Rejected, UnknownToken) as error:
        raise Http404 from error
    except TokenUsed as used:
        messages.error(
            request, "That answer of the store was used before, or came too late. Nothing was changed."
        )
        return SeeOther(reverse("dashboard:approval", args=[used.approval.pk]))
    hints.hint("flow.approve", row.pk)
    return SeeOther(reverse("dashboard:approval", args=[row.pk]))


@sight_for(Role.OWNER)
def approval(request: Asked, pk: int) -> HttpResponse:
    """How far it is; for whoever asked only."""
    row = _approval(request, pk)
    if row.state == ApprovalState.CONNECTED and row.store_id:
        return redirect("dashboard:store-connected", row.store_id)
    return show(request, "approval.html", _shown(row))


@sight_for(Role.OWNER)
def approval_live(request: Asked, pk: int) -> HttpResponse:
    """The same, polled while it moves. 204 where the page shows it already: nobody is told it again and again."""
    row = _approval(request, pk)
    if row.state == ApprovalState.CONNECTED and row.store_id:
        return HttpResponseClientRedirect(reverse("dashboard:store-connected", args=[row.store_id]))
    shown = _shown(row)
    if request.GET.get("shown") == shown["now"]:
        return HttpResponse(status=204)
    return show(
        request, "parts/approval_live.html", shown, status=200 if row.state in MOVING else STOP_POLLING
    )


def _approval(request: Asked, pk: int) -> Approval:
    mine = Approval.objects.filter(workspace=request.workspace, asked_by=request.actor)
    return get_object_or_404(mine, pk=pk)


def _shown(row: Approval) -> dict[str, object]:
    return {
        "approval": row,
        "moving": row.state in MOVING,
        "now": f"{row.state}-{row.tries if row.error else 0}",
    }


# 3. What works.


@page
def connected(request: Asked, pk: int) -> HttpResponse:
    row = get_object_or_404(Store, workspace=request.workspace, pk=pk)
    if row.state == StoreState.DISCONNECTED:
        return redirect("dashboard:store", pk)
    return show(
        request,
        "store_connected.html",
        {
            "store": row,
            "works": works(row),
            "missing": missing(row),
            "sync": row.syncs.order_by("-pk").first(),
        },
    )


@action(Role.OWNER)
def try_again(request: Asked, pk: int) -> HttpResponse:
    """Somebody changed something in the store: see what works now."""
    row = get_object_or_404(Store, workspace=request.workspace, pk=pk)
    if row.state == StoreState.DISCONNECTED:
        return back(request, "dashboard:store", pk, trouble="This store is disconnected. Connect it first.")
    try:
        services.probe(row)
    except ConnectorError as error:
        return back(request, "dashboard:store", pk, trouble=f"That could not be tried: {error.message}")
    return back(request, "dashboard:store", pk, ok="Tried again; the table says what works now.")
