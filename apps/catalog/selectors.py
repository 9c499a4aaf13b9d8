"""Find products and photos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.catalog.models import Photo, Product
from apps.stores.models import WrittenMedia


def products_of(workspace: int, *, store: int | None = None) -> QuerySet[Product]:
    found = Product.objects.filter(store__workspace=workspace).select_related("store").order_by("-pk")
    return found.filter(store=store) if store else found


def source_photos(product: Product) -> list[Photo]:
    """What the merchant shows of a product now, without what we wrote."""
    return list(product.photos.filter(present=True, ours=False).select_related("product__store"))


def photos_to_render(store: int) -> QuerySet[Photo]:
    """The merchant's own photos that the store shows now, and those in whose place it shows a picture of ours."""
    shown = Photo.objects.filter(product__store=store, ours=True, present=True, media_id=OuterRef("media_id"))
    covered = WrittenMedia.objects.filter(Exists(shown), store=store, photo=OuterRef("pk"))
    return (
        Photo.objects.filter(Q(present=True) | Exists(covered), product__store=store, ours=False)
        .filter(product__present=True)
        .select_related("product__store")
        .order_by("pk")
    )


def shown_together(store: int, products: Iterable[int], *, most: int) -> dict[int, list[int]]:
    """Product → ids of its photos to render, the first `most` in the store's order."""
    found: dict[int, list[int]] = defaultdict(list)
    photos = photos_to_render(store).filter(product__in=list(products)).order_by("product", "position", "pk")
    for product, photo in photos.values_list("product_id", "pk"):
        if len(found[product]) < most:
            found[product].append(photo)
    return found
