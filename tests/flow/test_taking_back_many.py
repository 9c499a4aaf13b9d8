"""Taking back a whole batch, or everything since a moment, as one action."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import Event
from apps.automation.models import Rule
from apps.catalog import services as catalog
from apps.catalog.models import Product
from apps.flow import batching, flow, sweeper, takingback
from apps.jobs.models import Batch, BatchState, Job, JobState
from apps.lib.errors import BadRequest, NotAllowed
from apps.lib.work import WorkState
from apps.publishing import counting
from apps.publishing.foresight import Scope, foresee
from apps.publishing.models import Publication, Reversal, Undo
from apps.publishing.reversals import ReversalState
from apps.publishing.services import reversing, undoing, wayback
from apps.recipes import services as recipes
from apps.recipes.selectors import automatic
from apps.stores.models import Store, StoreState
from connectors.errors import OutcomeUnknown, Rejected, Unavailable
from tests.flow.test_write_modes import variant_images, with_variants, written
from tests.jobs.regenerating import colour, start, sync_catalogue
from tests.shopkeeping import Shop, photo

PRODUCTS, PICTURES = 5, 10


@pytest.fixture
def stocked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(reversing, "AT_ONCE", 2)
    for number in range(PRODUCTS):
        photos = (photo(colour(number), 120), photo(colour(number + 100), 120))
        shop.remote.add_product(f"Mug {number}", photos)
    shop.remote.deliver()
    sync_catalogue(shop)
    Rule.objects.update(on=False)
    return shop


@pytest.fixture
def regenerated(stocked: Shop) -> Shop:
    """Two pictures of each product are live, all of one batch."""
    start(stocked)
    stocked.work()
    assert Publication.objects.filter(published_at__isnull=False).count() == PICTURES
    return stocked


def batch() -> Batch:
    return Batch.objects.order_by("pk").first()  # type: ignore[return-value]


def whole_batch(shop: Shop) -> Scope:
    return Scope(Store.objects.get(pk=shop.store.pk), batch=batch())


def since(shop: Shop, at: dt.datetime, **more: Any) -> Scope:
    return Scope(Store.objects.get(pk=shop.store.pk), since=at, **more)


def take_back(scope: Scope, key: str = "k", **more: Any) -> Reversal:
    return takingback.start(scope, key=key, by="user:1", **more)[0]


def lists(shop: Shop) -> dict[str, list[str]]:
    return {product: shop.image_ids(product) for product in shop.remote.products}


def test_a_whole_batch_is_taken_back_and_everything_is_as_it_was(stocked: Shop) -> None:
    before = lists(stocked)
    start(stocked)
    stocked.work()
    assert not any(set(before[p]) & set(now) for p, now in lists(stocked).items())
    stocked.remote.calls.clear()
    ahead = foresee(whole_batch(stocked))
    assert (ahead.pictures, ahead.products, ahead.changed, ahead.gone) == (PICTURES, PRODUCTS, 0, 0)
    assert len(ahead.sample) == 6 and stocked.remote.calls == [], "looking asks nobody"
    reversal = take_back(whole_batch(stocked), note="Wrong backdrop")
    stocked.work()
    reversal.refresh_from_db()
    assert lists(stocked) == before
    assert (reversal.state, reversal.total, reversal.done, reversal.failed) == ("done", PICTURES, PICTURES, 0)
    assert stocked.remote.calls.count("set_images") == PRODUCTS, "one write for each product"
    assert {u.outcome for u in Undo.objects.all()} == {wayback.AS_IT_WAS}
    verbs = list(Event.objects.filter(verb__startswith="reversal.").values_list("verb", flat=True))
    assert sorted(verbs) == ["reversal.asked", "reversal.ended"]
    asked = Event.objects.get(verb="reversal.asked")
    assert (asked.actor, asked.detail.body["pictures"], asked.detail.body["note"]) == (
        "user:1", PICTURES, "Wrong backdrop",
    )  # fmt: skip
    assert Event.objects.filter(verb="photo.restored", actor="user:1").count() == PICTURES


def test_only_a_few_products_are_open_at_once_however_many_there_are(regenerated: Shop) -> None:
    reversal = take_back(whole_batch(regenerated))
    takingback.go_on(reversal.pk)
    hinted = [args for task, args in regenerated.wire if task == "flow.undo"]
    assert len(hinted) == reversing.AT_ONCE
    assert Undo.objects.count() == 2 * reversing.AT_ONCE
    takingback.go_on(reversal.pk)
    assert Undo.objects.count() == 2 * reversing.AT_ONCE, "no more before one has ended"


def test_a_lost_message_is_made_up_for(regenerated: Shop, redis_url: str) -> None:
    take_back(whole_batch(regenerated))
    regenerated.wire.clear()
    sweeper.sweep()
    assert [task for task, _ in regenerated.wire].count("flow.take_back") == 1
    regenerated.work()
    assert not Publication.objects.filter(undone_at=None).exists()


def test_asking_twice_is_asking_once(regenerated: Shop) -> None:
    first = take_back(whole_batch(regenerated), key="a")
    assert take_back(whole_batch(regenerated), key="a") == first
    assert take_back(whole_batch(regenerated), key="b") == first, "the same wish while it goes on"
    regenerated.work()
    with pytest.raises(NotAllowed, match="nothing to take back"):
        take_back(whole_batch(regenerated), key="c")
    assert Reversal.objects.count() == 1
    assert Event.objects.filter(verb="reversal.asked").count() == 1


def test_a_running_batch_is_cancelled_first_and_what_waits_is_never_written(stocked: Shop) -> None:
    before = lists(stocked)
    start(stocked)
    stocked.carry()
    for chunk in stocked.hand_out(count=6):
        for result in stocked.render(chunk):
            flow.resulted(result.to_dict())
    ours = [(task, args) for task, args in stocked.wire if task == "flow.publish"]
    stocked.wire.clear()
    for _, args in ours[:3]:
        flow.published(*args)
    stocked.wire.clear()
    written = Publication.objects.filter(published_at__isnull=False).count()
    waiting = Publication.objects.filter(work_state=WorkState.WAITING).count()
    assert written and waiting
    ahead = foresee(whole_batch(stocked))
    assert (ahead.pictures, ahead.waiting) == (written, waiting)
    assert ahead.cancelled_jobs == Job.objects.filter(state=JobState.QUEUED).count() > 0
    take_back(whole_batch(stocked))
    assert Batch.objects.get().state == BatchState.CANCELLED
    withdrawn = Publication.objects.filter(published_at=None)
    assert {(p.work_state, p.undone_at is not None) for p in withdrawn} == {(WorkState.DONE, True)}
    assert Event.objects.filter(verb="publication.withdrawn").count() == waiting
    stocked.wire += [("flow.publish", (p.pk,)) for p in withdrawn]
    stocked.work()
    assert lists(stocked) == before
    told = counting.counts(Reversal.objects.get())
    assert (told.total, told.done, told.withdrawn, told.left) == (written + waiting, written, waiting, 0)


def test_a_picture_that_is_being_written_is_taken_back_when_that_has_ended(stocked: Shop) -> None:
    before = lists(stocked)
    start(stocked)
    stocked.carry()
    for chunk in stocked.hand_out():
        for result in stocked.render(chunk):
            flow.resulted(result.to_dict())
    stocked.wire.clear()
    first = Publication.objects.order_by("pk").first()
    Publication.objects.filter(product=first.product).update(  # a worker holds it
        work_state="running", lease_until=timezone.now() + dt.timedelta(minutes=2), tries=1
    )
    ahead = foresee(whole_batch(stocked))
    assert (ahead.under_way, ahead.pictures, ahead.waiting) == (2, 2, PICTURES - 2)
    reversal = take_back(whole_batch(stocked))
    stocked.work()
    reversal.refresh_from_db()
    assert reversal.state == ReversalState.RUNNING, "it waits for that write"
    Publication.objects.filter(product=first.product).update(work_state="waiting", lease_until=None)
    flow.published(first.pk)
    assert lists(stocked) != before
    takingback.go_on(reversal.pk)
    stocked.work()
    reversal.refresh_from_db()
    assert lists(stocked) == before and reversal.state == ReversalState.DONE


def test_a_picture_that_a_variation_may_show_is_taken_back_not_withdrawn(shop: Shop) -> None:
    product = shop.sell("Mug", photo("#a33"), photo("#3a3"))
    red = shop.remote.products[product].images[0]
    with_variants(shop, product, Red=red)
    shop.remote.fail(OutcomeUnknown("cut"), "set_variant_image", after=True)
    written(shop, mode="variation")
    made = Publication.objects.get(photo__media_id=red.id)
    assert made.published_at is None and variant_images(shop, product) != {"Red": red.id}
    Publication.objects.filter(pk=made.pk).update(work_state="failed")
    scope = since(shop, timezone.now() - dt.timedelta(hours=1))
    assert foresee(scope).pictures == 1
    take_back(scope)
    shop.work()
    assert variant_images(shop, product) == {"Red": red.id}


def read_again(shop: Shop) -> None:
    sync, _ = catalog.ask_sync(shop.store, by="test", start_work=False)
    flow.synced(sync.pk)


def test_a_variation_that_somebody_gave_another_picture_is_foreseen(shop: Shop) -> None:
    product = shop.sell("Mug", photo("#a33"))
    red = shop.remote.products[product].images[0]
    with_variants(shop, product, Red=red, Crimson=red)
    written(shop)
    an_hour_ago = timezone.now() - dt.timedelta(hours=1)
    read_again(shop)
    assert foresee(since(shop, an_hour_ago)).changed == 0
    other = shop.remote.add_media(photo("#0a0"), "other.jpg")
    first, second = shop.remote.products[product].variants
    shop.remote.change_product(product, variants=(replace(first, image=other), second))
    read_again(shop)
    assert foresee(since(shop, an_hour_ago)).changed == 1


def test_a_picture_whose_write_was_only_planned_is_not_written_any_more(stocked: Shop) -> None:
    before = lists(stocked)
    stocked.remote.fail(Unavailable("503"), "upload")
    start(stocked, only={"products": [Product.objects.earliest("pk").pk]})
    stocked.work()
    waiting = Publication.objects.get(published_at=None)
    assert waiting.steps.filter(name="write", state="planned").exists()
    ahead = foresee(whole_batch(stocked))
    assert (ahead.pictures, ahead.waiting) == (1, 1)
    take_back(whole_batch(stocked))
    Publication.objects.update(not_before="2020-01-01T00:00:00Z")
    stocked.wire.append(("flow.publish", (waiting.pk,)))
    stocked.work()
    waiting.refresh_from_db()
    assert lists(stocked) == before and waiting.published_at is None
    assert counting.counts(Reversal.objects.get()).withdrawn == 1


def test_taking_back_a_pilot_cancels_what_waits_for_it(stocked: Shop) -> None:
    from apps.jobs.services.creating import Pilot

    held = start(stocked, pilot=Pilot(size=4, go_at_share=0.5))
    stocked.work()
    pilot = held.pilot
    scope = Scope(stocked.store, batch=Batch.objects.get(pk=pilot.pk))
    ahead = foresee(scope)
    assert (ahead.pictures, ahead.cancelled_batch, ahead.cancelled_jobs) == (4, held.pk, PICTURES - 4)
    take_back(scope)
    stocked.work()
    assert batching.tend() == 0
    held.refresh_from_db()
    assert held.state == BatchState.CANCELLED
    assert not Publication.objects.filter(undone_at=None).exists()


def test_everything_since_a_moment_leaves_what_was_before(stocked: Shop) -> None:
    some = Product.objects.order_by("pk").values_list("pk", flat=True)[:2]
    start(stocked, only={"products": list(some)}, key="early")
    stocked.work()
    early = list(Publication.objects.values_list("pk", flat=True))
    Publication.objects.update(
        created_at=timezone.now() - dt.timedelta(days=2), published_at=timezone.now() - dt.timedelta(days=2)
    )
    before = lists(stocked)
    start(stocked, only={"never_rendered": True}, key="late")
    stocked.work()
    late = Publication.objects.exclude(pk__in=early)
    assert early and late.count() + len(early) == PICTURES
    scope = since(stocked, timezone.now() - dt.timedelta(hours=1))
    assert foresee(scope).pictures == late.count()
    take_back(scope)
    stocked.work()
    assert lists(stocked) == before
    assert not late.filter(undone_at=None).exists()
    assert Publication.objects.filter(pk__in=early, undone_at=None).count() == len(early)


def test_everything_since_may_be_of_one_recipe_only(regenerated: Shop) -> None:
    version = automatic(regenerated.workspace.pk)
    grey = recipes.create(
        regenerated.workspace, name="Grey", body={**version.body, "shadow": {"kind": "none"}}, by="t"
    )
    between = lists(regenerated)
    flow.regenerate(regenerated.store, grey, name="Grey", key="grey", by="test")
    regenerated.work()
    an_hour_ago = timezone.now() - dt.timedelta(hours=1)
    assert foresee(since(regenerated, an_hour_ago)).pictures == 2 * PICTURES
    scope = since(regenerated, an_hour_ago, recipe=grey.recipe)
    assert foresee(scope).pictures == PICTURES
    take_back(scope)
    regenerated.work()
    assert lists(regenerated) == between, "the pictures of the other recipe stand there again"


def test_both_pictures_of_a_photo_come_back_to_the_original(stocked: Shop) -> None:
    before = lists(stocked)
    start(stocked)
    stocked.work()
    version = automatic(stocked.workspace.pk)
    grey = recipes.create(
        stocked.workspace, name="Grey", body={**version.body, "shadow": {"kind": "none"}}, by="t"
    )
    flow.regenerate(stocked.store, grey, name="Grey", key="grey", by="test")
    stocked.work()
    stocked.remote.calls.clear()
    take_back(since(stocked, timezone.now() - dt.timedelta(hours=1)))
    stocked.work()
    assert lists(stocked) == before
    assert stocked.remote.calls.count("set_images") == PRODUCTS


def test_an_older_batch_under_a_newer_one_is_told_in_the_preview(regenerated: Shop) -> None:
    version = automatic(regenerated.workspace.pk)
    grey = recipes.create(
        regenerated.workspace, name="Grey", body={**version.body, "shadow": {"kind": "none"}}, by="t"
    )
    flow.regenerate(regenerated.store, grey, name="Grey", key="grey", by="test")
    regenerated.work()
    shown = lists(regenerated)
    ahead = foresee(whole_batch(regenerated))
    assert (ahead.pictures, ahead.covered, ahead.changed) == (PICTURES, PICTURES, 0)
    take_back(whole_batch(regenerated))
    regenerated.work()
    assert lists(regenerated) == shown
    assert {u.outcome for u in Undo.objects.all()} == {wayback.COVERED}


def test_the_preview_counts_what_somebody_changed_and_what_can_no_longer_be(regenerated: Shop) -> None:
    first, second, third, fourth = list(regenerated.remote.products)[:4]
    a, b = regenerated.remote.products[first].images
    regenerated.remote.change_product(first, images=(b, a))
    extra = regenerated.remote.add_media(photo("#0aa"), "extra.jpg")
    regenerated.remote.change_product(second, images=(*regenerated.remote.products[second].images, extra))
    regenerated.remote.trash_product(third)
    regenerated.deliver()
    regenerated.work()
    flow.undo(Publication.objects.filter(product__external_id=fourth).first(), by="test")
    regenerated.work()
    ahead = foresee(whole_batch(regenerated))
    assert (ahead.pictures, ahead.products) == (PICTURES - 3, PRODUCTS - 1)
    assert (ahead.changed, ahead.gone, ahead.undone) == (2, 2, 1)
    reversal = take_back(whole_batch(regenerated))
    regenerated.work()
    reversal.refresh_from_db()
    assert (reversal.total, reversal.done, reversal.failed) == (PICTURES - 3, PICTURES - 3, 0)
    assert regenerated.image_ids(second)[2] == extra.id, "what somebody added stays"


def test_what_fails_is_listed_and_tried_again(regenerated: Shop) -> None:
    product = next(iter(regenerated.remote.products))
    regenerated.remote.trash_product(product)  # and its webhook is late
    reversal = take_back(whole_batch(regenerated))
    regenerated.work()
    reversal.refresh_from_db()
    assert (reversal.state, reversal.done, reversal.failed) == (ReversalState.DONE, PICTURES - 2, 2)
    failed = counting.failed_of(reversal)
    assert {p.undo.error for p in failed} == {undoing.IN_THE_TRASH}
    regenerated.remote.restore_product(product)
    assert reversing.retry(reversal, by="user:1") == 2
    takingback.go_on(reversal.pk)
    regenerated.work()
    reversal.refresh_from_db()
    assert (reversal.done, reversal.failed) == (PICTURES, 0)
    with pytest.raises(NotAllowed):
        reversing.retry(reversal, by="user:1")


def test_the_rest_can_be_stopped_and_go_on_later(regenerated: Shop) -> None:
    before_stop = lists(regenerated)
    reversal = take_back(whole_batch(regenerated))
    takingback.go_on(reversal.pk)
    assert reversing.stop(reversal, by="user:1") == PICTURES - 2 * reversing.AT_ONCE
    regenerated.work()
    told = counting.counts(reversal)
    assert (told.done, told.left, told.open) == (2 * reversing.AT_ONCE, PICTURES - 2 * reversing.AT_ONCE, 0)
    assert sum(lists(regenerated)[p] == before_stop[p] for p in before_stop) == PRODUCTS - reversing.AT_ONCE
    with pytest.raises(NotAllowed):
        reversing.stop(reversal, by="user:1")
    reversing.resume(reversal, by="user:1")
    takingback.go_on(reversal.pk)
    regenerated.work()
    reversal.refresh_from_db()
    assert (reversal.state, reversal.done) == (ReversalState.DONE, PICTURES)


def test_a_store_that_needs_attention_is_left_alone_until_it_is_connected_again(regenerated: Shop) -> None:
    reversal = take_back(whole_batch(regenerated))
    Store.objects.filter(pk=regenerated.store.pk).update(state=StoreState.BROKEN)
    assert reversing.go_on(reversal.pk) == []
    Store.objects.filter(pk=regenerated.store.pk).update(state=StoreState.CONNECTED)
    assert len(reversing.go_on(reversal.pk)) == reversing.AT_ONCE


def test_a_store_that_is_down_for_a_while_loses_nothing(regenerated: Shop) -> None:
    reversal = take_back(whole_batch(regenerated))
    for _ in range(5):
        regenerated.remote.fail(Unavailable("503"), "product")
    regenerated.work()
    assert Undo.objects.filter(work_state=WorkState.WAITING).exists()
    for _ in range(20):
        Undo.objects.update(not_before=timezone.now())
        regenerated.wire += [("flow.undo", (u.pk,)) for u in Undo.objects.filter(work_state="waiting")]
        regenerated.wire.append(("flow.take_back", (reversal.pk,)))
        regenerated.work()
    reversal.refresh_from_db()
    assert (reversal.state, reversal.done) == (ReversalState.DONE, PICTURES)


def test_a_list_that_the_store_refuses_is_written_picture_by_picture(regenerated: Shop) -> None:
    product = next(iter(regenerated.remote.products))
    regenerated.remote.fail(Rejected("not this one"), "set_images")
    one, two = Publication.objects.filter(product__external_id=product).order_by("pk")
    flow.undo(one, by="test")
    flow.undo(two, by="test")
    regenerated.work()
    assert {u.work_state for u in Undo.objects.all()} == {WorkState.DONE}


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({}, "Say which batch, or since when"),
        ({"since": timezone.now() + dt.timedelta(days=1)}, "has not come yet"),
    ],
)
def test_a_wish_that_makes_no_sense_is_said_so(regenerated: Shop, more: dict[str, Any], error: str) -> None:
    with pytest.raises(BadRequest, match=error):
        foresee(Scope(regenerated.store, **more))


def test_many_products_cost_the_preview_no_more_questions(regenerated: Shop) -> None:
    with CaptureQueriesContext(connection) as asked:
        foresee(whole_batch(regenerated))
    assert len(asked) <= 16
