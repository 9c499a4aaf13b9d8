"""Find products and photos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

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


@dataclass(frozen=True)
class Facets:
    """What the products of a store can be told apart by: (name, products) of each, the most common first.

    Attributes are named with their option: ``Colour: Red``.
    """

    categories: list[tuple[str, int]]
    tags: list[tuple[str, int]]
    vendors: list[tuple[str, int]]
    types: list[tuple[str, int]]
    attributes: list[tuple[str, int]]


def facets(store: int, *, most: int = 200) -> Facets:
    return Facets(
        categories=_names_in("categories", store, most),
        tags=_names_in("tags", store, most),
        vendors=_values_of("vendor", store, most),
        types=_values_of("type", store, most),
        attributes=_options(store, most),
    )


ATTRIBUTE = ": "


def with_attribute(named: str) -> Q:
    """Products with this option, written ``name: option``; either of them may have a colon in it."""
    parts = named.split(ATTRIBUTE)
    found = Q()
    for at in range(1, len(parts)):
        name, option = ATTRIBUTE.join(parts[:at]), ATTRIBUTE.join(parts[at:])
        found |= Q(product__attributes__contains={name: [option]})
    return found


def _values_of(field: str, store: int, most: int) -> list[tuple[str, int]]:
    shown = Product.objects.filter(store=store, present=True).exclude(**{field: ""})
    return list(shown.order_by().values_list(field).annotate(n=Count("pk")).order_by("-n", field)[:most])


def _options(store: int, most: int) -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT a.key || %s || option, count(*) FROM {Product._meta.db_table}, jsonb_each(attributes) a,"  # noqa: S608
            " jsonb_array_elements_text(a.value) option"
            " WHERE store_id = %s AND present GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s",
            [ATTRIBUTE, store, most],
        )
        return [(str(name), int(count)) for name, count in cursor.fetchall()]


def _names_in(field: str, store: int, most: int) -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT name, count(*) FROM {Product._meta.db_table}, jsonb_array_elements_text({field}) name"  # noqa: S608
            " WHERE store_id = %s AND present GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s",
            [store, most],
        )
        return [(str(name), int(count)) for name, count in cursor.fetchall()]
