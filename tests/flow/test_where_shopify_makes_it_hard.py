"""Pictures on their way into a Shopify store where something stands in the way: limits, locks, files that take their
time, points that run out. All end right, or say what to do and leave the store as it was.
"""

from __future__ import annotations

from functools import partial

import pytest

from apps.flow import flow
from apps.publishing.models import Publication
from apps.publishing.services import asking
from apps.recipes.models import Recipe
from apps.recipes.services import add_version
from apps.stores import connect as opening
from connectors.http import Http
from connectors.sandbox.shopify.media import MAX_PER_PRODUCT
from connectors.types import ImageWrite
from tests.flow.shopifyfront import ShopifyFront
from tests.flow.shopifymatrix import SHOP
from tests.shopkeeping import photo


@pytest.fixture
def quick(shopify_front: ShopifyFront, monkeypatch: pytest.MonkeyPatch) -> ShopifyFront:
    """Whoever waits for the store lets its clock go on instead."""
    clock = shopify_front.site.site.clock
    monkeypatch.setattr(Http, "wait", lambda http, seconds: clock.advance(seconds))
    return shopify_front


def all_is_well(shopify_front: ShopifyFront, made: list[Publication], files: int = 6) -> None:
    """Each picture once, in its photo's place, on its photo's variants, and no file too many."""
    assert [p.live for p in made] == [True] * 3, [p.error for p in made]
    assert shopify_front.shown() == [p.media_id for p in made]
    assert shopify_front.on_variants() == [made[0].media_id, made[1].media_id, ""]
    assert shopify_front.files() == files


# -- files that others use ---------------------------------------------------------------------------------------------


def test_a_photo_that_two_products_share_is_replaced_in_each_and_goes_back_to_each(
    shopify_front: ShopifyFront,
) -> None:
    originals, site = shopify_front.shown(), shopify_front.site.site
    shared = int(originals[0])
    other = site.catalogue.create(SHOP, {"title": "Set of mugs"})
    site.catalogue.attach(SHOP, other, site.media.many(SHOP, [shared]))
    site.catalogue.save(SHOP, other)

    def in_the_set() -> list[int]:
        return list(site.catalogue.product(SHOP, other["id"])["media"])

    made = shopify_front.publish()
    [of_the_set] = [p for p in shopify_front.publications() if p.product.external_id == str(other["id"])]
    all_is_well(shopify_front, made, files=7)
    assert of_the_set.live and in_the_set() == [int(of_the_set.media_id)]
    assert site.media.media(SHOP, shared)["sha"], "the file itself is as it was"
    shopify_front.undo(*made)
    assert shopify_front.shown() == originals
    assert in_the_set() == [int(of_the_set.media_id)], "what is taken off one stays on the other"
    shopify_front.undo(of_the_set)
    assert in_the_set() == [shared]
    assert shopify_front.shown() == originals


def test_a_photo_that_somebody_is_at_is_waited_for(quick: ShopifyFront) -> None:
    originals = quick.shown()
    quick.site.site.media.lock(SHOP, int(originals[0]), 600.0)
    made = quick.publish()
    assert not any(p.live for p in made) and {p.work_state for p in made} == {"waiting"}
    assert originals[0] in quick.shown(), "nothing is lost meanwhile"
    quick.go_on(3)
    quick.site.site.clock.advance(600)
    all_is_well(quick, quick.go_on())
    quick.undo(*quick.in_order())
    assert quick.shown() == originals


