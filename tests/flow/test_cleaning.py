"""Files of ours that nothing shows any more are deleted from the media library, and no others."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.audit.models import Event
from apps.catalog.models import Photo, Product
from apps.flow import flow, takingback
from apps.jobs.models import Render
from apps.lib import blobs
from apps.lib.errors import NotAllowed
from apps.publishing.models import Cleaned, Cleaning, Publication
from apps.publishing.services import cleaning
from apps.publishing.unused import size_bytes, unused, why
from apps.recipes.models import Recipe
from apps.recipes.services import add_version
from apps.stores.models import Store, WrittenMedia
from connectors.errors import Unsupported
from connectors.sandbox.catalogue import Catalogue
from tests.connected_shop import ConnectedShop
from tests.shopkeeping import photo


def library(shopfront: ConnectedShop) -> set[str]:
    return {str(p.id) for p in shopfront.site.site.state.posts("kind = 'attachment'")}


def clean(shopfront: ConnectedShop) -> Cleaning:
    row, _ = takingback.clean(Store.objects.get(pk=shopfront.shop.store.pk), by="user:1")
    shopfront.work()
    row.refresh_from_db()
    return row


def kept(row: Cleaning) -> list[str]:
    return list(row.files.filter(deleted=False).order_by("pk").values_list("why", flat=True))


@pytest.fixture
def taken_back(published: ConnectedShop) -> ConnectedShop:
    """All three pictures were taken back; their files are still in the library."""
    published.undo(*published.publications())
    return published


def ours(shopfront: ConnectedShop) -> list[str]:
    return [p.media_id for p in shopfront.publications()]


def test_what_was_taken_back_is_deleted_and_the_merchants_files_stay(taken_back: ConnectedShop) -> None:
    before = library(taken_back)
    merchants = before - set(ours(taken_back))
    assert {w.media_id for w in unused(taken_back.shop.store.pk)} == set(ours(taken_back))
    assert size_bytes(taken_back.shop.store.pk) > 1000
    assert {why(p) for p in taken_back.publications()} == {"It was taken back."}
    shown = (taken_back.shown(), taken_back.sha256s())
    row = clean(taken_back)
    assert library(taken_back) == merchants
    assert (taken_back.shown(), taken_back.sha256s()) == shown
    assert (row.work_state, row.deleted, row.kept, row.total) == ("done", 3, 0, 3)
    assert row.deleted_bytes > 1000
    events = Event.objects.filter(verb="media.deleted").order_by("pk")
    assert [e.detail.body["sha256"] for e in events] == [
        w.sha256 for w in WrittenMedia.objects.filter(media_id__in=ours(taken_back)).order_by("pk")
    ]
    for publication in taken_back.publications():  # our own copies stay
        assert blobs.read(publication.render.file("main")["key"])
    assert not unused(taken_back.shop.store.pk).exists()
    with pytest.raises(NotAllowed, match="no unused picture"):
        clean(taken_back)


def test_what_is_live_is_never_deleted(published: ConnectedShop) -> None:
    assert not unused(published.shop.store.pk).exists()
    first = published.publications()[0]
    published.undo(first)
    before = library(published)
    row = clean(published)
    assert before - library(published) == {first.media_id} and row.deleted == 1


def test_what_the_undo_of_a_newer_picture_brings_back_is_kept(published: ConnectedShop) -> None:
    older = published.publications()
    recipe = Recipe.objects.get(workspace=published.shop.workspace)
    version = add_version(recipe, body={**recipe.versions.get().body, "shadow": {"kind": "none"}}, by="test")
    flow.regenerate(published.shop.store, version, name="No shadow", key="k", by="test")
    published.work()
    assert not set(published.shown()) & {p.media_id for p in older}
    assert not unused(published.shop.store.pk).exists()
    newer = [p for p in published.publications() if p not in older]
    published.undo(*newer)
    assert {w.media_id for w in unused(published.shop.store.pk)} == {p.media_id for p in newer}
    clean(published)
    assert published.shown() == [p.media_id for p in older]


def test_an_original_that_was_put_back_is_the_merchants(published: ConnectedShop) -> None:
    first, *others = published.publications()
    published.delete_file(first.snapshot.replaced_id)
    published.undo(first, *others)
    again = published.shown()[0]
    published.arrange(published.shown()[1:])
    published.read()
    row = clean(published)
    assert row.deleted == 3 and again in library(published)


# -- what only the store knows --------------------------------------------------------------------------------------


def test_a_file_that_another_product_shows_stays(taken_back: ConnectedShop) -> None:
    other = Catalogue(taken_back.site.site).create(
        {"name": "Bowl", "images": [{"id": int(ours(taken_back)[0])}]}
    )
    taken_back.read()
    assert ours(taken_back)[0] not in {w.media_id for w in unused(taken_back.shop.store.pk)}
    Photo.objects.filter(product__external_id=str(other.id)).update(present=False)  # the mirror is behind
    row = clean(taken_back)
    assert row.deleted == 2 and kept(row) == ["“Bowl” shows it."]
    assert taken_back.site.site.state.post(other.id, "product").doc["image_ids"] == [int(ours(taken_back)[0])]


def test_a_file_that_the_product_shows_again_stays(taken_back: ConnectedShop) -> None:
    second = ours(taken_back)[1]
    taken_back.arrange([*taken_back.shown(), second])
    row = clean(taken_back)
    assert kept(row) == ["“Blue mug” shows it."] and second in library(taken_back)


def test_a_file_that_a_product_in_the_trash_shows_stays(taken_back: ConnectedShop) -> None:
    taken_back.arrange([*taken_back.shown(), ours(taken_back)[1]])
    taken_back.trash()
    row = clean(taken_back)
    assert row.deleted == 2 and kept(row) == ["“Blue mug” in the trash shows it."]


def test_a_file_that_a_variation_shows_stays(taken_back: ConnectedShop) -> None:
    catalogue = Catalogue(taken_back.site.site)
    catalogue.update(int(taken_back.mug), {"type": "variable"})
    catalogue.create_variation(int(taken_back.mug), {"image": {"id": int(ours(taken_back)[2])}})
    row = clean(taken_back)
    assert row.deleted == 2 and kept(row) == ["“Blue mug” shows it."]


def test_a_file_that_was_attached_to_a_post_stays(taken_back: ConnectedShop) -> None:
    state = taken_back.site.site.state
    post = state.post(int(ours(taken_back)[0]), "attachment")
    post.parent_id = 4711
    state.save_post(post)
    row = clean(taken_back)
    assert kept(row) == ["It is attached to something else in the store (number 4711)."]


def test_a_number_that_belongs_to_another_file_by_now_is_left_alone(taken_back: ConnectedShop) -> None:
    """The store was set up anew, and counts from the beginning."""
    mine = WrittenMedia.objects.get(media_id=ours(taken_back)[0])
    strange = taken_back.upload(photo("#0aa"))
    WrittenMedia.objects.filter(pk=mine.pk).update(media_id=str(strange))
    row = clean(taken_back)
    assert row.deleted == 2 and "belongs to another file" in kept(row)[0]
    assert str(strange) in library(taken_back)


def test_a_file_of_which_we_have_no_copy_is_kept(taken_back: ConnectedShop) -> None:
    render = taken_back.publications()[0].render
    Render.objects.filter(pk=render.pk).update(files=[])
    row = clean(taken_back)
    assert row.deleted == 2 and "no copy of it" in kept(row)[0]


def test_a_file_that_is_gone_already_counts_as_deleted(taken_back: ConnectedShop) -> None:
    taken_back.delete_file(ours(taken_back)[0])
    row = clean(taken_back)
    assert row.deleted == 3
    assert Cleaned.objects.filter(why=cleaning.GONE_ALREADY).count() == 1


def test_where_the_media_library_does_not_answer_nothing_counts_as_gone(
    taken_back: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.woocommerce.connector import WooCommerceConnector

    def switched_off(*_: Any) -> None:
        raise Unsupported("the store has no such API", status=404, code="rest_no_route")

    monkeypatch.setattr(WooCommerceConnector, "media", switched_off)
    row = clean(taken_back)
    assert (row.work_state, row.deleted) == ("failed", 0) and not Cleaned.objects.exists()


# -- stopping, crashing, refusing -----------------------------------------------------------------------------------


def test_it_can_be_stopped_and_goes_on_after_a_crash(
    taken_back: ConnectedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "AT_ONCE", 1)
    store = Store.objects.get(pk=taken_back.shop.store.pk)
    row, new = takingback.clean(store, by="user:1")
    assert new and takingback.clean(store, by="user:1") == (row, False)
    takingback.cleaned(row.pk)
    row.refresh_from_db()
    assert (row.work_state, row.deleted) == ("waiting", 1)
    cleaning.stop(row, by="user:2")
    taken_back.work()
    row.refresh_from_db()
    assert (row.work_state, row.deleted) == ("done", 1) and row.stopped_at
    with pytest.raises(NotAllowed):
        cleaning.stop(row, by="user:2")
    assert clean(taken_back).deleted == 2


def test_without_an_application_password_it_says_why_it_can_not_be(taken_back: ConnectedShop) -> None:
    Store.objects.update(can_upload=False)
    with pytest.raises(NotAllowed, match="application password"):
        clean(taken_back)


def test_what_a_deleted_product_showed_is_cleaned_when_it_was_taken_back_before(
    taken_back: ConnectedShop,
) -> None:
    taken_back.delete()
    Product.objects.update(present=False)
    assert clean(taken_back).deleted == 3


# -- the command ----------------------------------------------------------------------------------------------------


def run(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command("cleanmedia", *words, "--json", stdout=out)
    return json.loads(out.getvalue().strip().splitlines()[-1])


def test_the_command_lists_first_and_deletes_with_yes(taken_back: ConnectedShop) -> None:
    store = str(taken_back.shop.store.pk)
    told = run(store)
    assert told["total"] == 3 and {f["why"] for f in told["files"]} == {"It was taken back."}
    assert not Cleaning.objects.exists()
    assert run(store, "--yes")["deleted"] == 3
    assert run(store)["total"] == 0
    Store.objects.update(can_upload=False)
    with pytest.raises(CommandError, match="application password"):
        run(store, "--yes")
    assert Publication.objects.filter(undone_at=None).count() == 0
