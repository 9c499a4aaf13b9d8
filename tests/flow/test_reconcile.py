"""Webhooks get lost: reading the store makes it good, says how much that was, and never does anything twice."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from django.utils import timezone

from apps.catalog import services as catalog
from apps.catalog.models import Product, Sync, Variant
from apps.flow import drift, flow, housekeeping, reconcile
from apps.ingest.models import Delivery
from apps.stores import services as stores
from apps.stores.connect import open_store
from apps.stores.models import Store
from connectors.fake import FakeConnector
from connectors.types import Page, RemoteProduct
from tests.shopkeeping import Shop, photo
from tests.storefront import Storefront, read


def found(row: Sync) -> dict[str, int]:
    return {name: getattr(row, f"drift_{name}") for name in ("changed", "new", "gone", "photos")}


NOTHING = {"changed": 0, "new": 0, "gone": 0, "photos": 0}


def mirror_equals_store(shop: Shop) -> None:
    theirs = {p.id: p for p in open_store(shop.store).products().products}
    ours = {p.external_id: p for p in Product.objects.filter(store=shop.store, present=True)}
    assert set(ours) == set(theirs)
    for key, product in theirs.items():
        mine = ours[key]
        assert (mine.title, mine.tags, mine.in_stock, mine.modified_at) == (
            product.title,
            list(product.tags),
            product.in_stock,
            product.modified_at,
        )
        shown = list(mine.photos.filter(present=True).order_by("position").values_list("media_id", flat=True))
        assert shown == [i.id for i in product.images]


def test_lost_webhooks_are_made_good_and_counted_exactly_and_the_second_time_there_is_nothing(
    woo: Shop, front: Storefront
) -> None:
    title, pictured, tagged, emptied, deleted, trashed = (
        front.sell(name, color)
        for name, color in zip("ABCDEF", ("#111", "#222", "#333", "#444", "#555", "#666"), strict=True)
    )
    first = read(woo)
    assert first.first and found(first) == NOTHING
    front.change(title, name="Another title")
    [old] = front.catalogue.readable(pictured).doc["image_ids"]
    front.change(pictured, images=[front.image("#2a2"), {"id": old}, front.image("#3a3")])
    front.change(tagged, tags=[front.tag("summer")], stock_status="outofstock")
    front.change(emptied, images=[])
    front.catalogue.delete(deleted, force=True)
    front.catalogue.delete(trashed, force=False)
    front.sell("New", "#777", "#888")
    front.lose_webhooks()
    second = read(woo)
    assert found(second) == {"changed": 4, "new": 1, "gone": 2, "photos": 2 + 1 + 2}
    assert second.products == 5 and second.seconds is not None and second.seconds >= 0
    mirror_equals_store(woo)
    third = read(woo)
    assert found(third) == NOTHING
    mirror_equals_store(woo)
    keeping = drift.of_store(woo.store)
    assert (keeping.by_webhook, keeping.by_polling, keeping.polled_percent) == (0, 5, 100)
    assert (
        not keeping.healthy
        and keeping.week.gone == 2
        and keeping.by_day[-1] == 7
        and sum(keeping.by_day) == 7
    )


def test_what_webhooks_told_is_no_drift(woo: Shop, front: Storefront) -> None:
    product = front.sell("A", "#111")
    read(woo)
    front.change(product, name="Another title")
    front.sell("B", "#222")
    front.site.hooks.deliver_due()
    woo.carry()
    assert Delivery.objects.filter(changed=True).count() == 2
    assert found(read(woo)) == NOTHING
    keeping = drift.of_store(woo.store)
    assert keeping.healthy and (keeping.by_webhook, keeping.by_polling) == (2, 0)


def test_a_webhook_that_comes_late_is_counted_as_late_and_makes_no_second_job(
    woo: Shop, front: Storefront
) -> None:
    read(woo)
    woo.carry()
    front.sell("A", "#111", "#222")
    housekeeping.poll_stores()
    woo.carry()
    assert found(Sync.objects.latest("pk"))["new"] == 1
    front.site.hooks.deliver_due()  # here it comes after all
    woo.carry()
    row = Sync.objects.latest("pk")
    assert (row.came_late, row.drift) == (1, 0)
    assert len(woo.jobs()) == 2, "one per photo"
    assert drift.of_store(woo.store).polled_percent == 0


def test_a_webhook_that_waits_in_the_inbox_is_not_lost(woo: Shop, front: Storefront) -> None:
    product = front.sell("A", "#111")
    read(woo)
    woo.carry()
    front.change(product, name="Another title", images=[front.image("#2a2")])
    front.site.hooks.deliver_due()
    assert found(read(woo)) == NOTHING
    woo.carry()
    assert len(woo.jobs()) == 2, "one for the photo that was there when we connected, one for the new one"


def test_variants_keep_their_names_although_lists_do_not_tell_them(woo: Shop, front: Storefront) -> None:
    product = front.sell("Shirt", "#111", type="variable")
    red = front.catalogue.create_variation(
        product,
        {"sku": "RED", "attributes": [{"name": "Colour", "option": "Red"}], "stock_status": "outofstock"},
    )
    read(woo)
    front.catalogue.update_variation(product, red.id, {"sku": "RED-2"})
    front.site.state.run("UPDATE posts SET modified = '2026-01-01T00:00:00' WHERE id = ?", product)
    front.lose_webhooks()
    assert found(read(woo))["changed"] == 1
    assert [(v.title, v.sku) for v in Variant.objects.all()] == [("Red", "RED-2")]
    assert Product.objects.get(store=woo.store).in_stock is False
    assert found(read(woo)) == NOTHING
    assert Variant.objects.get().sku == "RED-2"


def test_only_a_success_moves_the_watermark_and_a_kill_counts_nothing_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(120):
        shop.remote.add_product(f"Product {n}")
    read(shop)
    before = Store.objects.get(pk=shop.store.pk).watermark
    for product in list(shop.remote.products):
        shop.remote.change_product(product, title=f"Changed {product}")
    gone = [shop.remote.add_product("Short-lived").id for _ in range(3)]
    read(shop)
    for product in list(shop.remote.products)[::2]:
        shop.remote.change_product(product, title=f"Changed again {product}")
    for product in gone:
        shop.remote.products.pop(product, None)
    shop.remote.deliver()  # lost
    row, _ = catalog.ask_sync(shop.store, by="test")
    watermark = Store.objects.get(pk=shop.store.pk).watermark
    assert watermark > before
    killed = {"_found": 110, "_ask_for": 2}
    for name, at in killed.items():
        real, calls = getattr(reconcile, name), []

        def kill(
            *args: Any, _real: Any = real, _calls: list[int] = calls, _at: int = at, **more: Any
        ) -> None:
            _calls.append(1)
            if len(_calls) == _at:
                raise SystemExit
            _real(*args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(reconcile, name, kill)
            with pytest.raises(SystemExit):
                flow.synced(row.pk)
        assert Store.objects.get(pk=shop.store.pk).watermark == watermark
        Sync.objects.filter(pk=row.pk).update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    flow.synced(row.pk)
    row.refresh_from_db()
    assert row.work_state == "done"
    assert (row.products, row.drift_changed, row.drift_gone) == (120, 60, 3)
    assert Store.objects.get(pk=shop.store.pk).watermark == row.created_at


def test_a_list_that_was_asked_for_earlier_does_not_undo_what_a_webhook_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sell("Mug")
    read(shop)
    shop.remote.deliver()
    real = FakeConnector.products

    def slow(self: FakeConnector, **asked: Any) -> Page:
        page = real(self, **asked)
        shop.remote.change_product(next(iter(shop.remote.products)), title="Newer")
        shop.deliver()
        flow.received(Delivery.objects.latest("pk").pk)
        return page

    monkeypatch.setattr(FakeConnector, "products", slow)
    assert found(read(shop)) == NOTHING
    assert Product.objects.get(store=shop.store).title == "Newer"


def test_a_slow_answer_to_a_webhook_does_not_undo_what_the_next_one_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = shop.sell("Mug")
    shop.deliver()
    real, answers = FakeConnector.product, []

    def slow(self: FakeConnector, product_id: str) -> RemoteProduct:
        answer = real(self, product_id)
        if not answers:
            answers.append(answer)
            shop.remote.change_product(product_id, title="Newer")
            shop.deliver()
            flow.received(Delivery.objects.latest("pk").pk)
        return answer

    monkeypatch.setattr(FakeConnector, "product", slow)
    flow.received(Delivery.objects.earliest("pk").pk)
    assert [answer.title for answer in answers] == ["Mug"]
    assert Product.objects.get(store=shop.store, external_id=product).title == "Newer"


@pytest.mark.parametrize("told", [("Mug", "Cup", "Bowl"), ("Mug", "Cup", None), ("Mug", None, "Bowl")])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_answer_to_the_latest_question_holds_in_whatever_order_answers_come(
    shop: Shop, told: tuple[str | None, ...], order: tuple[int, ...]
) -> None:
    remote = shop.remote.products[shop.sell("First")]
    asked = [timezone.now() + dt.timedelta(seconds=n) for n in range(4)]
    catalog.mirror(shop.store, remote, as_of=asked[0])
    for n in order:
        title, as_of = told[n], asked[n + 1]
        if title is None:
            catalog.gone(shop.store, remote.id, as_of=as_of)
        else:
            catalog.mirror(shop.store, replace(remote, title=title), as_of=as_of)
    product = Product.objects.get(store=shop.store, external_id=remote.id)
    assert product.present == (told[-1] is not None)
    assert not product.present or product.title == told[-1]


def test_what_fell_between_two_pages_is_not_taken_for_deleted(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = shop.sell("Mug")
    read(shop)
    monkeypatch.setattr(FakeConnector, "products", lambda self, **asked: Page((), None, 0))
    assert found(read(shop)) == NOTHING
    assert Product.objects.get(store=shop.store, external_id=product).present


def test_somebody_who_asks_for_everything_gets_everything_though_changes_are_being_read(shop: Shop) -> None:
    read(shop)
    poll, _ = catalog.ask_sync(Store.objects.get(pk=shop.store.pk), by="system", changes_only=True)
    assert poll.since is not None
    same, new = catalog.ask_sync(shop.store, by="test")
    assert (same.pk, new, same.since) == (poll.pk, False, None), "it has not begun, so it becomes a full one"
    Sync.objects.filter(pk=poll.pk).update(since=timezone.now(), started_at=timezone.now())
    same, _ = catalog.ask_sync(shop.store, by="test")
    assert same.then_full
    flow.synced(poll.pk)
    [following] = Sync.objects.filter(store=shop.store, work_state="waiting")
    assert following.since is None and ("flow.sync", (following.pk,)) in shop.wire


def test_everything_is_compared_once_a_day_and_changes_in_between(shop: Shop) -> None:
    read(shop)
    housekeeping.poll_stores()
    poll = Sync.objects.latest("pk")
    assert poll.since is not None and poll.start_work
    flow.synced(poll.pk)
    Sync.objects.update(created_at=timezone.now() - dt.timedelta(hours=25))
    housekeeping.poll_stores()
    assert Sync.objects.latest("pk").since is None


def test_a_new_photo_that_no_webhook_told_is_worked_on_by_whichever_reading_finds_it(shop: Shop) -> None:
    shop.remote.now = lambda: timezone.now() - dt.timedelta(days=30)
    product = shop.sell("Mug")
    read(shop)
    shop.remote.deliver()
    assert shop.jobs() == []
    extra = shop.remote.add_media(photo("#a33"), "extra.jpg")
    shown = shop.remote.products[product]
    shop.remote.products[product] = replace(shown, images=(*shown.images, extra))
    flow.connected(Store.objects.get(pk=shop.store.pk), by="test")  # "Read the catalogue again"
    shop.carry()
    assert [j.photo.media_id for j in shop.jobs()] == [extra.id]


def test_a_disconnected_store_is_not_read(shop: Shop) -> None:
    row, _ = catalog.ask_sync(shop.store, by="test")
    stores.disconnect(shop.store, by="test")
    shop.remote.calls.clear()
    flow.synced(row.pk)
    row.refresh_from_db()
    assert row.work_state == "failed" and shop.remote.calls == []


def test_figures_are_kept_for_90_days(shop: Shop) -> None:
    old, new = read(shop), read(shop)
    Sync.objects.filter(pk=old.pk).update(created_at=timezone.now() - dt.timedelta(days=91))
    housekeeping.forget()
    assert list(Sync.objects.all()) == [new]
