"""From a new product in the store to its finished picture there, and back."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from apps.audit import selectors as audit
from apps.audit import services as audit_services
from apps.audit.models import Event
from apps.catalog.models import Photo
from apps.flow import flow
from apps.ingest.models import Delivery
from apps.jobs.models import JobState, Worker
from apps.lib.signed import key_of
from apps.publishing.models import Snapshot
from apps.recipes import selectors as recipes
from apps.recipes.models import Recipe
from apps.recipes.services import add_version
from apps.review import services as review
from apps.review.models import ItemState
from apps.usage.models import Record
from connectors.errors import OutcomeUnknown, Unavailable
from gpu_worker import pixels
from tests.conftest import on_the_wire
from tests.shopkeeping import Shop, open_shop, photo


def settle(shop: Shop) -> None:
    """Deliver and work until the store has nothing more to say."""
    for _ in range(20):
        statuses = shop.deliver()
        let_waiting_ones_go()
        shop.wire += [
            ("flow.receive", (pk,))
            for pk in Delivery.objects.filter(work_state="waiting").values_list("pk", flat=True)
        ]
        shop.work()
        if not statuses and not Delivery.objects.filter(work_state="waiting").exists():
            return
    raise AssertionError("the echoes never end")


def let_waiting_ones_go() -> None:
    Delivery.objects.filter(work_state="waiting").update(not_before=timezone.now() - dt.timedelta(seconds=1))


def test_a_new_product_gets_its_finished_picture(shop: Shop) -> None:
    original = photo()
    product = shop.sell("Blue mug", original)
    settle(shop)
    [job] = shop.jobs()
    assert job.state == JobState.DONE
    [item] = shop.items()
    assert item.state == ItemState.APPROVED, item.reasons
    [shown] = shop.bytes_shown(product)
    assert pixels.describe(shown).width_px == 200
    assert shown != original


def test_our_own_write_comes_back_as_a_webhook_and_causes_nothing(shop: Shop) -> None:
    shop.sell()
    settle(shop)
    assert shop.rendered == 1
    assert len(shop.jobs()) == 1
    outcomes = set(Delivery.objects.values_list("outcome", flat=True))
    assert outcomes <= {"1 new photo", "nothing new", "images changed, no new photo"}


def test_the_same_webhook_twice_is_one_delivery_and_one_job(shop: Shop) -> None:
    shop.sell()
    [delivery] = shop.remote.deliver()
    path = "/" + delivery.url.split("/", 3)[3]
    client = Client()
    first = client.post(path, delivery.body, content_type="application/json", headers=dict(delivery.headers))
    again = client.post(path, delivery.body, content_type="application/json", headers=dict(delivery.headers))
    assert (first.json()["repeat"], again.json()["repeat"]) == (False, True)
    shop.work()
    assert Delivery.objects.count() == 1
    assert len(shop.jobs()) == 1


def test_undo_brings_the_original_back_byte_for_byte(shop: Shop) -> None:
    original = photo()
    product = shop.sell("Mug", original, photo("#a33"))
    before = shop.image_ids(product)
    settle(shop)
    assert shop.image_ids(product) != before
    for publication in shop.publications():
        flow.undo(publication, by="test")
    settle(shop)
    assert shop.image_ids(product) == before
    assert shop.bytes_shown(product)[0] == original
    assert {p.undo.outcome for p in shop.publications()} <= {
        "Everything is as it was before.",
        "The product was changed by somebody else meanwhile; only this picture was taken back.",
    }
    assert shop.rendered == 2, "a photo that came back is not new work"


def test_undo_uploads_the_original_again_when_its_file_was_deleted(shop: Shop) -> None:
    original = photo()
    product = shop.sell("Mug", original)
    [original_id] = shop.image_ids(product)
    settle(shop)
    del shop.remote.media[original_id]
    [publication] = shop.publications()
    flow.undo(publication, by="test")
    settle(shop)
    assert shop.bytes_shown(product) == [original]
    publication.refresh_from_db()
    assert publication.undo.outcome.startswith("The original file was no longer in the store")
    assert len(shop.jobs()) == 1, "the re-uploaded original is known, not new"


def test_undo_keeps_what_somebody_else_added_meanwhile(shop: Shop) -> None:
    product = shop.sell("Mug", photo())
    [original_id] = shop.image_ids(product)
    settle(shop)
    [ours] = shop.remote.products[product].images
    extra = shop.remote.add_media(photo("#0a0"), "extra.jpg")
    shop.remote.change_product(product, images=(extra, ours))
    settle(shop)  # the extra photo gets its own picture
    first = shop.publications()[0]
    flow.undo(first, by="test")
    settle(shop)
    ids = shop.image_ids(product)
    assert original_id in ids and ours.id not in ids and len(ids) == 2
    first.refresh_from_db()
    assert first.undo.outcome.startswith("The product was changed by somebody else")


def test_a_photo_taken_down_while_rendering_is_not_published(shop: Shop) -> None:
    product = shop.sell("Mug", photo(), photo("#a33"))
    shop.deliver()
    shop.carry()
    [first, second] = shop.hand_out()
    keep = shop.remote.products[product].images[1:]
    shop.remote.change_product(product, images=keep)
    for chunk in (first, second):
        for result in shop.render(chunk):
            flow.resulted(result.to_dict())
    settle(shop)
    states = {p.photo.position: (p.work_state, p.error) for p in shop.publications()}
    failed = [error for state, error in states.values() if state == "failed"]
    assert len(failed) == 1 and "taken off the product" in failed[0]
    assert len(shop.image_ids(product)) == 1


def test_approvals_that_wait_together_go_in_one_write(shop: Shop) -> None:
    product = shop.sell("Mug", *(photo(c) for c in ("#111", "#a33", "#3a3", "#33a", "#aa3")))
    order = shop.image_ids(product)
    shop.deliver()
    shop.carry()
    for chunk in shop.hand_out():
        for result in shop.render(chunk):
            flow.resulted(result.to_dict())
    shop.remote.calls.clear()
    settle(shop)
    assert shop.remote.calls.count("set_images") == 1
    replaced = {s.replaced_id: s.publication.media_id for s in Snapshot.objects.select_related("publication")}
    assert shop.image_ids(product) == [replaced[i] for i in order], (
        "each picture stands where its photo stood"
    )


@pytest.mark.parametrize("call", ["upload", "set_images"])
def test_a_store_that_times_out_after_doing_the_work_is_not_written_twice(shop: Shop, call: str) -> None:
    product = shop.sell("Mug", photo())
    shop.deliver()
    shop.carry()
    for chunk in shop.hand_out():
        for result in shop.render(chunk):
            flow.resulted(result.to_dict())
    shop.remote.fail(OutcomeUnknown("no answer within 90 s"), call, after=True)
    library = len(shop.remote.media)
    shop.carry()
    for publication in shop.publications():
        type(publication).objects.filter(pk=publication.pk).update(not_before=timezone.now())
        shop.wire.append(("flow.publish", (publication.pk,)))
    settle(shop)
    assert len(shop.remote.media) == library + 1, "one attachment, though the answer was lost"
    assert [p.live for p in shop.publications()] == [True]
    assert len(shop.image_ids(product)) == 1


def test_a_store_that_is_down_delays_the_work_and_loses_nothing(shop: Shop) -> None:
    shop.sell()
    shop.remote.fail(Unavailable("503"), "product")
    shop.deliver()
    shop.carry()
    [delivery] = Delivery.objects.all()
    assert delivery.work_state == "waiting" and "503" in delivery.error
    settle(shop)
    assert [p.live for p in shop.publications()] == [True]


def test_what_policy_doubts_waits_for_a_person_and_then_goes_out(shop: Shop) -> None:
    recipe = Recipe.objects.get(workspace=shop.workspace)
    body = {**recipe.versions.get().body, "review": {"min_confidence": 1.01}}
    add_version(recipe, body=body, by="test")
    shop.sell()
    settle(shop)
    [item] = shop.items()
    assert item.state == ItemState.PENDING and "confidence" in item.reasons[0]
    assert shop.publications() == []
    item = review.decide(item, approved=True, user=shop.owner, actor=review.actor_of(shop.owner))
    flow.reviewed(item, by="test")
    settle(shop)
    assert [p.live for p in shop.publications()] == [True]


def test_a_file_that_is_no_picture_fails_alone_and_says_why(shop: Shop) -> None:
    shop.sell("Broken", b"these are no pixels, whatever the name says")
    shop.sell("Fine", photo())
    settle(shop)
    broken, fine = shop.jobs()
    assert (broken.state, broken.error_code) == (JobState.FAILED, "bad_image")
    assert broken.error
    assert fine.state == JobState.DONE


def test_regenerating_an_unchanged_catalogue_renders_nothing(shop: Shop) -> None:
    shop.sell("Mug", photo())
    settle(shop)
    shop.beat()
    Worker.objects.update(engines=shop.jobs()[0].render.engines)
    version = recipes.automatic(shop.workspace.pk)
    assert version is not None
    batch, added = flow.regenerate(shop.store, version, name="Again", key="k1", by="test")
    same, none = flow.regenerate(shop.store, version, name="Again", key="k1", by="test")
    assert (same.pk, added, none) == (batch.pk, 1, 0)
    settle(shop)
    assert shop.rendered == 1
    assert shop.jobs()[-1].cached


def test_a_worker_whose_stage_was_improved_renders_again(shop: Shop) -> None:
    shop.sell("Mug", photo())
    settle(shop)
    shop.beat()
    Worker.objects.update(engines={**shop.jobs()[0].render.engines, "shadow": "stage/99"})
    version = recipes.automatic(shop.workspace.pk)
    assert version is not None
    flow.regenerate(shop.store, version, name="Again", key="k1", by="test")
    settle(shop)
    assert shop.rendered == 2


def test_another_recipe_replaces_our_own_earlier_picture_and_each_undo_goes_one_step_back(shop: Shop) -> None:
    original = photo()
    product = shop.sell("Mug", original)
    settle(shop)
    [first] = shop.image_ids(product)
    recipe = Recipe.objects.get(workspace=shop.workspace)
    version = add_version(recipe, body={**recipe.versions.get().body, "shadow": {"kind": "none"}}, by="test")
    flow.regenerate(shop.store, version, name="No shadow", key="k2", by="test")
    settle(shop)
    [second] = shop.image_ids(product)
    assert second != first
    older, newer = shop.publications()
    flow.undo(newer, by="test")
    settle(shop)
    assert shop.image_ids(product) == [first]
    flow.undo(older, by="test")
    settle(shop)
    assert shop.bytes_shown(product) == [original]


def test_every_step_leaves_a_row_in_the_trail_and_every_attempt_one_in_usage(shop: Shop) -> None:
    shop.sell()
    settle(shop)
    flow.undo(shop.publications()[0], by="test")
    settle(shop)
    verbs = list(
        Event.objects.filter(workspace=shop.workspace.pk).order_by("pk").values_list("verb", flat=True)
    )
    expected = ["photo.rendered", "render.judged", "render.approved", "publication.asked", "photo.published"]
    assert [v for v in verbs if v in expected] == expected
    assert verbs[-2:] == ["undo.asked", "photo.restored"]
    assert Record.objects.count() == 1
    audit_services.seal()
    assert audit.verify(shop.workspace.pk).ok


def test_a_store_without_a_media_library_key_downloads_the_picture_itself(
    db: None, storage_root: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(f"file://{storage_root}", can_upload=False)
    on_the_wire(shop, monkeypatch)

    class Web(dict):
        """The store downloads from our signed addresses."""

        def get(self, src: str, default: bytes | None = None) -> bytes | None:
            _, _, rest = src.partition("/files/")
            key = key_of(rest.rpartition("/")[0])
            return (storage_root / key).read_bytes() if key else default

    shop.remote.web = Web()
    original = photo()
    product = shop.sell("Mug", original)
    settle(shop)
    [publication] = shop.publications()
    assert publication.live, publication.error
    assert shop.remote.media[publication.media_id][0].src.rsplit("/", 1)[1].startswith(publication.stem)
    shop.remote.media.pop(Photo.objects.get(ours=False).media_id)
    flow.undo(publication, by="test")
    settle(shop)
    assert shop.bytes_shown(product) == [original]
