"""Automation rules of a store: what happens by itself, what waits for it, and what it would have done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone

from apps.accounts.models import Role
from apps.automation import selectors, words
from apps.automation.models import Rule, WaitsFor
from apps.automation.services import ruling
from apps.catalog import selectors as catalog
from apps.dashboard.access import Asked, action, page, page_for
from apps.dashboard.rule_forms import RuleForm
from apps.dashboard.showing import back, show
from apps.jobs import pace
from apps.lib.errors import BadRequest
from apps.recipes import selectors as recipes
from apps.stores import selectors as stores
from apps.stores.models import Store, StoreState

PAGE = "dashboard:rules"
# So long a deleted rule is offered to be brought back.
OFFERED = dt.timedelta(days=30)


@page
def rule_list(request: Asked, pk: int) -> HttpResponse:
    store = _store(request, pk)
    rules = ruling.of_store(store)
    counts = selectors.counts(request.workspace.pk, [r.pk for r in rules])
    deleted = Rule.objects.filter(store=store, deleted_at__gte=timezone.now() - OFFERED)
    context = {
        "store": store,
        "rules": [(r, words.sentence(r), counts[r.pk], _waits(counts[r.pk].waiting)) for r in rules],
        "deleted": deleted.select_related("recipe").order_by("-deleted_at"),
        "time_zone": pace.of_workspace(request.workspace.pk).time_zone,
        "connected": store.state != StoreState.DISCONNECTED,
        "no_recipe": recipes.automatic(request.workspace.pk) is None
        and any(r.on and r.recipe_id is None for r in rules),
    }
    return show(request, "rules.html", context)


def _waits(waiting: dict[str, int]) -> list[tuple[int, str]]:
    """How many photos wait, and for what."""
    return [(n, WaitsFor(why).label) for why, n in sorted(waiting.items()) if n]


@page_for(Role.OWNER)
def new(request: Asked, pk: int) -> HttpResponse:
    store = _store(request, pk)
    form = _form(request, store)
    if request.method == "POST" and form.is_valid():
        try:
            rule = ruling.create(store, form.values(), by=request.actor)
        except BadRequest as error:
            form.add_error(None, error.message)
        else:
            return back(request, PAGE, pk, ok=f"“{rule.name}” is on.")
    return _shown(request, store, form)


@page_for(Role.OWNER)
def edit(request: Asked, pk: int) -> HttpResponse:
    rule = _own(request, pk)
    form = _form(request, rule.store, rule)
    if request.method == "POST" and form.is_valid():
        try:
            changed = ruling.change(rule, form.values(), by=request.actor)
        except BadRequest as error:
            form.add_error(None, error.message)
        else:
            ok = (
                f"“{rule.name}” is changed. It holds from now on."
                if changed
                else "Everything stays as it is."
            )
            return back(request, PAGE, rule.store_id, ok=ok)
    return _shown(request, rule.store, form)


@page_for(Role.OWNER)
def ahead(request: Asked, pk: int) -> HttpResponse:
    """What the rule as the form says it now would have done; asked for while somebody chooses. Changes nothing."""
    store = _store(request, pk)
    wanted = request.GET.get("rule", "")
    rule = selectors.rules_of(request.workspace.pk).filter(pk=wanted).first() if wanted.isdecimal() else None
    form = _form(request, store, rule, request.GET)
    return show(request, "parts/rule_ahead.html", {"store": store, "form": form, **_ahead(store, form)})


def _form(request: Asked, store: Store, rule: Rule | None = None, data: Any = None) -> RuleForm:
    return RuleForm(
        data or request.POST or None, workspace=request.workspace, facets=catalog.facets(store.pk), rule=rule
    )


def _shown(request: Asked, store: Store, form: RuleForm) -> HttpResponse:
    context = {
        "store": store,
        "form": form,
        "time_zone": pace.of_workspace(request.workspace.pk).time_zone,
        **_ahead(store, form),
    }
    return show(request, "rule.html", context, status=422 if form.errors else 200)


def _ahead(store: Store, form: RuleForm) -> dict[str, Any]:
    """The sentence and a look back; for a new form as it stands, none while it can't be meant."""
    rule = Rule(store=store, name="It")
    if not form.is_bound:
        if form.rule is None:
            rule = ruling.checked(rule, {"events": form.initial["events"], "calm_s": form.initial["calm_s"]})
        else:
            rule = form.rule
    elif not form.is_valid():
        return {"ahead": None}
    else:
        try:
            rule = ruling.checked(rule, form.values())
        except BadRequest as error:
            return {"ahead": None, "trouble": error.message}
    return {"ahead": selectors.looking_back(store, rule), "says": words.sentence(rule), "cap": rule.daily_cap}


MOVES: dict[str, tuple[Callable[..., Any], str]] = {
    "on": (lambda rule, by: ruling.switch(rule, on=True, by=by), "“{}” is on."),
    "off": (
        lambda rule, by: ruling.switch(rule, on=False, by=by),
        "“{}” is off. What waits for it waits until it is on again.",
    ),
    "up": (ruling.move_up, "“{}” is asked one earlier."),
    "copy": (ruling.duplicate, "“{}” has a copy, which is off until you switch it on."),
    "delete": (ruling.delete, "“{}” is deleted. You can bring it back below."),
    "restore": (ruling.restore, "“{}” is back."),
}


@action(Role.OWNER)
def move(request: Asked, pk: int) -> HttpResponse:
    """Switch, ask earlier, copy, delete, bring back: the button's name says which."""
    rule = get_object_or_404(
        Rule.objects.select_related("store", "recipe"), store__workspace=request.workspace, pk=pk
    )
    function, ok = MOVES.get(request.POST.get("what", ""), (None, ""))
    if function is None:
        return back(request, PAGE, rule.store_id, trouble="Nothing was chosen.")
    try:
        function(rule, by=request.actor)
    except BadRequest as error:
        return back(request, PAGE, rule.store_id, trouble=error.message)
    return back(request, PAGE, rule.store_id, ok=ok.format(rule.name))


def _own(request: Asked, pk: int) -> Rule:
    return get_object_or_404(selectors.rules_of(request.workspace.pk), pk=pk)


def _store(request: Asked, pk: int) -> Store:
    return get_object_or_404(stores.of_workspace(request.workspace.pk), pk=pk)
