"""Batches: start one with a look ahead, watch it, move it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.billing import selectors as billing
from apps.catalog import selectors as catalog
from apps.dashboard import batch_words
from apps.dashboard.access import Asked, action, page, page_for
from apps.dashboard.batch_forms import MICROS, CapForm, CloneForm, RegenerateForm
from apps.dashboard.paging import page_of
from apps.dashboard.showing import back, show
from apps.dashboard.views.home import STOP_POLLING
from apps.flow import batching
from apps.jobs import progress
from apps.jobs.filters import Filter
from apps.jobs.models import Batch, BatchState
from apps.jobs.progress import Counts
from apps.jobs.services import batches
from apps.lib.errors import VitrineError
from apps.review import selectors as review
from apps.stores import selectors as stores
from apps.stores.models import Store
from apps.usage import selectors as usage

MOST_TROUBLES = 12
MOST_REVERSALS = 3


# -- start -------------------------------------------------------------------------------------------------------


@page_for(Role.OWNER)
def regenerate(request: Asked, pk: int) -> HttpResponse:
    """Choose photos, recipe, pilot and cap, see what comes of it, start. The form's key makes a double click one."""
    store = _store(request, pk)
    form = _form(request, store, request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked = batching.wish(store, form.version(), only=form.only(), cap_micros=form.cap_micros())
        data = form.cleaned_data
        batch, added = batching.start(
            asked, name=data["name"], key=data["key"], by=request.actor, pilot=form.first()
        )
        sentence = (
            f"{added} photos are being rendered with {form.version()}."
            if added
            else f"“{batch.name}” was started before."
        )
        return back(request, "dashboard:batch", batch.pk, ok=sentence)
    context = {"store": store, "form": form, **_ahead(store, form)}
    return show(request, "regenerate.html", context, status=422 if form.is_bound and form.errors else 200)


@page_for(Role.OWNER)
def preflight(request: Asked, pk: int) -> HttpResponse:
    """What the form as it is now would do; asked for while somebody chooses. Creates nothing."""
    store = _store(request, pk)
    form = _form(request, store, request.GET or None)
    return show(request, "parts/preflight.html", {"store": store, "form": form, **_ahead(store, form)})


def _form(request: Asked, store: Store, data: Any) -> RegenerateForm:
    return RegenerateForm(data, workspace=request.workspace, store=store, facets=catalog.facets(store.pk))


def _plan_pays(store: Store, pictures: int) -> int | None:
    """How many of these pictures the store's plan pays for; None where it pays for all, or nobody pays."""
    left = billing.pictures_left([store.pk]).get(store.pk)
    return left if left is not None and left < pictures else None


def _ahead(store: Store, form: RegenerateForm) -> dict[str, Any]:
    """The look ahead: with the form's choices, or over everything for a new form; none while it can't be meant."""
    if form.is_bound:
        if not form.is_valid():
            return {"ahead": None}
        asked = batching.wish(store, form.version(), only=form.only(), cap_micros=form.cap_micros())
    else:
        version = form.first_version
        if version is None:
            return {"ahead": None}
        asked = batching.wish(store, version)
    ahead = batching.look_ahead(asked)
    return {
        "ahead": ahead,
        "left_out": batch_words.left_out(ahead.skipped),
        "basis": batch_words.BASIS[ahead.pace.basis],
        "pilot": _pilot_size(form, ahead.planned),
        "plan_pays": _plan_pays(store, ahead.to_render),
    }


def _pilot_size(form: RegenerateForm, planned: int) -> int | None:
    """How many photos the pilot would have, where the form asks for one."""
    first = form.first() if form.is_bound else None
    return first.count(planned) if first else None


# -- look --------------------------------------------------------------------------------------------------------


@page
def batch_list(request: Asked) -> HttpResponse:
    found = page_of(progress.batches_of(request.workspace.pk).filter(pilot_of=None), request)
    counted = progress.counts(b.pk for b in found.rows)
    rows = [(b, counted[b.pk], batch_words.batch(b, counted[b.pk])) for b in found.rows]
    return show(request, "batches.html", {"page": found, "rows": rows})


@page
def batch(request: Asked, pk: int) -> HttpResponse:
    context = _batch(request, pk)
    if context["batch"].pilot_of_id is None:
        context["clone_form"] = CloneForm(workspace=request.workspace)
    context["reversals"] = list(context["batch"].reversals.order_by("-pk")[:MOST_REVERSALS])
    cap_micros = context["batch"].cap_micros
    context["cap_now"] = "" if cap_micros is None else f"{cap_micros / MICROS:.4f}".rstrip("0").rstrip(".")
    return show(request, "batch.html", context)


@page
def batch_live(request: Asked, pk: int) -> HttpResponse:
    context = _batch(request, pk)
    return show(request, "parts/batch_live.html", context, status=200 if context["moving"] else STOP_POLLING)


def _batch(request: Asked, pk: int) -> dict[str, Any]:
    row = _own(request, pk)
    pilot = getattr(row, "pilot", None)
    counted = progress.counts(b.pk for b in (row, pilot) if b)
    mine = counted[row.pk]
    said = batch_words.batch(row, mine)
    capped = progress.at_cap(row, mine)
    moving = row.state == BatchState.RUNNING and bool(mine.open)
    if pilot is not None and row.state == BatchState.HELD:
        moving = moving or bool(counted[pilot.pk].open)
    return {
        "batch": row,
        "said": said,
        "counted": mine,
        "pace": progress.pace(row, mine),
        "capped": capped,
        "standing": usage.standing(row.workspace_id) if mine.open else None,
        "each_micros": mine.cost_micros / (mine.done - mine.cached) if mine.done > mine.cached else None,
        "moving": moving,
        "meant": batch_words.meant(Filter.from_json(row.filter)),
        "left_out": batch_words.left_out(row.forecast.get("skipped", {})),
        "troubles": _troubles(row, mine),
        "pilot": _pilot(row, pilot, counted) if pilot else None,
        "may": _may(row, mine),
    }


def _troubles(row: Batch, counted: Counts) -> list[dict[str, Any]]:
    """What failed, the most common first, each with an example."""
    codes = list(counted.troubles)[:MOST_TROUBLES]
    examples = progress.examples(row, codes)
    return [
        {"label": batch_words.problem(code), "jobs": counted.troubles[code], "example": examples.get(code)}
        for code in codes
    ]


def _pilot(row: Batch, pilot: Batch, counted: dict[int, Counts]) -> dict[str, Any]:
    mine = counted[pilot.pk]
    return {
        "batch": pilot,
        "counted": mine,
        "approved": review.approved_of(pilot.pk),
        "go_at": round(row.go_at_share * 100) if row.go_at_share else None,
        "latest": list(
            review.items_of(row.workspace_id).filter(job__batch=pilot).select_related("publication__undo")[:6]
        ),
    }


def _may(row: Batch, counted: Counts) -> dict[str, bool]:
    """Which buttons make sense now."""
    state, going = row.state, counted.open > 0
    return {
        "go": state == BatchState.HELD,
        "pause": state == BatchState.RUNNING and going,
        "resume": state == BatchState.PAUSED,
        "cancel": state != BatchState.CANCELLED and going,
        "retry": state != BatchState.CANCELLED and counted.failed > 0,
        "cap": state != BatchState.CANCELLED and going,
    }


# -- move --------------------------------------------------------------------------------------------------------


MOVES: dict[str, tuple[Callable[..., Any], str]] = {
    "go": (batching.go, "The rest of the batch begins."),
    "pause": (batches.pause, "The batch is paused. What a worker holds is finished."),
    "resume": (batching.resume, "The batch goes on."),
    "cancel": (batches.cancel, "The batch is cancelled. Finished pictures stay."),
    "retry": (batches.retry_failed, "What failed is tried again."),
}


@action(Role.REVIEWER)
def move(request: Asked, pk: int) -> HttpResponse:
    """Go on after the pilot, pause, resume, cancel, retry what failed: the button's name says which."""
    row = _own(request, pk)
    function, ok = MOVES.get(request.POST.get("what", ""), (None, ""))
    if function is None:
        return back(request, "dashboard:batch", pk, trouble="Nothing was chosen.")
    try:
        function(row, by=request.actor)
    except VitrineError as error:
        return back(request, "dashboard:batch", pk, trouble=error.message)
    return back(request, "dashboard:batch", pk, ok=ok)


@action(Role.OWNER)
def cap(request: Asked, pk: int) -> HttpResponse:
    row = _own(request, pk)
    form = CapForm(request.POST)
    if not form.is_valid():
        return back(request, "dashboard:batch", pk, trouble="That is not an amount of money.")
    try:
        batches.set_cap(row, form.cap_micros(), by=request.actor)
    except VitrineError as error:
        return back(request, "dashboard:batch", pk, trouble=error.message)
    return back(request, "dashboard:batch", pk, ok="What the batch may cost was changed.")


@action(Role.OWNER)
def clone(request: Asked, pk: int) -> HttpResponse:
    row = _own(request, pk)
    form = CloneForm(request.POST, workspace=request.workspace)
    if not form.is_valid():
        return back(request, "dashboard:batch", pk, trouble="Choose a recipe for the copy.")
    version = form.version()
    made, added = batching.clone(
        row,
        version,
        name=f"{row.name} with {version.recipe}"[:120],
        key=form.cleaned_data["key"],
        by=request.actor,
    )
    sentence = (
        f"{added} photos are being rendered with {version}." if added else "There is nothing to render."
    )
    return back(request, "dashboard:batch", made.pk, ok=sentence)


def _own(request: Asked, pk: int) -> Batch:
    return get_object_or_404(progress.batches_of(request.workspace.pk), pk=pk)


def _store(request: Asked, pk: int) -> Store:
    return get_object_or_404(stores.of_workspace(request.workspace.pk), pk=pk)
