"""Take many pictures back: what would come of it, start, watch, stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.dashboard import words as dashboard_words
from apps.dashboard.access import Asked, action, page, page_for
from apps.dashboard.paging import page_of
from apps.dashboard.showing import back, show
from apps.dashboard.takeback_forms import TakeBackForm, TakeBackSinceForm
from apps.dashboard.views.home import STOP_POLLING
from apps.flow import takingback
from apps.jobs import pace, progress, windows
from apps.lib.errors import VitrineError
from apps.publishing import counting, words
from apps.publishing.counting import Counts
from apps.publishing.foresight import Ahead, Scope, foresee
from apps.publishing.models import Reversal
from apps.publishing.reversals import ReversalState
from apps.publishing.services import reversing
from apps.stores import selectors as stores
from apps.stores.models import Store, StoreState

# -- start -------------------------------------------------------------------------------------------------------


@page_for(Role.OWNER)
def since(request: Asked, pk: int) -> HttpResponse:
    """Everything that went into a store since a moment. The form's key makes a double click one."""
    store = _store(request, pk)
    form = TakeBackSinceForm(request.POST or None, workspace=request.workspace)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        return _start(request, Scope(store, since=data["since"], recipe=data["recipe"]), form, store)
    return _page(request, store, form, _scope_of(store, form))


@page_for(Role.OWNER)
def since_ahead(request: Asked, pk: int) -> HttpResponse:
    """What the form as it is now would do; asked for while somebody chooses. Changes nothing."""
    store = _store(request, pk)
    form = TakeBackSinceForm(request.GET or None, workspace=request.workspace)
    context = {"store": store, "form": form, **_ahead(_scope_of(store, form))}
    return show(request, "parts/takeback_ahead.html", context)


@page_for(Role.OWNER)
def batch(request: Asked, pk: int) -> HttpResponse:
    """All that a batch wrote."""
    row = get_object_or_404(progress.batches_of(request.workspace.pk), pk=pk)
    form, scope = TakeBackForm(request.POST or None), Scope(row.store, batch=row)
    if request.method == "POST" and form.is_valid():
        return _start(request, scope, form, row.store)
    return _page(request, row.store, form, scope)


def _scope_of(store: Store, form: TakeBackSinceForm) -> Scope | None:
    if not form.is_bound:
        return Scope(store, since=form.first_moment())
    form.full_clean()
    moment = form.cleaned_data.get("since")
    if moment is None or "recipe" in form.errors:
        return None
    return Scope(store, since=moment, recipe=form.cleaned_data.get("recipe"))


def _start(request: Asked, scope: Scope, form: TakeBackForm, store: Store) -> HttpResponse:
    data = form.cleaned_data
    try:
        row, new = takingback.start(scope, key=data["key"], by=request.actor, note=data["note"])
    except VitrineError as error:
        form.add_error(None, error.message)
        return _page(request, store, form, scope)
    ok = (
        f"{words.counted(row.total, 'picture')} are being taken back."
        if new
        else "That is under way already."
    )
    return back(request, "dashboard:reversal", row.pk, ok=ok)


def _page(request: Asked, store: Store, form: TakeBackForm, scope: Scope | None) -> HttpResponse:
    context = {
        "store": store,
        "form": form,
        "batch": scope.batch if scope else None,
        "connected": store.state != StoreState.DISCONNECTED,
        **_ahead(scope),
    }
    return show(request, "takeback.html", context, status=422 if form.is_bound and form.errors else 200)


def _ahead(scope: Scope | None) -> dict[str, Any]:
    if scope is None:
        return {"ahead": None}
    try:
        ahead = foresee(scope)
    except VitrineError as error:
        return {"ahead": None, "trouble": error.message}
    return {"ahead": ahead, "sentences": words.foreseen(ahead), "button": _button(ahead)}


def _button(ahead: Ahead) -> str:
    if ahead.pictures:
        return f"Take back {words.counted(ahead.pictures, 'picture')}"
    return "Write no more of it"


# -- look --------------------------------------------------------------------------------------------------------


@page
def reversal_list(request: Asked) -> HttpResponse:
    found = page_of(counting.reversals_of(request.workspace.pk), request)
    zone = _zone(request)
    rows = [(r, counted := counting.counts(r), said(r, counted), words.about(r, zone)) for r in found.rows]
    return show(request, "reversals.html", {"page": found, "rows": rows})


@page
def reversal(request: Asked, pk: int) -> HttpResponse:
    return show(request, "reversal.html", _reversal(request, pk))


@page
def reversal_live(request: Asked, pk: int) -> HttpResponse:
    context = _reversal(request, pk)
    return show(
        request, "parts/reversal_live.html", context, status=200 if context["said"].moving else STOP_POLLING
    )


def _reversal(request: Asked, pk: int) -> dict[str, Any]:
    row = _own(request, pk)
    counted = counting.counts(row)
    return {
        "reversal": row,
        "about": words.about(row, _zone(request)),
        "counted": counted,
        "said": said(row, counted),
        "waits_for_store": row.state == ReversalState.RUNNING and row.store.state != StoreState.CONNECTED,
        "page": page_of(counting.failed_of(row), request) if counted.failed else None,
        "may": {
            "stop": row.state == ReversalState.RUNNING and counted.left > 0,
            "resume": row.state == ReversalState.STOPPED and counted.left > 0,
            "retry": row.state != ReversalState.STOPPED and counted.failed > 0,
        },
    }


def said(row: Reversal, counted: Counts) -> dashboard_words.Said:
    """Where it stands; one that was stopped moves until what had begun has ended."""
    if row.state == ReversalState.STOPPED:
        return dashboard_words.Said("warn", "Stopped", moving=counted.open > 0)
    if row.state == ReversalState.RUNNING:
        return dashboard_words.Said("busy", "Being taken back", moving=True)
    if counted.failed:
        return dashboard_words.Said("warn", f"Done, {counted.failed:,} could not be taken back")
    return dashboard_words.Said("good", "Taken back")


# -- move --------------------------------------------------------------------------------------------------------

MOVES: dict[str, tuple[Callable[..., Any], str]] = {
    "stop": (reversing.stop, "Stopped. What has begun is brought to its end; the rest stays as it is."),
    "resume": (reversing.resume, "Taking back goes on."),
    "retry": (reversing.retry, "What failed is tried again."),
}


@action(Role.REVIEWER)
def move(request: Asked, pk: int) -> HttpResponse:
    """Stop, go on, try again what failed: the button's name says which."""
    row = _own(request, pk)
    function, ok = MOVES.get(request.POST.get("what", ""), (None, ""))
    if function is None:
        return back(request, "dashboard:reversal", pk, trouble="Nothing was chosen.")
    try:
        takingback.move(row, function, by=request.actor)
    except VitrineError as error:
        return back(request, "dashboard:reversal", pk, trouble=error.message)
    return back(request, "dashboard:reversal", pk, ok=ok)


def _own(request: Asked, pk: int) -> Reversal:
    return get_object_or_404(counting.reversals_of(request.workspace.pk), pk=pk)


def _store(request: Asked, pk: int) -> Store:
    return get_object_or_404(stores.of_workspace(request.workspace.pk), pk=pk)


def _zone(request: Asked) -> Any:
    return windows.zone(pace.of_workspace(request.workspace.pk).time_zone)
