"""Find products and photos."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.catalog.models import Photo, Product


def products_of(workspace: int, *, store: int | None = None) -> QuerySet[Product]:
    found = Product.objects.filter(store__workspace=workspace).select_related("store").order_by("-pk")
    return found.filter(store=store) if store else found


def photos_to_render(store: int) -> QuerySet[Photo]:
    """The merchant's own photos that the store shows now."""
    return (
        Photo.objects.filter(product__store=store, product__present=True, present=True, ours=False)
        .select_related("product__store")
        .order_by("pk")
    )
