"""A storm of webhooks: repeats, at the same time and out of order, leave each delivery once, with its number of repeats."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from apps.ingest import services as ingest
from apps.ingest.models import Delivery
from apps.lib.ids import sha256_hex
from apps.stores.models import Store
from connectors.woocommerce.webhooks import sign
from tests import factories

SECRET = "a shared secret"
FRESH, REPEATS, THREADS = 60, 40, 8


@pytest.mark.django_db(transaction=True)
def test_a_storm_leaves_exactly_the_right_rows(redis_url: str) -> None:
    store = factories.StoreFactory(platform="woocommerce", hook_secret=SECRET)
    bodies = [b'{"id": %d, "name": "Mug"}' % (number + 1) for number in range(FRESH)]
    draw = random.Random(7)
    sent = bodies + draw.choices(bodies, k=REPEATS)
    draw.shuffle(sent)

    def arrive(body: bytes) -> bool:
        try:
            return received(store, body).repeat
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as threads:
        repeats = list(threads.map(arrive, sent))

    assert repeats.count(True) == REPEATS
    times = Counter(sha256_hex(body) for body in sent)
    assert dict(Delivery.objects.values_list("body_sha256", "repeats")) == {
        sha: count - 1 for sha, count in times.items()
    }
    assert Delivery.objects.count() == FRESH
    store.refresh_from_db()
    assert store.last_delivery_at is not None


def test_a_repeat_asks_less_of_the_disk_and_the_broker(db: None, django_assert_num_queries: Any) -> None:
    store = factories.StoreFactory(platform="woocommerce", hook_secret=SECRET)
    received(store, b'{"id": 1}')
    with django_assert_num_queries(1):  # who calls is remembered
        received(store, b'{"id": 2}')
    with django_assert_num_queries(2) as asked:
        assert received(store, b'{"id": 2}').repeat
    assert "synchronous_commit" in asked[-1]["sql"]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO DEFAULT")


def received(store: Store, body: bytes) -> ingest.Received:
    headers = {
        "X-WC-Webhook-Topic": "product.updated",
        "X-WC-Webhook-ID": "7",
        "X-WC-Webhook-Signature": sign(body, SECRET),
    }
    return ingest.receive(store.hook_token, headers=headers, body=body)
