"""Pictures into a Shopify store and back, over HTTP on the sandbox: each mode, and whatever the merchant did meanwhile."""

from __future__ import annotations

from apps.publishing.services import undoing, wayback
from tests.flow.shopifyfront import ShopifyFront
from tests.flow.shopifymatrix import add_film


def test_three_photos_are_replaced_at_once_with_their_variants_and_come_back(
    shopify_front: ShopifyFront,
) -> None:
    film = add_film(shopify_front.site, int(shopify_front.mug), 1)
    originals, shas = shopify_front.shown(), shopify_front.sha256s()
    made = shopify_front.publish()
    assert [p.live for p in made] == [True] * 3, [p.error for p in made]
    ours = [p.media_id for p in made]
    assert shopify_front.shown() == ours
    assert shopify_front.on_variants() == [ours[0], ours[1], ""]
    assert shopify_front._doc["media"] == [int(ours[0]), film, *map(int, ours[1:])], (
        "the film keeps its place"
    )
    assert shopify_front.sent("ProductReorderMedia") == 1, "one write for all of them"
    assert [alt for alt, _ in shopify_front.texts()] == ["Mug, side 1", "Mug, side 2", "Mug, side 3"]
    assert shopify_front.files() == 7
    undone = shopify_front.undo(*made)
    assert [p.undo.outcome for p in undone] == [wayback.AS_IT_WAS] * 3
    assert (shopify_front.shown(), shopify_front.sha256s()) == (originals, shas)
    assert shopify_front.on_variants() == [originals[0], originals[1], ""]
    assert shopify_front._doc["media"][1] == film
    assert shopify_front.files() == 7, "ours stay among the files until they are cleaned up"
    assert shopify_front.product().mark == ""


def test_one_that_is_added_stands_last_and_leaves_again(shopify_front: ShopifyFront) -> None:
    originals, variants = shopify_front.shown(), shopify_front.on_variants()
    made = shopify_front.publish("add")
    assert shopify_front.shown() == [*originals, *(p.media_id for p in made)]
    assert shopify_front.on_variants() == variants
    undone = shopify_front.undo(*made)
    assert {p.undo.outcome for p in undone} == {wayback.AS_IT_WAS}
    assert (shopify_front.shown(), shopify_front.on_variants()) == (originals, variants)


def test_one_that_is_put_first_stands_first_and_leaves_again(shopify_front: ShopifyFront) -> None:
    originals = shopify_front.shown()
    made = shopify_front.publish("first")
    assert shopify_front.shown() == [*(p.media_id for p in made), *originals]
    shopify_front.undo(made[0])
    assert shopify_front.shown() == [*(p.media_id for p in made[1:]), *originals]


def test_one_for_its_variations_is_added_to_the_list_too_and_leaves_it_again(
    shopify_front: ShopifyFront,
) -> None:
    originals, variants = shopify_front.shown(), shopify_front.on_variants()
    made = shopify_front.publish("variation")
    live = [p for p in made if p.live]
    assert [p.photo.media_id for p in live] == originals[:2], "nobody shows the third"
    assert shopify_front.on_variants() == [live[0].media_id, live[1].media_id, ""]
    assert shopify_front.shown()[:3] == originals and set(shopify_front.shown()[3:]) == {
        p.media_id for p in live
    }
    undone = shopify_front.undo(live[0])
    assert undone[0].undo.outcome == wayback.AS_IT_WAS
    assert shopify_front.on_variants() == [originals[0], live[1].media_id, ""]
    shopify_front.undo(live[1])
    assert (shopify_front.shown(), shopify_front.on_variants()) == (originals, variants)


# -- taken back after the merchant did something -------------------------------------------------------------------


def test_after_the_merchant_moved_pictures_only_ours_changes(shopify_front: ShopifyFront) -> None:
    originals = shopify_front.shown()
    one, two, three = shopify_front.publish()
    shopify_front.arrange([three.media_id, one.media_id, two.media_id])
    [undone] = shopify_front.undo(one)
    assert undone.undo.outcome == wayback.MERGED
    assert shopify_front.shown() == [three.media_id, originals[0], two.media_id]


def test_an_alt_text_that_the_merchant_gave_our_picture_goes_over_to_the_original(
    shopify_front: ShopifyFront,
) -> None:
    originals = shopify_front.shown()
    one, *_ = shopify_front.publish()
    shopify_front.describe(one.media_id, "A mug in the morning sun")
    shopify_front.undo(one)
    assert shopify_front.shown()[0] == originals[0]
    assert shopify_front.texts()[0][0] == "A mug in the morning sun"


def test_an_original_that_was_deleted_is_uploaded_again_from_our_copy(shopify_front: ShopifyFront) -> None:
    originals, shas = shopify_front.shown(), shopify_front.sha256s()
    one, two, three = shopify_front.publish()
    shopify_front.delete_file(originals[0])
    [undone] = shopify_front.undo(one)
    assert undone.undo.outcome == wayback.UPLOADED_AGAIN, undone.undo.error
    again, *rest = shopify_front.shown()
    assert again not in {originals[0], one.media_id} and rest == [two.media_id, three.media_id]
    assert shopify_front.sha256s()[0] == shas[0]
    assert shopify_front.on_variants() == [again, two.media_id, ""]
    assert shopify_front.texts()[0][0] == "Mug, side 1"


def test_a_product_that_was_deleted_is_said_to_be_gone(shopify_front: ShopifyFront) -> None:
    one, *_ = shopify_front.publish()
    shopify_front.delete()
    [undone] = shopify_front.undo(one)
    assert undone.undo.work_state == "failed" and undone.undo.error == undoing.DELETED


def test_our_picture_that_was_taken_off_leaves_room_for_the_original(shopify_front: ShopifyFront) -> None:
    originals = shopify_front.shown()
    one, two, three = shopify_front.publish()
    shopify_front.arrange([two.media_id, three.media_id])
    [undone] = shopify_front.undo(one)
    assert undone.undo.outcome == wayback.TAKEN_OFF
    assert shopify_front.shown() == [originals[0], two.media_id, three.media_id]
    assert shopify_front.on_variants()[0] == originals[0], (
        "its variant lost ours with the list and gets the original"
    )
