"""Products with their pictures before and after."""

from __future__ import annotations

import re
import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.catalog import selectors as catalog
from apps.dashboard import reading
from apps.dashboard.access import Asked, action, page
from apps.dashboard.forms import ProductFilter
from apps.dashboard.paging import page_of
from apps.dashboard.showing import back, show
from apps.dashboard.views.home import STOP_POLLING
from apps.flow import flow
from apps.jobs import selectors as jobs
from apps.jobs.filters import Filter
from apps.publishing import selectors as publishing
from apps.recipes import selectors as recipes
from apps.stores import selectors as stores

HISTORY = 30


@page
def product_list(request: Asked) -> HttpResponse:
    workspace = request.workspace.pk
    form = ProductFilter(request.GET or None, stores=list(stores.of_workspace(workspace)))
    chosen = form.chosen()
    found = page_of(reading.products(workspace, **chosen), request)
    context = {
        "form": form,
        "page": found,
        "cards": reading.cards(found.rows),
        "narrowed": any(chosen.values()),
    }
    part = bool(request.htmx) and not request.htmx.boosted and request.htmx.target == "found"
    return show(request, "parts/products.html" if part else "products.html", context)


@page
def product(request: Asked, pk: int) -> HttpResponse:
    return show(request, "product.html", _product(request, pk))


@page
def product_live(request: Asked, pk: int) -> HttpResponse:
    """Pictures and publications of a product, polled while something moves."""
    context = _product(request, pk)
    return show(
        request, "parts/product_live.html", context, status=200 if context["moving"] else STOP_POLLING
    )


@action(Role.OWNER)
def again(request: Asked, pk: int) -> HttpResponse:
    """Render all photos of one product with the automatic recipe. The form's key makes a double click one batch."""
    row = get_object_or_404(catalog.products_of(request.workspace.pk), pk=pk)
    version = recipes.automatic(request.workspace.pk)
    key = request.POST.get("key", "")
    if version is None:
        return back(request, "dashboard:product", pk, trouble="There is no automatic recipe to render with.")
    if not re.fullmatch(r"[a-f0-9]{32}", key):
        return back(request, "dashboard:product", pk, trouble="Open this page again.")
    _, added = flow.regenerate(
        row.store, version, name=row.title[:120], key=key, by=request.actor, only=Filter(products=(row.pk,))
    )
    said = f"{added} photo{'' if added == 1 else 's'} of this product are being rendered with {version}."
    return back(request, "dashboard:product", pk, ok=said if added else "This was started before.")


def _product(request: Asked, pk: int) -> dict[str, object]:
    workspace = request.workspace.pk
    row = get_object_or_404(catalog.products_of(workspace), pk=pk)
    shots = reading.shots_of([row.pk]).get(row.pk, [])
    publications = list(publishing.publications_of(workspace).filter(product=row)[:HISTORY])
    return {
        "product": row,
        "shots": shots,
        "publications": publications,
        "scales_differ": reading.scales_differ(row, shots),
        "automatic": recipes.automatic(workspace),
        "key": uuid.uuid4().hex,
        "jobs": list(jobs.jobs_of(workspace).filter(photo__product=row)[:HISTORY]),
        "moving": any(s.said.moving for s in shots)
        or any(p.work_state in {"waiting", "running"} for p in publications),
    }
