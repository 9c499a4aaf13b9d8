"""A shop takes our access back in the middle of a batch: work waits, the merchant is told, and it goes on when they give it
anew."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from apps.catalog.models import Photo
from apps.flow import flow, noticing
from apps.jobs.models import Job, JobState, Preparation
from apps.notices.models import Kind, Notice
from apps.recipes.models import RecipeVersion
from apps.stores import services as stores
from apps.stores.models import Store
from connectors.errors import NeedsReauth
from tests import shopify_app
from tests.shopify_app import Shopify
from tests.shopkeeping import Shop, photo

YEAR = dt.timedelta(days=365)
COLOURS = ("#2b4a7f", "#7f2b4a", "#4a7f2b", "#7f6b2b", "#2b7f7b", "#555555")


def batch(shop: Shop) -> list[Job]:
    version = RecipeVersion.objects.get(recipe__workspace=shop.workspace)
    made, _ = flow.regenerate(shop.store, version, name="All", key="all", by="test")
    return list(Job.objects.filter(batch=made).order_by("pk"))


def states(shop: Shop) -> list[str]:
    return list(Job.objects.order_by("pk").values_list("state", flat=True))


def with_photos(teahouse: Shop) -> None:
    """Of before Vitrine came, so that nothing happens to them by itself."""
    for n, colour in enumerate(COLOURS):
        teahouse.remote.add_product(f"Pot {n}", [photo(colour)], created_at=timezone.now() - YEAR)
    teahouse.carry()
    assert Photo.objects.count() == len(COLOURS)


def test_a_batch_waits_for_access_and_goes_on_by_itself(shopify: Shopify, teahouse: Shop) -> None:
    with_photos(teahouse)
    batch(teahouse)
    for pk in Preparation.objects.order_by("pk").values_list("pk", flat=True)[:2]:
        flow.prepared(pk)
    teahouse.owner.email = "anna@teahouse.example"
    teahouse.owner.save()

    shopify.revoke()
    teahouse.work()
    done = states(teahouse)
    assert done.count(JobState.DONE) == 2, "what was fetched before is rendered"
    assert not {JobState.FAILED, JobState.CANCELLED, JobState.QUARANTINED} & set(done)
    waiting = Preparation.objects.filter(work_state="waiting")
    assert {(p.tries, "Open Vitrine from the store" in p.error) for p in waiting} == {(0, True)}
    assert waiting.count() == 4
    assert shopify.shop().asked.count("refused") == 1, "nobody asks in vain again and again"

    store = Store.objects.get()
    assert store.state == "broken"
    noticing.look()
    notice = Notice.objects.get(kind=Kind.STORE_KEYS)
    assert "needs to be connected again" in notice.title and notice.mails.exists()
    assert Preparation.hints() == [], "it does not run in circles"

    shopify_app.sign_in()
    assert Store.objects.get().state == "connected"
    teahouse.work()
    assert states(teahouse) == [JobState.DONE] * 6
    noticing.look()
    assert Notice.objects.get(kind=Kind.STORE_KEYS).ended_at is not None


def test_webhooks_and_readings_wait_too(shopify: Shopify, teahouse: Shop) -> None:
    from apps.catalog.models import Product, Sync
    from tests.api.test_shopify_webhooks import post
    from tests.shopify_app import delivery

    teahouse.carry()
    shopify.revoke()
    product = teahouse.sell("Pot")
    post(*delivery("products/create", {"id": int(product)}))
    Sync.objects.create(store=teahouse.store, requested_by="test")
    teahouse.wire.append(("flow.sync", (Sync.objects.latest("pk").pk,)))
    teahouse.carry()
    assert Sync.objects.latest("pk").work_state == "waiting"
    shopify_app.sign_in()
    teahouse.carry()
    assert Product.objects.get().title == "Pot"
    assert Sync.objects.latest("pk").work_state == "done"


def test_work_that_stumbled_while_access_was_given_is_not_left_waiting(
    shopify: Shopify, teahouse: Shop
) -> None:
    with_photos(teahouse)
    batch(teahouse)
    work = Preparation.claim(Preparation.objects.earliest("pk").pk)
    assert work is not None
    before = Store.objects.get()
    shopify.revoke()
    Store.objects.update(state="broken")
    shopify_app.sign_in()
    # Only now it hears of the refusal of before.
    stores.note_error(before, NeedsReauth())
    assert stores.put_off(work, NeedsReauth(), store=before.pk, most_tries=1)
    assert Store.objects.get().state == "connected"
    row = Preparation.objects.get(pk=work.pk)
    assert (row.work_state, row.tries) == ("waiting", 0) and row.not_before <= timezone.now()
