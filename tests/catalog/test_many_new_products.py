"""Products that are new to us are taken in together, and it comes to the same as one by one."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.catalog import services as catalog
from apps.catalog.models import Photo, Product, Sync, Variant
from apps.flow import flow, reconcile
from apps.stores import services as stores
from apps.stores.connect import open_store
from connectors.types import RemoteImage, RemoteProduct, RemoteVariant
from tests.shopkeeping import Shop, photo


def read(shop: Shop) -> Sync:
    row, _ = catalog.ask_sync(shop.store, by="test")
    flow.synced(row.pk)
    row.refresh_from_db()
    return row


def remote(number: int, *, title: str = "") -> RemoteProduct:
    """A product of two pictures and two variants, of which one shows the second picture."""
    images = tuple(
        RemoteImage(f"{number}{side}", f"https://cdn.example/{number}-{side}.jpg") for side in "12"
    )
    return RemoteProduct(
        id=f"{number}",
        title=title or f"Product {number}",
        url=f"https://shop.example/{number}",
        status="publish",
        type="variable",
        modified_at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
        images=images,
        variants=(RemoteVariant("1", "Small"), RemoteVariant("2", "Large", image=images[1])),
    )


def rows(shop: Shop) -> Any:
    """All that is mirrored, without what differs in any case."""
    products = Product.objects.filter(store=shop.store).order_by("external_id")
    return [
        (
            [getattr(product, f) for f in ("external_id", "title", "url", "status", "fingerprint")],
            [getattr(product, f) for f in ("modified_at", "seen_at", "last_sync", "present")],
            list(product.photos.values_list("media_id", "position", "variant", "src", "ours")),
            sorted(product.variants.values_list("external_id", "title", "media_id")),
        )
        for product in products
    ]


def test_many_at_once_are_the_same_as_one_by_one(shop: Shop) -> None:
    as_of, remotes = timezone.now(), [remote(n) for n in range(1, 8)]
    stores.wrote(shop.store, media_id="32", stem="mug-v1-0123456789", sha256="", publication=0)
    together = catalog.add(shop.store, remotes, as_of=as_of, met_by=5)
    there = rows(shop)
    Product.objects.all().delete()
    alone = [catalog.mirror(shop.store, one, as_of=as_of, met_by=5) for one in remotes]
    assert rows(shop) == there and len(there) == 7
    for one, other in zip(together, alone, strict=True):
        assert one is not None and one.created and one.differed and one.touched and one.images_changed
        assert [p.media_id for p in one.new] == [p.media_id for p in other.new]
        assert one.photos_differing == other.photos_differing
    ours = Photo.objects.get(ours=True)
    assert ours.media_id == "32" and together[2] is not None
    assert [p.media_id for p in together[2].new] == ["31"], "there is no work for a picture of ours"


def test_one_that_is_known_by_now_is_left_alone_and_one_that_comes_twice_comes_once(shop: Shop) -> None:
    catalog.mirror(shop.store, remote(2, title="As a webhook told"))
    added = catalog.add(shop.store, [remote(1), remote(2), remote(3), remote(3)], as_of=timezone.now())
    assert [bool(one) for one in added] == [True, False, True, False]
    titles = Product.objects.filter(store=shop.store).order_by("external_id").values_list("title", flat=True)
    assert list(titles) == ["Product 1", "As a webhook told", "Product 3"]
    assert (Photo.objects.count(), Variant.objects.count()) == (6, 6)


def test_a_webhook_that_is_faster_than_the_page_it_stands_on_is_not_undone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [shop.sell(f"Product {n}", photo()) for n in range(30)]
    looked = reconcile._Listed.now

    def meanwhile(store: Any, page: Any) -> Any:
        """Between the page and its first row a webhook tells of one of its products."""
        listed = looked(store, page)
        shop.remote.change_product(numbers[7], title="Renamed since")
        catalog.mirror(store, open_store(store).product(numbers[7]), as_of=timezone.now())
        return listed

    monkeypatch.setattr(reconcile._Listed, "now", meanwhile)
    row = read(shop)
    assert (row.work_state, row.products) == ("done", 30)
    assert Product.objects.filter(store=shop.store, last_sync=row.pk).count() == 30
    assert Product.objects.get(store=shop.store, external_id=numbers[7]).title == "Renamed since"
    assert Photo.objects.count() == 30


def test_a_page_of_new_products_takes_few_statements(shop: Shop) -> None:
    shop.remote.now = lambda: timezone.now() - dt.timedelta(days=30)
    for n in range(100):
        shop.remote.add_product(f"Product {n}", ())
    shop.sell("With a photo", photo())
    row, _ = catalog.ask_sync(shop.store, by="test")
    with CaptureQueriesContext(connection) as asked:
        flow.synced(row.pk)
    assert Product.objects.filter(store=shop.store).count() == 101
    assert len(asked) < 60, "a fraction of one per product"
