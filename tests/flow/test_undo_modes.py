"""What was added, put first or given to variations is taken back, and variations show again what they showed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.flow import flow
from apps.publishing.models import Publication
from apps.publishing.services import wayback
from connectors.errors import OutcomeUnknown, Unavailable
from tests.flow.test_write_modes import COLOURS, variant_images, with_variants, written
from tests.shopkeeping import Shop, photo


def take_back(shop: Shop, *publications: Publication) -> list[Publication]:
    for publication in publications or shop.publications():
        flow.undo(publication, by="test")
    shop.carry()
    return shop.publications()


def outcomes(publications: list[Publication]) -> set[str]:
    return {p.undo.outcome or p.undo.error for p in publications}


@pytest.mark.parametrize("mode", ["add", "first"])
def test_what_was_added_is_taken_off_and_the_list_is_as_it_was(shop: Shop, mode: str) -> None:
    product = shop.sell("Mug", *(photo(c) for c in COLOURS))
    before = shop.image_ids(product)
    written(shop, mode=mode)
    assert len(shop.image_ids(product)) == 6
    undone = take_back(shop)
    assert shop.image_ids(product) == before
    assert outcomes(undone) == {wayback.AS_IT_WAS}
    assert shop.remote.calls.count("set_images") == 2, "one write there, one back"


def test_what_others_did_meanwhile_stays_when_an_added_picture_is_taken_off(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]))
    [original] = shop.remote.products[product].images
    [made] = written(shop, mode="first")
    extra = shop.remote.add_media(photo("#0a0"), "extra.jpg")
    ours = next(i for i in shop.remote.products[product].images if i.id == made.media_id)
    shop.remote.change_product(product, images=(extra, ours, original))
    undone = take_back(shop)
    assert shop.image_ids(product) == [extra.id, original.id]
    assert outcomes(undone) == {wayback.MERGED}


def test_an_added_picture_that_somebody_took_off_needs_no_write(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]))
    [original] = shop.remote.products[product].images
    written(shop, mode="add")
    shop.remote.change_product(product, images=(original,))
    shop.remote.calls.clear()
    assert outcomes(take_back(shop)) == {wayback.GONE_ALREADY}
    assert "set_images" not in shop.remote.calls


def test_variations_show_again_what_they_showed(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]), photo(COLOURS[1]))
    red, blue = shop.remote.products[product].images
    with_variants(shop, product, Red=red, Blue=blue, Plain=None)
    before = shop.image_ids(product)
    written(shop)
    undone = take_back(shop)
    assert shop.image_ids(product) == before
    assert variant_images(shop, product) == {"Red": red.id, "Blue": blue.id, "Plain": ""}
    assert outcomes(undone) == {wayback.AS_IT_WAS}
    assert all(p.undo.restored_sha256 == p.snapshot.replaced_sha256 for p in undone)


def test_a_variation_that_got_another_picture_by_hand_keeps_it(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]))
    [red] = shop.remote.products[product].images
    with_variants(shop, product, Red=red, Crimson=red)
    written(shop)
    mine = shop.remote.add_media(photo("#0a0"), "mine.jpg")
    now = shop.remote.products[product].variants
    shop.remote.change_product(product, variants=(replace(now[0], image=mine), now[1]))
    undone = take_back(shop)
    assert variant_images(shop, product) == {"Red": mine.id, "Crimson": red.id}
    assert outcomes(undone) == {wayback.MERGED}


def test_a_variations_own_picture_comes_back_byte_for_byte_though_its_file_was_deleted(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]))
    own = shop.remote.add_media(photo(COLOURS[1]), "red.jpg")
    [front] = shop.remote.products[product].images
    with_variants(shop, product, Red=front)
    [made] = written(shop, mode="variation")
    assert variant_images(shop, product) == {"Red": made.media_id}
    del shop.remote.media[front.id]
    shop.remote.change_product(product, images=(own,))
    [undone] = take_back(shop)
    back = shop.remote.media[variant_images(shop, product)["Red"]][1]
    assert back == photo(COLOURS[0])
    assert (undone.undo.outcome, undone.undo.restored_sha256) == (
        wayback.UPLOADED_AGAIN,
        undone.snapshot.replaced_sha256,
    )


def test_two_at_once_of_which_one_original_is_gone_do_not_bring_each_other_back(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]), photo(COLOURS[1]))
    one, two = shop.remote.products[product].images
    made = written(shop)
    del shop.remote.media[one.id]
    shop.remote.calls.clear()
    undone = take_back(shop)
    ids = shop.image_ids(product)
    assert not {p.media_id for p in made} & set(ids), "none of our pictures is left"
    assert shop.bytes_shown(product) == [photo(COLOURS[0]), photo(COLOURS[1])]
    assert ids[1] == two.id
    assert {p.undo.work_state for p in undone} == {"done"}


def test_a_lost_answer_on_a_variation_is_made_good(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]))
    [red] = shop.remote.products[product].images
    with_variants(shop, product, Red=red, Crimson=red)
    [made] = written(shop)
    shop.remote.fail(OutcomeUnknown("cut"), "set_variant_image", after=True)
    flow.undo(made, by="test")
    shop.carry()
    made.undo.refresh_from_db()
    assert made.undo.work_state == "waiting", "it looks again later"
    type(made.undo).objects.update(not_before="2020-01-01T00:00:00Z")
    flow.undone(made.undo.pk)
    assert variant_images(shop, product) == {"Red": red.id, "Crimson": red.id}
    made.undo.refresh_from_db()
    assert made.undo.restored_sha256 == made.snapshot.replaced_sha256


def test_an_undo_that_broke_off_after_the_original_went_up_again_goes_on_where_it_was(shop: Shop) -> None:
    product = shop.sell("Mug", photo(COLOURS[0]), photo(COLOURS[1]))
    red = shop.remote.products[product].images[0]
    with_variants(shop, product, Red=red)
    made = next(p for p in written(shop) if p.photo.media_id == red.id)
    del shop.remote.media[red.id]
    shop.remote.fail(Unavailable("503"), "set_variant_image")
    flow.undo(made, by="test")
    shop.carry()
    type(made.undo).objects.update(not_before="2020-01-01T00:00:00Z")
    flow.undone(made.undo.pk)
    made.undo.refresh_from_db()
    assert made.undo.outcome == wayback.UPLOADED_AGAIN
    assert len(shop.image_ids(product)) == 2
    assert variant_images(shop, product) == {"Red": shop.image_ids(product)[0]}
    assert shop.bytes_shown(product)[0] == photo(COLOURS[0])
