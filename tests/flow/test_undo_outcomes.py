"""What comes of an undo in a real shop: nothing happened meanwhile, somebody changed the product, the original's file is
gone, the product is in the trash or deleted. Each on a WooCommerce storefront, over HTTP."""

from __future__ import annotations

from apps.audit.models import Event
from apps.automation.models import Rule
from apps.flow import flow
from apps.lib.work import WorkState
from apps.publishing.services import undoing, wayback
from apps.recipes.models import Recipe
from apps.recipes.services import add_version
from connectors.sandbox.catalogue import Catalogue
from tests.connected_shop import ConnectedShop
from tests.shopkeeping import photo

# -- nothing else changed ------------------------------------------------------------------------------------------


def test_where_nobody_changed_anything_everything_is_exactly_as_it_was(shopfront: ConnectedShop) -> None:
    before = (shopfront.shown(), shopfront.texts(), shopfront.sha256s())
    shopfront.read()
    assert not set(shopfront.shown()) & set(before[0])
    undone = shopfront.undo(*shopfront.publications())
    assert (shopfront.shown(), shopfront.texts(), shopfront.sha256s()) == before
    assert {p.undo.outcome for p in undone} == {wayback.AS_IT_WAS}
    assert [p.undo.restored_sha256 for p in undone] == before[2]


def test_three_pictures_of_a_product_come_back_in_one_write(published: ConnectedShop) -> None:
    writes = published.writes()
    published.undo(*published.publications())
    assert published.writes() == writes + 1


def test_one_of_three_pictures_is_taken_back_and_the_others_stay(published: ConnectedShop) -> None:
    first, second, third = published.publications()
    [undone] = published.undo(second)
    assert published.shown() == [first.media_id, second.snapshot.replaced_id, third.media_id]
    assert undone.undo.outcome == wayback.AS_IT_WAS


def test_two_pictures_of_one_photo_come_back_together_to_the_original(published: ConnectedShop) -> None:
    recipe = Recipe.objects.get(workspace=published.shop.workspace)
    originals = [p.snapshot.replaced_id for p in published.publications()]
    shas = [p.snapshot.replaced_sha256 for p in published.publications()]
    body = {**recipe.versions.get().body, "shadow": {"kind": "none"}}
    version = add_version(recipe, body=body, by="test")
    flow.regenerate(published.shop.store, version, name="No shadow", key="k", by="test")
    published.work()
    assert len(published.publications()) == 6
    writes = published.writes()
    undone = published.undo(*published.publications())  # asked in the wrong order: the oldest first
    assert (published.shown(), published.sha256s()) == (originals, shas)
    assert published.writes() == writes + 1
    assert [p.undo.restored_sha256 for p in undone] == [*shas, *shas]


def test_an_older_picture_under_a_newer_one_changes_nothing_and_the_newer_goes_back_to_the_original(
    published: ConnectedShop,
) -> None:
    older, originals = published.publications(), [p.snapshot.replaced_id for p in published.publications()]
    recipe = Recipe.objects.get(workspace=published.shop.workspace)
    version = add_version(recipe, body={**recipe.versions.get().body, "shadow": {"kind": "none"}}, by="test")
    flow.regenerate(published.shop.store, version, name="No shadow", key="k", by="test")
    published.work()
    shown, writes = published.shown(), published.writes()
    undone = published.undo(*older)
    assert published.shown() == shown and published.writes() == writes
    assert {p.undo.outcome for p in undone} == {wayback.COVERED}
    published.undo(*(p for p in published.publications() if p.undone_at is None))
    assert published.shown() == originals


# -- somebody changed the product by hand ----------------------------------------------------------------------------


def test_a_photo_that_somebody_added_stays(published: ConnectedShop) -> None:
    extra = str(published.upload(photo("#0aa"), "In the kitchen"))
    first, second, third = published.publications()
    published.arrange([extra, *published.shown()])
    undone = published.undo(first, second, third)
    assert published.shown() == [extra, *(p.snapshot.replaced_id for p in (first, second, third))]
    assert published.texts()[0][0] == "In the kitchen"
    assert {p.undo.outcome for p in undone} == {wayback.MERGED}


def test_an_order_that_somebody_made_stays(published: ConnectedShop) -> None:
    first, second, third = published.publications()
    published.arrange([third.media_id, first.media_id, second.media_id])
    undone = published.undo(first, second, third)
    assert published.shown() == [p.snapshot.replaced_id for p in (third, first, second)]
    assert {p.undo.outcome for p in undone} == {wayback.MERGED}


def test_a_photo_that_somebody_removed_stays_away(shopfront: ConnectedShop) -> None:
    extra = str(shopfront.upload(photo("#0aa"), "In the kitchen"))
    before = shopfront.shown()
    shopfront.read()
    Rule.objects.update(on=False)
    first, second, third = shopfront.publications()
    shopfront.arrange([first.media_id, extra, second.media_id, third.media_id])
    shopfront.undo(first)
    shopfront.arrange([i for i in shopfront.shown() if i != extra])
    undone = shopfront.undo(second, third)
    assert shopfront.shown() == before
    assert {p.undo.outcome for p in undone} == {wayback.AS_IT_WAS}


