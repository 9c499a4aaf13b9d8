"""What the stores of a workspace pay here: plans, what is used of them, the way to the platform's own page."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from apps.accounts.models import Role
from apps.billing import selectors
from apps.billing.models import State
from apps.billing.services import plans
from apps.dashboard.access import Asked, action, arrival_for, page
from apps.dashboard.plan_forms import CapForm
from apps.dashboard.showing import back, show
from apps.lib.errors import BadRequest
from apps.stores import selectors as stores
from apps.stores import shopify
from apps.stores.models import Store
from connectors.errors import ConnectorError

PAGE = "dashboard:plan"
LATEST_CHARGES = 10


@page
def plan(request: Asked) -> HttpResponse:
    shown = [
        {
            "standing": found,
            "form": CapForm.of(found),
            "charges": selectors.charges_of(found.holds)[:LATEST_CHARGES] if found.holds else [],
        }
        for found in selectors.standings(request.workspace.pk)
    ]
    return show(
        request,
        "plan.html",
        {"is_on": selectors.is_on(), "shown": shown, "offered": selectors.offered()},
    )


@action(Role.OWNER)
def ask(request: Asked, pk: int) -> HttpResponse:
    """To the platform's page, on which the merchant agrees to the plan."""
    store = _store(request, pk)
    path = reverse("dashboard:plan-back", args=[pk])
    # Inside the administration there is no login that a page of its own could find.
    inside = request.inside is not None and store.platform == shopify.PLATFORM
    there = f"{shopify.page_inside(store.shop) if inside else settings.PUBLIC_URL}{path}"
    try:
        return HttpResponseRedirect(plans.ask(store, back=there, by=request.actor).page)
    except (BadRequest, ConnectorError) as error:
        return back(request, PAGE, trouble=error.message)


@action(Role.OWNER)
def raise_cap(request: Asked, pk: int) -> HttpResponse:
    """To the platform's page, on which the merchant agrees to a higher limit."""
    store, form = _store(request, pk), CapForm(request.POST)
    if not form.is_valid():
        return back(request, PAGE, trouble="That is not an amount of money.")
    try:
        there = plans.raise_cap(store, cap_micros=form.micros(), by=request.actor)
    except (BadRequest, ConnectorError) as error:
        return back(request, PAGE, trouble=error.message)
    return HttpResponseRedirect(there) if there else redirect("dashboard:plan-back", pk)


@action(Role.OWNER)
def cancel(request: Asked, pk: int) -> HttpResponse:
    store = _store(request, pk)
    try:
        ended = plans.cancel(store, by=request.actor)
    except (BadRequest, ConnectorError) as error:
        return back(request, PAGE, trouble=error.message)
    told = f"The plan of {store.name} has ended." if ended else "There was no plan to end."
    return back(request, PAGE, ok=told)


@arrival_for(Role.VIEWER)
def returned(request: Asked, pk: int) -> HttpResponse:
    """From the platform's page. What the address says of it counts for nothing: the platform is asked."""
    store = _store(request, pk)
    if not selectors.has_to_pay(store):
        return redirect(PAGE)
    try:
        plans.look(store)
    except ConnectorError as error:
        trouble = f"We could not ask yet whether you agreed, and try again by ourselves. {error.message}"
        return back(request, PAGE, trouble=trouble)
    found = selectors.standing(store)
    if found.holds is not None and found.holds.state == State.ACTIVE:
        return back(request, PAGE, ok=f"The plan of {store.name} is active.")
    return back(request, PAGE, trouble="The plan is not active: nobody agreed to it yet.")


def _store(request: Asked, pk: int) -> Store:
    return get_object_or_404(stores.of_workspace(request.workspace.pk), pk=pk)
