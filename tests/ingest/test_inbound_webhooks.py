"""The door for webhooks: what is let in, what is sent away, with which HTTP status, and that nothing else changes."""

from __future__ import annotations

import json

import pytest
import redis
from django.db import connection
from django.test import Client

from apps.ingest.models import Delivery
from apps.lib import wire
from apps.stores import services as stores
from apps.stores.models import Store
from tests.shopkeeping import Shop


@pytest.fixture
def post(shop: Shop, client: Client):
    """POST to the shop's webhook address, or to another token's."""

    def _post(body: bytes, headers: dict[str, str] | None = None, token: str | None = None):
        return client.post(
            f"/hooks/{token or shop.store.hook_token}/",
            body,
            content_type="application/json",
            headers=headers or {},
        )

    return _post


def signed(shop: Shop) -> tuple[bytes, dict[str, str]]:
    shop.sell()
    [delivery] = shop.remote.deliver()
    return delivery.body, dict(delivery.headers)


def test_a_signed_delivery_is_kept_raw_before_it_is_understood(shop: Shop, post) -> None:
    body, headers = signed(shop)
    assert post(body, headers).status_code == 200
    delivery = Delivery.objects.get()
    assert bytes(delivery.body) == body
    assert delivery.work_state == "waiting"
    assert shop.wire == [], "the dispatcher is woken, and tells the control workers"
    shop.look_into_the_inbox()
    assert shop.wire == [("flow.receive", (delivery.pk,))]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body, headers: (body + b" ", headers),
        lambda body, headers: (body, {**headers, "X-Fake-Signature": "0" * 64}),
        lambda body, headers: (body, {k: v for k, v in headers.items() if "Signature" not in k}),
        lambda body, headers: (body, {**headers, "X-Fake-Signature": "pâté"}),
    ],
    ids=["changed body", "wrong signature", "no signature", "not even ASCII"],
)
def test_a_wrong_signature_is_sent_away_and_counted(shop: Shop, post, spoil) -> None:
    body, headers = spoil(*signed(shop))
    answer = post(body, headers)
    assert answer.status_code == 401
    assert answer.json()["error"]
    assert not Delivery.objects.exists()
    store = Store.objects.get(pk=shop.store.pk)
    assert (store.refused_deliveries, store.last_refusal) == (1, "wrong signature")


def test_an_address_that_belongs_to_no_store_is_not_found(shop: Shop, post) -> None:
    body, headers = signed(shop)
    assert post(body, headers, token="guessed").status_code == 404


def test_a_disconnected_store_has_no_address_any_more(shop: Shop, post) -> None:
    body, headers = signed(shop)
    stores.disconnect(shop.store, by="test")
    assert post(body, headers).status_code == 404
    assert shop.remote.hooks == {}, "its webhooks were taken away"


def test_what_is_remembered_of_a_store_counts_only_while_it_is_true(shop: Shop, post) -> None:
    from connectors.fake import _signature

    def said(body: bytes, secret: str) -> int:
        headers = {"X-Fake-Topic": "created", "X-Fake-Signature": _signature(body, secret)}
        return post(body, headers).status_code

    old, new = shop.store.hook_secret, "a secret that was made later"
    first, second = b'{"id": "1"}', b'{"id": "2"}'
    assert said(first, old) == 200
    Store.objects.get(pk=shop.store.pk).save()  # the same secret, sealed anew
    assert said(second, old) == 200
    shop.store.hook_secret = new
    shop.store.save()
    assert said(b'{"id": "3"}', new) == 200
    assert said(b'{"id": "4"}', old) == 401
    assert said(first, new) == 200, "a repeat"
    assert Delivery.objects.count() == 3
    stores.disconnect(shop.store, by="test")
    assert [said(body, new) for body in (first, b'{"id": "5"}')] == [404, 404]
    assert Delivery.objects.count() == 3


def test_a_database_that_was_started_again_meanwhile_costs_no_delivery(
    committed_shop: Shop, client: Client
) -> None:
    body, headers = signed(committed_shop)
    address = f"/hooks/{committed_shop.store.hook_token}/"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [(mine,)] = cursor.fetchall()
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [mine])
    finally:
        other.close()
    answer = client.post(address, body, content_type="application/json", headers=headers)
    assert answer.status_code == 200
    assert Delivery.objects.count() == 1


def test_ten_megabytes_are_too_much(shop: Shop, post) -> None:
    answer = post(b'{"id": "1", "x": "' + b"a" * 10_000_000 + b'"}')
    assert answer.status_code == 413
    assert "at most" in answer.json()["error"]
    assert not Delivery.objects.exists()


def test_a_ping_is_answered_and_changes_nothing(shop: Shop, post) -> None:
    hook = next(iter(shop.remote.hooks))
    ping = shop.remote.ping(hook)
    assert post(ping.body).status_code == 200
    assert not Delivery.objects.exists()
    assert shop.wire == []


def test_signed_nonsense_is_refused_with_a_reason_on_the_stores_page(shop: Shop, post) -> None:
    from connectors.fake import _signature

    body = b"[1, 2"
    headers = {"X-Fake-Topic": "created", "X-Fake-Signature": _signature(body, shop.store.hook_secret)}
    assert post(body, headers).status_code == 400
    assert "not understood" in Store.objects.get(pk=shop.store.pk).last_refusal


def test_only_post_is_understood(shop: Shop, client: Client) -> None:
    assert client.get(f"/hooks/{shop.store.hook_token}/").status_code == 405


def test_without_a_broker_the_delivery_is_kept_and_answered_all_the_same(
    shop: Shop, post, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def gone() -> redis.Redis:
        asked.append(1)
        return redis.Redis(port=1, socket_connect_timeout=2)

    body, headers = signed(shop)
    monkeypatch.setattr(wire, "waker", gone)
    assert post(body, headers).status_code == 200
    assert post(body + b" ", headers).status_code == 401
    assert [d.work_state for d in Delivery.objects.all()] == ["waiting"]
    assert asked == [1]


def test_a_repeat_in_another_order_of_keys_is_another_body_but_no_second_job(shop: Shop, post) -> None:
    from connectors.fake import _signature

    body, headers = signed(shop)
    turned = json.dumps(dict(reversed(json.loads(body).items()))).encode()
    assert turned != body
    post(body, headers)
    post(turned, {**headers, "X-Fake-Signature": _signature(turned, shop.store.hook_secret)})
    shop.work()
    assert Delivery.objects.count() == 2
    assert len(shop.jobs()) == 1
