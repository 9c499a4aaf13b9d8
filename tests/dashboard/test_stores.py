"""Reading, regenerating and disconnecting a store through the pages."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.catalog.models import Sync
from apps.dashboard.templatetags.vitrine import how_often
from apps.ingest.models import Delivery
from apps.lib.work import WorkState
from apps.stores.models import Store
from apps.stores.throttle import StoreThrottle
from connectors.errors import RateLimited
from connectors.fake import FULL_ACCESS, FakeStore
from tests import factories
from tests.dashboard.merchants import Merchant


def test_the_catalogue_is_read_once_however_often_it_is_asked_for(merchant: Merchant, owner: Client) -> None:
    for _ in range(2):
        owner.post(reverse("dashboard:sync", args=[merchant.store.pk]))
    assert Sync.objects.filter(store=merchant.store).count() == 1


def test_the_page_tells_how_far_the_reading_is_until_it_ends(merchant: Merchant, viewer: Client) -> None:
    sync = Sync.objects.create(store=merchant.store, requested_by="system", products=40, total=200)
    address = reverse("dashboard:sync-state", args=[merchant.store.pk])
    going = viewer.get(address)
    assert going.status_code == 200 and "40 of 200 products" in going.content.decode()
    Sync.objects.filter(pk=sync.pk).update(work_state=WorkState.DONE)
    ended = viewer.get(address)
    assert ended.status_code == 286 and "hx-trigger" not in ended.content.decode()


def test_disconnecting_asks_first_and_then_forgets_the_keys(merchant: Merchant, owner: Client) -> None:
    address = reverse("dashboard:disconnect", args=[merchant.store.pk])
    assert "Undo needs keys" in owner.get(address).content.decode()
    merchant.store.refresh_from_db()
    assert merchant.store.state == "connected"
    FakeStore(merchant.store.url, FULL_ACCESS)
    owner.post(address)
    merchant.store.refresh_from_db()
    assert merchant.store.state == "disconnected"
    assert not any(merchant.store.credentials.values())
    refused = owner.post(reverse("dashboard:sync", args=[merchant.store.pk]), follow=True)
    assert "Connect it again first" in refused.content.decode()


def test_the_stores_page_shows_what_came_of_each_webhook(merchant: Merchant, viewer: Client) -> None:
    Delivery.objects.create(
        store=merchant.store, topic="product.updated", kind="product_changed", external_id="77", body=b"secret body",
        body_sha256="0", work_state=WorkState.DONE, outcome="1 new photo",
    )  # fmt: skip
    Store.objects.filter(pk=merchant.store.pk).update(
        state="broken", problem="The keys were revoked.", refused_deliveries=3, last_refusal="wrong signature"
    )
    html = viewer.get(reverse("dashboard:store", args=[merchant.store.pk])).content.decode()
    for words in (
        "product.updated",
        "77",
        "1 new photo",
        "The keys were revoked.",
        "3, last: wrong signature",
    ):
        assert words in html
    assert "secret body" not in html


def test_the_page_tells_how_often_a_store_is_asked_that_wants_to_be_asked_less(
    merchant: Merchant, viewer: Client, redis_url: str
) -> None:
    page = reverse("dashboard:store", args=[merchant.store.pk])
    assert 'id="pace"' not in viewer.get(page).content.decode()
    busy = RateLimited(retry_after_s=240)
    busy.wait_s = 240
    StoreThrottle(merchant.store.pk).heard(busy)
    said = viewer.get(page).content.decode()
    assert (
        "The store asked us to slow down; we leave it alone for another 4 minutes, then we ask it 10" in said
    )
    patient = factories.StoreFactory(workspace=merchant.workspace)
    busy.wait_s = 0
    StoreThrottle(patient.pk).heard(busy)
    said = viewer.get(reverse("dashboard:store", args=[patient.pk])).content.decode()
    assert "we ask it 10 times per second now. That goes up again by itself." in said


@pytest.mark.parametrize(
    ("per_s", "said"),
    [(10.0, "10 times per second"), (1.2, "once per second"), (0.5, "once every 2 seconds")],
)
def test_how_often_a_store_is_asked_reads_like_words(per_s: float, said: str) -> None:
    assert how_often(per_s) == said
