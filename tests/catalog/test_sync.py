"""Reading a store: everything, then only what changed; what is gone is noticed; an interruption goes on."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from apps.catalog import selectors, services
from apps.catalog.models import Photo, Product, Sync
from apps.flow import flow, housekeeping
from apps.jobs.models import Job
from apps.recipes.models import Recipe
from apps.stores.models import Store
from connectors.errors import AuthExpired, Unavailable
from connectors.fake import FakeConnector
from connectors.types import Page
from tests.shopkeeping import Shop, photo


def sync(shop: Shop, **more: bool) -> Sync:
    row, _ = services.ask_sync(Store.objects.get(pk=shop.store.pk), by="test", **more)
    flow.synced(row.pk)
    row.refresh_from_db()
    return row


def test_a_catalogue_of_several_pages_is_mirrored_and_starts_no_work(shop: Shop) -> None:
    shop.remote.now = lambda: timezone.now() - dt.timedelta(days=30)
    for n in range(230):
        shop.remote.add_product(f"Product {n}", ())
    shop.sell("With a photo", photo())
    row = sync(shop)
    assert (row.work_state, row.products) == ("done", 231)
    assert Product.objects.filter(store=shop.store).count() == 231
    assert Photo.objects.count() == 1
    assert Job.objects.count() == 0, "connecting a large shop must not cost money by itself"


def test_an_interrupted_sync_goes_on_where_it_was(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(150):
        shop.remote.add_product(f"Product {n}", ())
    row, _ = services.ask_sync(shop.store, by="test")
    real = FakeConnector.products

    def down_after_the_first_page(
        self: FakeConnector, *, modified_after: Any = None, page: str | None = None
    ) -> Page:
        if page:
            raise Unavailable("503")
        return real(self, modified_after=modified_after, page=page)

    with monkeypatch.context() as patch:
        patch.setattr(FakeConnector, "products", down_after_the_first_page)
        flow.synced(row.pk)
    row.refresh_from_db()
    assert (row.work_state, row.page, row.products) == ("waiting", "2", 100)
    Sync.objects.update(not_before=timezone.now() - dt.timedelta(seconds=1))
    flow.synced(row.pk)
    row.refresh_from_db()
    assert (row.work_state, row.products) == ("done", 150)


def test_a_deleted_product_is_noticed_by_a_full_sync(shop: Shop) -> None:
    keep, lose = shop.sell("Keep"), shop.sell("Lose")
    sync(shop)
    shop.remote.delete_product(lose)
    Product.objects.update(modified_at=timezone.now() - dt.timedelta(days=1))
    sync(shop)
    assert set(Product.objects.filter(present=True).values_list("external_id", flat=True)) == {keep}
    assert not Photo.objects.filter(product__external_id=lose, present=True).exists()


def test_polling_finds_what_no_webhook_told(shop: Shop) -> None:
    sync(shop)
    shop.sell("Never announced", photo())
    shop.remote.deliver()  # lost on the way
    housekeeping.poll_stores()
    shop.work()
    assert [j.state for j in shop.jobs()] == ["done"]
    housekeeping.poll_stores()
    shop.work()
    assert len(shop.jobs()) == 1


def test_two_syncs_at_once_are_one(shop: Shop) -> None:
    first, new = services.ask_sync(shop.store, by="test")
    second, again = services.ask_sync(shop.store, by="test")
    assert (first.pk, new, again) == (second.pk, True, False)


def test_keys_that_were_revoked_mark_the_store_and_say_what_to_do(shop: Shop) -> None:
    shop.remote.fail(AuthExpired("401"), "products")
    row = sync(shop)
    assert row.work_state == "failed"
    store = Store.objects.get(pk=shop.store.pk)
    assert store.state == "broken" and "connect it again" in store.problem


def test_a_product_in_the_trash_is_gone_and_back_when_restored(shop: Shop) -> None:
    product = shop.sell()
    shop.deliver()
    shop.work()
    shop.remote.trash_product(product)
    shop.deliver()
    shop.work()
    assert not Product.objects.get(external_id=product).present
    assert selectors.photos_to_render(shop.store.pk).count() == 0
    shop.remote.restore_product(product)
    shop.deliver()
    shop.work()
    assert Product.objects.get(external_id=product).present
    assert len(shop.jobs()) == 1


def test_a_changed_photo_under_the_same_id_is_new_work(shop: Shop) -> None:
    Recipe.objects.update(automatic=False)
    product = shop.sell("Mug", photo())
    shop.deliver()
    shop.work()
    Recipe.objects.update(automatic=True)
    [image] = shop.remote.products[product].images
    fresh = replace(image, src=image.src.replace(".jpg", "-edited.jpg"))
    shop.remote.media[image.id] = (fresh, photo("#e11"))
    shop.remote.change_product(product, images=(fresh,))
    shop.deliver()
    shop.work()
    assert Photo.objects.get(ours=False).revision == 2
    assert len(shop.jobs()) == 1


def test_a_product_that_the_first_sync_meets_before_its_webhook_is_worked_on_once(shop: Shop) -> None:
    shop.sell("Made while we were reading", photo())
    sync(shop)
    shop.deliver()
    shop.work()
    assert [j.state for j in shop.jobs()] == ["done"]


def test_a_new_product_whose_clock_lags_is_worked_on_when_its_webhook_comes(shop: Shop) -> None:
    shop.remote.now = lambda: timezone.now() - dt.timedelta(minutes=10)
    shop.sell("Made while we were reading", photo())
    sync(shop)
    assert shop.jobs() == []
    shop.deliver()
    shop.work()
    assert [j.state for j in shop.jobs()] == ["done"]
