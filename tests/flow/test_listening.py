"""Listening to a WooCommerce store: what it tells, how it tells it wrongly, and what it never tells."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.catalog.models import Photo, Product, Sync
from apps.flow import housekeeping, lookagain
from apps.ingest.models import Delivery
from apps.jobs.models import Job
from apps.stores import services as stores
from apps.stores.models import Store
from tests.shopkeeping import Shop
from tests.storefront import Storefront, read


def heard(shop: Shop, front: Storefront) -> list[str]:
    """The store delivers, we look; what came of each delivery since the last time."""
    last = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    front.site.hooks.deliver_due()
    shop.carry()
    return list(Delivery.objects.filter(pk__gt=last).order_by("pk").values_list("outcome", flat=True))


def hooks(front: Storefront) -> list[tuple[str, str]]:
    rows = front.site.state.rows("SELECT topic, status FROM webhooks ORDER BY id")
    return [(row["topic"], row["status"]) for row in rows]


def fetched(front: Storefront) -> int:
    return len(front.site.faults.requests(r"^GET /wp-json/wc/v3/products/\d+$"))


# -- webhooks themselves -------------------------------------------------------------------------------------------


def test_webhooks_that_the_store_switched_off_are_made_anew_with_a_clean_count(
    woo: Shop, front: Storefront
) -> None:
    answer = front.site.remote.post
    mug = front.sell("Mug", "#111")
    assert heard(woo, front) == ["1 new photo"]
    before = front.site.state.rows("SELECT id FROM webhooks WHERE topic = 'product.updated'")
    front.site.remote.post = lambda *a: 500  # type: ignore[method-assign]
    for _ in range(7):
        front.change(mug)
        front.site.hooks.deliver_due()
    assert ("product.updated", "disabled") in hooks(front)
    front.site.remote.post = answer  # type: ignore[method-assign]
    front.change(mug, name="Cup")
    assert heard(woo, front) == [], "the store says nothing any more"
    housekeeping.check_webhooks()
    assert Counter(hooks(front)) == {
        (f"product.{event}", "active"): 1 for event in ("created", "updated", "deleted", "restored")
    }
    after = front.site.state.rows("SELECT id, failures FROM webhooks WHERE topic = 'product.updated'")
    assert after[0]["id"] != before[0]["id"] and after[0]["failures"] == 0
    front.change(mug, name="Bowl")
    assert heard(woo, front) == ["nothing new"] and Product.objects.get().title == "Bowl"


def test_webhooks_go_before_the_keys_do(woo: Shop, front: Storefront) -> None:
    token = woo.store.hook_token
    stores.disconnect(woo.store, by="test")
    assert hooks(front) == []
    assert len(front.site.faults.requests("^DELETE /wp-json/wc/v3/webhooks/")) == 4
    store = Store.objects.get(pk=woo.store.pk)
    assert not any(store.credentials.values()) and store.problem == ""
    assert Client().post(f"/hooks/{token}/", b"{}", content_type="application/json").status_code in {403, 404}


def test_a_store_that_can_not_be_asked_is_disconnected_and_its_page_says_what_stays_there(
    woo: Shop, front: Storefront
) -> None:
    front.site.faults.add("webhooks", "unavailable", times=0)
    stores.disconnect(woo.store, by="test")
    store = Store.objects.get(pk=woo.store.pk)
    assert store.state == "disconnected" and "may still be in the store" in store.problem


# -- deliveries that tell nothing, or something else ---------------------------------------------------------------


def test_a_product_deleted_before_its_webhook_goes_out_is_found_by_the_next_reading(
    woo: Shop, front: Storefront
) -> None:
    mug = front.sell("Mug", "#111")
    read(woo)
    front.change(mug, name="Cup")
    front.catalogue.delete(mug, force=True)
    assert set(heard(woo, front)) == {"names no product; the next reading finds out"}
    assert Product.objects.get().present
    assert read(woo).drift_gone == 1
    assert not Product.objects.get().present and not Photo.objects.filter(present=True).exists()


def test_who_made_the_webhooks_may_no_longer_manage_the_shop_and_its_page_says_so_until_they_may(
    woo: Shop, front: Storefront
) -> None:
    mug = front.sell("Mug", "#111")
    heard(woo, front)
    front.site.add_user("admin", "customer")
    front.change(mug, name="Cup")
    assert heard(woo, front) == ["the store may not tell us what changed"]
    store = Store.objects.get(pk=woo.store.pk)
    assert store.problem == lookagain.BLINDED and store.state == "connected"
    front.site.add_user("admin", "shop_manager")
    front.change(mug, name="Bowl")
    assert heard(woo, front) == ["nothing new"]
    assert Store.objects.get(pk=woo.store.pk).problem == "" and Product.objects.get().title == "Bowl"


def test_a_variation_means_its_product(woo: Shop, front: Storefront) -> None:
    shirt = front.sell("Shirt", "#111", type="variable")
    heard(woo, front)
    red = front.vary(shirt, "Red", "#a11")
    assert heard(woo, front) == ["1 new photo"]
    front.catalogue.update_variation(shirt, red, {"sku": "RED"})
    assert heard(woo, front) == ["nothing new"]
    assert set(Delivery.objects.values_list("external_id", flat=True)) == {str(shirt)}
    assert not Product.objects.filter(external_id=str(red)).exists()


# -- what becomes of products --------------------------------------------------------------------------------------


def test_trash_is_gone_and_restored_is_back_without_new_work(woo: Shop, front: Storefront) -> None:
    mug = front.sell("Mug", "#111")
    heard(woo, front)
    front.catalogue.delete(mug, force=False)
    assert heard(woo, front) == ["the product is gone"]
    assert not Product.objects.get().present
    front.catalogue.restore(mug)
    assert heard(woo, front) == ["images changed, no new photo"] or Product.objects.get().present
    assert Product.objects.get().present and Job.objects.count() == 1


def test_what_was_deleted_for_good_without_a_word_is_found_by_the_ids_that_are_left(
    woo: Shop, front: Storefront
) -> None:
    kept, lost = front.sell("Kept", "#111"), front.sell("Lost", "#222")
    read(woo)
    heard(woo, front)
    front.catalogue.delete(lost, force=True)
    assert heard(woo, front) == []
    row = read(woo)
    assert (row.products, row.drift_gone) == (1, 1)
    assert list(Product.objects.filter(present=True).values_list("external_id", flat=True)) == [str(kept)]


@pytest.mark.parametrize("status", ["publish", "draft", "pending", "private", "future"])
def test_whatever_its_status_a_product_is_prepared(woo: Shop, front: Storefront, status: str) -> None:
    """A merchant fills in drafts first and wants their pictures ready when they go live."""
    front.sell("Mug", "#111", status=status)
    assert heard(woo, front) == ["1 new photo"]
    assert Product.objects.get().status == status and Job.objects.count() == 1


@pytest.mark.parametrize(
    "what",
    [
        {"type": "grouped"},
        {"type": "external", "external_url": "https://elsewhere.example/mug"},
        {"type": "variable"},
        {"post_password": "let me in"},
    ],
)
def test_every_type_of_product_has_photos(woo: Shop, front: Storefront, what: dict[str, str]) -> None:
    front.sell("Mug", "#111", **what)
    assert heard(woo, front) == ["1 new photo"]
    assert Product.objects.get().type == what.get("type", "simple") and Job.objects.count() == 1


def test_a_draft_that_goes_live_is_no_new_work(woo: Shop, front: Storefront) -> None:
    mug = front.sell("Mug", "#111", status="draft")
    heard(woo, front)
    front.change(mug, status="publish")
    assert heard(woo, front) == ["nothing new"]
    assert Product.objects.get().status == "publish" and Job.objects.count() == 1


# -- echoes and storms ---------------------------------------------------------------------------------------------


def in_a_while() -> None:
    """The deliveries that wait came a moment ago, what we know is older: the clock does not move in a test."""
    waiting = Delivery.objects.filter(work_state="waiting")
    waiting.update(received_at=timezone.now() - dt.timedelta(seconds=5))
    Product.objects.update(seen_at=timezone.now() - dt.timedelta(minutes=1))


def test_many_saves_at_once_are_looked_at_once(woo: Shop, front: Storefront) -> None:
    mug = front.sell("Mug", "#111")
    heard(woo, front)
    for stock in range(6):  # orders come in while the store's cron runs
        front.change(mug, stock_quantity=stock)
        front.site.hooks.deliver_due()
    before = fetched(front)
    in_a_while()
    woo.carry()
    outcomes = Counter(Delivery.objects.filter(topic="product.updated").values_list("outcome", flat=True))
    assert outcomes == {"nothing new": 1, "already seen": 5}
    assert fetched(front) - before == 1


def test_a_save_after_we_asked_is_looked_at(woo: Shop, front: Storefront) -> None:
    mug = front.sell("Mug", "#111")
    heard(woo, front)
    front.change(mug, name="Cup")
    assert heard(woo, front) == ["nothing new"] and Product.objects.get().title == "Cup"
    front.change(mug, name="Bowl")
    assert heard(woo, front) == ["nothing new"] and Product.objects.get().title == "Bowl"


def test_clocks_that_differ_a_little_hide_nothing(woo: Shop, front: Storefront) -> None:
    mug = front.sell("Mug", "#111")
    heard(woo, front)
    Product.objects.update(seen_at=timezone.now() + dt.timedelta(milliseconds=700))
    front.change(mug, name="Cup")
    front.site.hooks.deliver_due()
    before = fetched(front)
    woo.carry()
    assert fetched(front) == before + 1


def test_saves_of_many_variations_are_one_look_at_their_product(woo: Shop, front: Storefront) -> None:
    shirt = front.sell("Shirt", "#111", type="variable")
    for n in range(8):
        front.vary(shirt, f"Size {n}")
    front.site.hooks.deliver_due()
    in_a_while()
    woo.carry()
    created = Delivery.objects.filter(topic="product.created")
    assert created.count() == 9 and not created.filter(outcome="already seen").exists()
    before = fetched(front)
    for variation in Product.objects.get().variants.values_list("external_id", flat=True):
        front.catalogue.update_variation(shirt, int(variation), {"regular_price": "9"})
    front.site.hooks.deliver_due()
    in_a_while()
    woo.carry()
    assert fetched(front) == before + 1
    assert Product.objects.get().price == "9"


def test_a_reading_that_was_faster_than_a_webhook_is_counted_as_late_without_another_look(
    woo: Shop, front: Storefront
) -> None:
    mug = front.sell("Mug", "#111")
    read(woo)
    woo.carry()
    heard(woo, front)
    front.change(mug, name="Cup")
    housekeeping.poll_stores()
    woo.carry()
    assert Sync.objects.latest("pk").drift_changed == 1
    front.site.hooks.deliver_due()
    Delivery.objects.filter(work_state="waiting").update(received_at=timezone.now() - dt.timedelta(minutes=1))
    before = fetched(front)
    woo.carry()
    assert fetched(front) == before and Delivery.objects.latest("pk").outcome == "already seen"
    assert Sync.objects.latest("pk").came_late == 1


def test_our_own_write_back_comes_home_as_a_webhook_and_makes_no_job(woo: Shop, front: Storefront) -> None:
    from apps.recipes import services as recipes
    from apps.recipes.models import Recipe

    body = {**recipes.WHITE_PACKSHOT, "framing": {"canvas_px": [200, 200], "fill": 0.85}}
    body["review"] = {"min_confidence": 0.5, "max_delta_e_p95": 5, "min_border_white_share": 0.5}
    recipes.add_version(Recipe.objects.get(), body=body, by="test")
    products = [front.sell(f"Mug {n}", color) for n, color in enumerate(("#2b4a7f", "#a33", "#3a3"))]
    front.site.hooks.deliver_due()
    woo.work()
    assert [p.live for p in woo.publications()] == [True] * 3
    jobs = Job.objects.count()
    echoes = heard(woo, front)
    woo.work()
    assert len(echoes) == 3 and set(echoes) <= {"nothing new", "already seen"}
    assert Job.objects.count() == jobs == 3
    for product in products:
        [image] = front.catalogue.readable(product).doc["image_ids"]
        assert Photo.objects.get(media_id=str(image)).ours


def test_a_burst_of_sixty_products_is_worked_on_once_each_and_nothing_is_lost(
    woo: Shop, front: Storefront
) -> None:
    read(woo)
    ids = [front.sell(f"Mug {n}", f"#{n:02x}4050") for n in range(60)]
    for product in ids:  # the merchant's import saves each twice more
        front.change(product, stock_quantity=3)
        front.change(product, regular_price="9")
    front.site.hooks.deliver_due()
    in_a_while()
    woo.carry(limit=5000)
    assert Delivery.objects.count() == 120, "the store joins the saves of one product"
    assert not Delivery.objects.exclude(work_state="done").exists()
    assert set(Product.objects.values_list("external_id", flat=True)) == {str(i) for i in ids}
    assert set(Product.objects.values_list("price", flat=True)) == {"9"}
    jobs = Counter(Job.objects.values_list("photo__product__external_id", flat=True))
    assert jobs == {str(i): 1 for i in ids}
    assert fetched(front) == 60
    assert Workspace.objects.count() == 1