# -- files that take their time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [6.0, 40.0])
def test_pictures_that_shopify_takes_its_time_for_are_waited_for_or_come_back_to(
    quick: ShopifyFront, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(quick.site.site.media, "_ready_s", seconds)
    monkeypatch.setattr(quick.site.site.jobs, "_takes_s", seconds)
    made = quick.publish()
    for _ in range(12):
        if all(p.live for p in made):
            break
        quick.site.site.clock.advance(15)
        made = quick.go_on()
    all_is_well(quick, made)
    assert quick.sent("FileCreate") == 3, "nothing was put there twice"


def test_a_merchants_photo_that_is_not_ready_keeps_its_place(quick: ShopifyFront) -> None:
    site = quick.site.site
    late = site.media.add(SHOP, photo("#123456"), "late.jpg")
    site.media.save(SHOP, {**late, "ready": site.clock.now() + 3600})
    doc = site.catalogue.product(SHOP, int(quick.mug))
    site.catalogue.attach(SHOP, doc, site.media.many(SHOP, [late["id"]]))
    doc["media"] = [late["id"], *doc["media"][:-1]]
    site.catalogue.save(SHOP, doc)
    made = quick.publish()
    all_is_well(quick, made, files=7)
    assert site.catalogue.product(SHOP, int(quick.mug))["media"][0] == late["id"]


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_product_that_is_full_says_so_and_takes_the_pictures_once_there_is_room(
    shopify_front: ShopifyFront,
) -> None:
    recipe = Recipe.objects.get(workspace=shopify_front.shop.workspace)
    body = recipe.versions.latest("number").body
    add_version(recipe, body={**body, "review": {**body["review"], "publish": "manual"}}, by="test")
    made, originals = shopify_front.publish(), shopify_front.shown()
    assert made == []
    site = shopify_front.site.site
    doc, more = site.catalogue.product(SHOP, int(shopify_front.mug)), MAX_PER_PRODUCT - 3
    others = [site.media.add(SHOP, photo(), f"{n}.jpg", at_once=True) for n in range(more)]
    site.catalogue.attach(SHOP, doc, others)
    site.catalogue.save(SHOP, doc)
    full = site.catalogue.product(SHOP, int(shopify_front.mug))["media"]
    for item in shopify_front.shop.items():
        flow.reviewed(item, by="user:1")
    shopify_front.work()
    made = shopify_front.in_order()
    assert {p.work_state for p in made} == {"failed"}
    assert all("Shopify allows 250" in p.error and "Take 3 off" in p.error for p in made), made[0].error
    assert site.catalogue.product(SHOP, int(shopify_front.mug))["media"] == full, "nothing was changed"

    shopify_front.arrange(full[:-3])
    for publication in made:
        assert asking.retry(publication, by="user:1")
        flow.reviewed(publication.item, by="user:1")
    shopify_front.work()
    made = shopify_front.in_order()
    assert [p.live for p in made] == [True] * 3, [p.error for p in made]
    kept = [str(one) for one in full[3:-3]]
    assert shopify_front.shown() == [*(p.media_id for p in made), *kept]
    assert shopify_front.files() == MAX_PER_PRODUCT + 3, "what was sent at first is what is shown now"
    shopify_front.undo(*made)
    assert shopify_front.shown() == [*originals, *kept]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("INVALID_IMAGE_RESOLUTION", "up to 25 megapixels"),
        ("FILE_STORAGE_LIMIT_EXCEEDED", "make room in Shopify under Content, Files"),
    ],
)
def test_a_picture_that_shopify_can_not_take_says_why_and_leaves_nothing_behind(
    shopify_front: ShopifyFront, monkeypatch: pytest.MonkeyPatch, error: str, words: str
) -> None:
    originals, variants = shopify_front.shown(), shopify_front.on_variants()
    with monkeypatch.context() as full:
        full.setattr(shopify_front.site.site.media, "_looked_at", lambda data: {"error": error})
        made = shopify_front.publish()
    assert {p.work_state for p in made} == {"failed"}
    assert all(words in p.error for p in made), made[0].error
    assert (shopify_front.shown(), shopify_front.on_variants(), shopify_front.files()) == (
        originals,
        variants,
        3,
    )
    for publication in made:
        assert asking.retry(publication, by="user:1")
        flow.reviewed(publication.item, by="user:1")
    shopify_front.work()
    all_is_well(shopify_front, shopify_front.in_order())


# -- points ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def smallest_plan(quick: ShopifyFront, monkeypatch: pytest.MonkeyPatch) -> ShopifyFront:
    """100 points a second. Time passes where somebody waits for them, and hardly anywhere else."""
    bucket, clock = quick.site.site.bucket(SHOP), quick.site.site.clock
    bucket.per_s, bucket.most = 100.0, 2000.0
    for name in ("StorePoints", "StoreThrottle"):
        usual = getattr(opening, name)
        monkeypatch.setattr(opening, name, partial(usual, clock=clock.now, sleep=clock.advance))
    return quick


def test_points_that_run_out_in_the_middle_are_waited_for(smallest_plan: ShopifyFront) -> None:
    """Another program of the merchant's uses them up between two of our calls."""
    shopify_front = smallest_plan
    bucket = shopify_front.site.site.bucket(SHOP)
    for operation in ("FileCreate", "ProductReorderMedia"):
        shopify_front.site.faults.add(f" {operation}$", "throttled")
    for operation in ("StagedUploadsCreate", "FileUpdate", "ProductVariantDetachMedia", "MetafieldsSet"):
        shopify_front.site.faults.add(f" {operation}$", "delay", seconds=0, then=bucket.drain)
    shopify_front.publish()
    made = shopify_front.go_on(20)
    assert bucket.refused > 0
    all_is_well(shopify_front, made)


def test_many_changes_in_a_row_are_never_refused_and_use_nearly_all_points(
    smallest_plan: ShopifyFront,
) -> None:
    """The long form, with many processes, is a bench (`ONLY=shopify`)."""
    shopify_front = smallest_plan
    bucket, clock = shopify_front.site.site.bucket(SHOP), shopify_front.site.site.clock
    connector, data = opening.open_store(shopify_front.shop.store), photo()
    bucket.drain(300)
    began, before = clock.now(), bucket.spent
    for n in range(15):
        [first, *rest] = shopify_front.shown()
        image = connector.upload(data=data, filename=f"v{n}-0123456789.jpg", content_type="image/jpeg")
        entries = [ImageWrite(id=image.id, instead_of=first), *(ImageWrite(id=one) for one in rest)]
        connector.set_images(shopify_front.mug, entries, mark=f"v{n}")
    used = (bucket.spent - before) / (300 + (clock.now() - began) * bucket.per_s)
    assert bucket.refused == 0
    assert used >= 0.9, f"{used:.1%} of what the store gave"
