"""Pictures that only a variant shows are photos too: found, followed when they change, never taken for the gallery."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from apps.catalog import selectors
from apps.catalog import services as catalog
from apps.catalog.models import Photo, Product, Variant
from apps.flow import flow
from apps.stores import services as stores
from tests.shopkeeping import Shop
from tests.storefront import Storefront, read


def shown() -> list[tuple[int, str, bool]]:
    """(position, variant, ours) of what the store shows now, in order."""
    rows = Photo.objects.filter(present=True).order_by("position")
    return list(rows.values_list("position", "variant", "ours"))


def asked(front: Storefront, what: str) -> int:
    return len(front.site.faults.requests(f"^GET /wp-json/wc/v3/{what}"))


@pytest.fixture
def shirt(woo: Shop, front: Storefront) -> tuple[int, int, int, int]:
    """A shirt with two photos; red and blue have pictures of their own, green has none."""
    shirt = front.sell("Shirt", "#111", "#222", type="variable")
    return (
        shirt,
        front.vary(shirt, "Red", "#a11"),
        front.vary(shirt, "Blue", "#11a"),
        front.vary(shirt, "Green"),
    )


def test_the_first_reading_finds_them_with_one_question_for_each_product_that_has_variants(
    woo: Shop, front: Storefront, shirt: tuple[int, int, int, int]
) -> None:
    front.sell("Mug", "#333")
    read(woo)
    _, red, blue, _ = shirt
    product = Product.objects.get(title="Shirt")
    rows = list(product.photos.values_list("position", "variant"))
    assert rows == [(0, ""), (1, ""), (2, str(red)), (3, str(blue))]
    assert asked(front, r"products/\d+/variations") == 1 and asked(front, r"products/\d+(\?|$)") == 0
    assert [(v.title, bool(v.media_id)) for v in product.variants.order_by("pk")] == [
        ("Red", True),
        ("Blue", True),
        ("Green", True),
    ]
    green = product.variants.get(title="Green")
    assert green.media_id == product.photos.get(position=0).media_id, "it shows the main photo"
    assert selectors.photos_to_render(woo.store.pk).count() == 5
    assert len(selectors.source_photos(product)) == 4


def test_what_was_not_saved_since_is_not_asked_for_again(
    woo: Shop, front: Storefront, shirt: tuple[int, int, int, int]
) -> None:
    front.site.state.run("UPDATE posts SET modified = '2026-01-01T00:00:00'")
    read(woo)
    before = shown()
    again = read(woo)
    assert asked(front, r"products/\d+/variations") == 1 and shown() == before
    assert (again.drift_changed, again.drift_photos) == (0, 0)


def test_what_was_saved_in_the_moment_in_which_we_looked_is_asked_for_again(
    woo: Shop, front: Storefront, shirt: tuple[int, int, int, int]
) -> None:
    read(woo)
    moment = timezone.now().replace(microsecond=0)
    front.site.state.run("UPDATE posts SET modified = ?", f"{moment:%Y-%m-%dT%H:%M:%S}")
    Product.objects.update(modified_at=moment, seen_at=moment + dt.timedelta(milliseconds=400))
    read(woo)
    assert asked(front, r"products/\d+/variations") == 2


def test_another_picture_of_a_variant_is_a_new_photo_and_the_old_one_is_gone(
    woo: Shop, front: Storefront, shirt: tuple[int, int, int, int]
) -> None:
    read(woo)
    product, red, _, _ = shirt
    old = Photo.objects.get(variant=str(red))
    front.catalogue.update_variation(product, red, {"image": front.image("#f00")})
    front.site.hooks.deliver_due()
    woo.carry()
    new = Photo.objects.get(variant=str(red), present=True)
    old.refresh_from_db()
    assert not old.present and new.media_id != old.media_id and new.position == 2
    assert [j.photo_id for j in woo.jobs()].count(new.pk) == 1


def test_other_bytes_under_the_same_id_are_an_exchanged_photo(
    woo: Shop, front: Storefront, shirt: tuple[int, int, int, int]
) -> None:
    read(woo)
    product, red, _, _ = shirt
    photo = Photo.objects.get(variant=str(red))
    attachment = front.site.state.post(int(photo.media_id), "attachment")
    assert attachment is not None
    other = front.site.state.post(front.image("#0f0")["id"], "attachment")
    assert other is not None
    attachment.doc["file"] = other.doc["file"]
    front.site.state.save_post(attachment)
    front.catalogue.update_variation(product, red, {})
    front.site.hooks.deliver_due()
    woo.carry()
    photo.refresh_from_db()
    assert (photo.revision, photo.variant, photo.present) == (2, str(red), True)
    assert photo.pk in [j.photo_id for j in woo.jobs()]


def test_a_picture_that_moves_between_gallery_and_variant_is_no_news(
    woo: Shop, front: Storefront, shirt: tuple[int, int, int, int]
) -> None:
    read(woo)
    product, red, blue, _ = shirt
    photo = Photo.objects.get(variant=str(red))
    gallery = front.catalogue.readable(product).doc["image_ids"]
    front.site.hooks.deliver_due()
    woo.carry()
    jobs = len(woo.jobs())
    front.change(product, images=[{"id": i} for i in [*gallery, int(photo.media_id)]])
    front.site.hooks.deliver_due()
    woo.carry()
    photo.refresh_from_db()
    assert (photo.variant, photo.position, photo.present, photo.revision) == ("", 2, True, 1)
    front.change(product, images=[{"id": i} for i in gallery])
    front.site.hooks.deliver_due()
    woo.carry()
    photo.refresh_from_db()
    assert (photo.variant, photo.position, photo.present, photo.revision) == (str(red), 2, True, 1)
    assert Photo.objects.get(variant=str(blue)).position == 3
    assert len(woo.jobs()) == jobs


def test_a_list_that_tells_no_variants_takes_nothing_off(
    woo: Shop, front: Storefront, shirt: tuple[int, int, int, int]
) -> None:
    read(woo)
    before = shown()
    [listed] = [p for p in flow.open_store(woo.store).products().products if p.title == "Shirt"]
    assert not listed.variants_told
    seen = catalog.mirror(woo.store, listed)
    assert not seen.images_changed and not seen.differed and shown() == before


def test_our_own_picture_of_a_variant_is_no_photo_to_work_on(
    woo: Shop, front: Storefront, shirt: tuple[int, int, int, int]
) -> None:
    read(woo)
    woo.carry()
    jobs = len(woo.jobs())
    product, red, _, _ = shirt
    photo = Photo.objects.get(variant=str(red))
    ours = front.image("#fafafa")
    stores.wrote(
        woo.store, media_id=str(ours["id"]), stem="vitrine-1", sha256="", publication=1, photo=photo.pk
    )
    front.catalogue.update_variation(product, red, {"image": ours})
    front.site.hooks.deliver_due()
    woo.carry()
    assert (2, str(red), True) in shown()
    assert len(woo.jobs()) == jobs
    assert photo in selectors.photos_to_render(woo.store.pk), "it can be rendered again while ours covers it"
    assert (
        not Product.objects.get(title="Shirt").photos.filter(ours=False, present=True, pk=photo.pk).exists()
    )


def test_variants_that_share_a_picture_have_one_photo(woo: Shop, front: Storefront) -> None:
    shirt = front.sell("Shirt", type="variable")
    image = front.image("#a11")
    ids = [front.vary(shirt, option, image=image) for option in ("S", "M", "L")]
    read(woo)
    assert shown() == [(0, str(ids[0]), False)]
    assert set(Variant.objects.values_list("media_id", flat=True)) == {str(image["id"])}


def test_the_same_picture_twice_in_a_gallery_is_one_photo(woo: Shop, front: Storefront) -> None:
    image = front.image("#a11")
    front.catalogue.create({"name": "Mug", "images": [image, image]})
    read(woo)
    assert shown() == [(0, "", False)]


def test_our_own_picture_of_a_variant_stays_ours_when_a_list_tells_no_variants(
    woo: Shop, front: Storefront, shirt: tuple[int, int, int, int]
) -> None:
    product, red, _, _ = shirt
    ours = front.image("#fafafa")
    stores.wrote(woo.store, media_id=str(ours["id"]), stem="vitrine-1", sha256="", publication=1)
    front.catalogue.update_variation(product, red, {"image": ours})
    front.site.state.run("UPDATE posts SET modified = '2026-01-01T00:00:00'")
    read(woo)
    read(woo)
    assert asked(front, r"products/\d+/variations") == 1
    assert (2, str(red), True) in shown()