def test_our_picture_that_somebody_took_off_gives_its_place_to_the_original(published: ConnectedShop) -> None:
    first, second, third = published.publications()
    published.arrange([first.media_id, third.media_id])
    [undone] = published.undo(second)
    assert published.shown() == [first.media_id, second.snapshot.replaced_id, third.media_id]
    assert undone.undo.outcome == wayback.TAKEN_OFF


def test_an_original_that_somebody_put_back_is_left_as_it_stands(published: ConnectedShop) -> None:
    first, second, third = published.publications()
    published.arrange([second.media_id, third.media_id, first.snapshot.replaced_id])
    writes, shown = published.writes(), published.shown()
    [undone] = published.undo(first)
    assert (published.shown(), published.writes()) == (shown, writes)
    assert undone.undo.outcome == wayback.BY_HAND


# -- alternative texts -----------------------------------------------------------------------------------------------


def test_a_text_that_somebody_gave_the_original_meanwhile_is_not_overwritten(
    published: ConnectedShop,
) -> None:
    first, second, third = published.publications()
    published.describe(first.snapshot.replaced_id, "Blue mug, handle to the left")
    published.undo(first, second, third)
    assert [alt for alt, _ in published.texts()] == [
        "Blue mug, handle to the left",
        "Mug, side 2",
        "Mug, side 3",
    ]


def test_a_text_that_somebody_gave_our_picture_goes_over_to_the_original(published: ConnectedShop) -> None:
    first, second, third = published.publications()
    published.describe(second.media_id, "Mug with a lid")
    published.undo(first, second, third)
    assert [alt for alt, _ in published.texts()] == ["Mug, side 1", "Mug with a lid", "Mug, side 3"]


def test_where_both_got_a_text_the_originals_own_counts(published: ConnectedShop) -> None:
    first, *_ = published.publications()
    published.describe(first.media_id, "Of our picture")
    published.describe(first.snapshot.replaced_id, "Of the original")
    published.undo(first)
    assert published.texts()[0][0] == "Of the original"


# -- the original's file is gone -------------------------------------------------------------------------------------


def test_an_original_whose_file_was_deleted_is_uploaded_again_byte_for_byte(published: ConnectedShop) -> None:
    first, second, third = published.publications()
    published.delete_file(second.snapshot.replaced_id)
    undone = published.undo(first, second, third)
    shown = published.shown()
    assert [shown[0], shown[2]] == [first.snapshot.replaced_id, third.snapshot.replaced_id]
    assert shown[1] != second.snapshot.replaced_id
    assert published.sha256s() == [p.snapshot.replaced_sha256 for p in (first, second, third)]
    assert published.texts()[1][0] == "Mug, side 2"
    assert [p.undo.outcome for p in undone] == [wayback.AS_IT_WAS, wayback.UPLOADED_AGAIN, wayback.AS_IT_WAS]
    assert undone[1].undo.restored_sha256 == second.snapshot.replaced_sha256
    jobs = len(published.shop.jobs())
    published.read()
    assert len(published.shop.jobs()) == jobs, "the original is known, not new"


def test_an_original_whose_file_was_exchanged_under_its_number_is_uploaded_again(
    published: ConnectedShop,
) -> None:
    first, second, third = published.publications()
    published.exchange_file(second.snapshot.replaced_id, photo("#0aa"))
    undone = published.undo(first, second, third)
    assert published.sha256s() == [p.snapshot.replaced_sha256 for p in (first, second, third)]
    assert undone[1].undo.outcome == wayback.UPLOADED_AGAIN
    assert [undone[0].undo.outcome, undone[2].undo.outcome] == [wayback.AS_IT_WAS] * 2


# -- the product is in the trash, or gone ----------------------------------------------------------------------------


def test_a_product_in_the_trash_is_not_written_and_can_be_undone_after_it_was_restored(
    published: ConnectedShop,
) -> None:
    first, second, third = published.publications()
    shown, writes = published.shown(), published.writes()
    published.trash()
    undone = published.undo(first, second, third)
    assert (published.shown(), published.writes()) == (shown, writes)
    assert {(p.undo.work_state, p.undo.error) for p in undone} == {(WorkState.FAILED, undoing.IN_THE_TRASH)}
    assert all(p.live for p in undone)
    assert Event.objects.filter(verb="undo.failed").count() == 3
    Catalogue(published.site.site).restore(int(published.mug))
    undone = published.undo(first, second, third)
    assert published.shown() == [p.snapshot.replaced_id for p in (first, second, third)]
    assert {p.undo.outcome for p in undone} == {wayback.AS_IT_WAS}


def test_a_deleted_product_ends_the_undo_with_a_clear_sentence(published: ConnectedShop) -> None:
    [first, *_] = published.publications()
    published.delete()
    [undone] = published.undo(first)
    assert (undone.undo.work_state, undone.undo.error) == (WorkState.FAILED, undoing.DELETED)
    assert undone.undo.tries == 1
