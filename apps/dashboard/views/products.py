"""Products with their pictures before and after."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from apps.catalog import selectors as catalog
from apps.dashboard import reading
from apps.dashboard.access import Asked, page
from apps.dashboard.forms import ProductFilter
from apps.dashboard.paging import page_of
from apps.dashboard.showing import show
from apps.dashboard.views.home import STOP_POLLING
from apps.jobs import selectors as jobs
from apps.publishing import selectors as publishing
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


def _product(request: Asked, pk: int) -> dict[str, object]:
    workspace = request.workspace.pk
    row = get_object_or_404(catalog.products_of(workspace), pk=pk)
    shots = reading.shots_of([row.pk]).get(row.pk, [])
    publications = list(publishing.publications_of(workspace).filter(product=row)[:HISTORY])
    return {
        "product": row,
        "shots": shots,
        "publications": publications,
        "jobs": list(jobs.jobs_of(workspace).filter(photo__product=row)[:HISTORY]),
        "moving": any(s.said.moving for s in shots)
        or any(p.work_state in {"waiting", "running"} for p in publications),
    }
