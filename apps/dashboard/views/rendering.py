"""Rendering: the workers and how they are, and the pace that owners set for their workspace and stores."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role, Workspace
from apps.dashboard.access import Asked, action, page
from apps.dashboard.pace_forms import PaceForm, StorePaceForm
from apps.dashboard.showing import back, show
from apps.jobs import pace
from apps.jobs import selectors as jobs
from apps.jobs.models import StorePace
from apps.jobs.services import health, pacing
from apps.lib.errors import BadRequest
from apps.stores.models import Store
from apps.usage import selectors as usage

PAGE = "dashboard:rendering"


@page
def rendering(request: Asked) -> HttpResponse:
    own = pace.of_workspace(request.workspace.pk)
    set_for = pace.of_stores(request.workspace.pk)
    stores = [
        (store, pace.said(found), found, StorePaceForm.of(found))
        for store in Store.objects.filter(workspace=request.workspace).order_by("name")
        for found in [set_for.get(store.pk) or StorePace(store=store)]
    ]
    lately = usage.recently(request.workspace.pk)
    context = {
        "pace": own,
        "said": pace.said(own),
        "form": PaceForm.of(own),
        "stores": stores,
        "workers": [(w, health.of(w), round(100 * health.failed_share(w))) for w in jobs.known_workers()],
        "hit_percent": None if lately.hit_share is None else round(100 * lately.hit_share),
        "matte_percent": None if lately.matte_hit_share is None else round(100 * lately.matte_hit_share),
    }
    return show(request, "rendering.html", context)


@action(Role.OWNER)
def set_pace(request: Asked) -> HttpResponse:
    form = PaceForm(request.POST)
    if not form.is_valid():
        return back(request, PAGE, trouble=_wrong(form))
    return _changed(request, request.workspace, form.values())


@action(Role.OWNER)
def set_store_pace(request: Asked, pk: int) -> HttpResponse:
    store = _own(request, pk)
    form = StorePaceForm(request.POST)
    if not form.is_valid():
        return back(request, PAGE, trouble=_wrong(form))
    return _changed(request, store, form.cleaned_data)


@action(Role.OWNER)
def pause(request: Asked) -> HttpResponse:
    """Or resume: the form says which."""
    return _turned(request, request.workspace)


@action(Role.OWNER)
def pause_store(request: Asked, pk: int) -> HttpResponse:
    return _turned(request, _own(request, pk))


def _changed(request: Asked, place: Workspace | Store, values: dict[str, object]) -> HttpResponse:
    try:
        new = pacing.change(place, values, by=request.actor)
    except BadRequest as error:
        return back(request, PAGE, trouble=error.message)
    return back(request, PAGE, ok="Saved. It holds from now on." if new else "Everything stays as it is.")


def _turned(request: Asked, place: Workspace | Store) -> HttpResponse:
    if request.POST.get("wish") == "resume":
        pacing.resume(place, by=request.actor)
        return back(request, PAGE, ok=f"Rendering for {place.name} goes on.")
    pacing.pause(place, by=request.actor)
    return back(
        request, PAGE, ok=f"Rendering for {place.name} is paused. What a worker has begun is finished."
    )


def _own(request: Asked, pk: int) -> Store:
    return get_object_or_404(Store, workspace=request.workspace, pk=pk)


def _wrong(form: PaceForm | StorePaceForm) -> str:
    return " ".join(
        f"{form.fields[name].label if name in form.fields else ''}: {' '.join(map(str, errors))}".lstrip(": ")
        for name, errors in form.errors.items()
    )
