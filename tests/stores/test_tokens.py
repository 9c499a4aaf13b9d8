"""Tokens end after an hour: the one that is good now is always at hand, whoever asks, and a refusal stops nobody else."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
import time_machine
from django.db import connection, connections
from django.utils import timezone

from apps.audit.models import Event
from apps.stores import tokens
from apps.stores.models import Store
from apps.stores.tokens import StoreAccess
from connectors.errors import NeedsReauth, OutcomeUnknown, Paused, Rejected, Unavailable
from connectors.types import Credentials
from tests import shopify_app
from tests.hands import at_once
from tests.shopify_app import SHOP, Shopify
from tests.shopkeeping import Shop

HOUR = dt.timedelta(hours=1)


def held(store: Store) -> Credentials:
    return Credentials(**Store.objects.get(pk=store.pk).credentials)


def let_it_end(store: Store, *, in_: dt.timedelta = dt.timedelta()) -> None:
    row = Store.objects.get(pk=store.pk)
    row.credentials["expires_at"] = (timezone.now() + in_).isoformat()
    row.save()


def test_a_token_that_is_good_is_given_out_without_asking(shopify: Shopify, teahouse: Shop) -> None:
    access = StoreAccess(teahouse.store.pk)
    assert {access() for _ in range(5)} == {shopify.shop().live}
    assert shopify.shop().asked == ["session"]


def test_one_that_ends_soon_is_renewed_while_it_still_works(shopify: Shopify, teahouse: Shop) -> None:
    before = held(teahouse.store)
    let_it_end(teahouse.store, in_=dt.timedelta(minutes=4))
    token = StoreAccess(teahouse.store.pk)()
    now = held(teahouse.store)
    assert token == now.token == shopify.shop().live != before.token
    assert now.refresh_token != before.refresh_token, "both were kept together"
    assert now.scope == before.scope


def test_a_connector_that_lives_for_hours_always_has_one_that_works(shopify: Shopify, teahouse: Shop) -> None:
    access = StoreAccess(teahouse.store.pk)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(30):
            assert access() == shopify.shop().live
            ends = dt.datetime.fromisoformat(held(teahouse.store).expires_at)
            assert ends > timezone.now() + dt.timedelta(minutes=4)
            clock.shift(dt.timedelta(minutes=7))
    assert shopify.shop().asked.count("refresh") == 3


def test_secrets_stand_encrypted_in_the_database(teahouse: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM stores_store WHERE id = %s", [teahouse.store.pk])
        [(sealed,)] = cursor.fetchall()
    assert held(teahouse.store).token not in sealed and held(teahouse.store).refresh_token not in sealed


def test_a_store_that_refuses_a_token_gets_another_one_once(shopify: Shopify, teahouse: Shop) -> None:
    one, other = StoreAccess(teahouse.store.pk), StoreAccess(teahouse.store.pk)
    refused = one()
    assert other() == refused
    assert one(renew=True) == shopify.shop().live != refused
    assert other(renew=True) == shopify.shop().live, "it was renewed already"
    assert shopify.shop().asked.count("refresh") == 1


def test_a_token_without_end_is_exchanged_for_one_that_ends(shopify: Shopify, teahouse: Shop) -> None:
    row = Store.objects.get(pk=teahouse.store.pk)
    row.credentials = {"token": "shpat_old", "scope": shopify_app.SCOPE}
    row.save()
    assert StoreAccess(row.pk)() == shopify.shop().live
    assert shopify.shop().asked[-1] == "migrate"
    assert held(row).refresh_token


@pytest.mark.parametrize(
    ("failing", "raised"),
    [
        (Unavailable("away", status=503), Unavailable),
        (OutcomeUnknown("no answer"), Unavailable),
        (Rejected("Shopify does not know this app", code="invalid_client"), Paused),
    ],
)
def test_when_no_new_one_is_to_be_had_the_old_one_serves_until_it_ends(
    shopify: Shopify, teahouse: Shop, failing: Any, raised: type[Exception]
) -> None:
    old = held(teahouse.store)
    let_it_end(teahouse.store, in_=dt.timedelta(minutes=2))
    shopify.failing = failing
    assert StoreAccess(teahouse.store.pk)() == old.token
    let_it_end(teahouse.store)
    with pytest.raises(raised):
        StoreAccess(teahouse.store.pk)()
    assert Store.objects.get(pk=teahouse.store.pk).state == "connected"
    assert held(teahouse.store).refresh_token == old.refresh_token, "it can be used again"
    shopify.failing = None
    assert StoreAccess(teahouse.store.pk)() == shopify.shop().live


def test_a_refusal_marks_the_store_and_nobody_asks_again(shopify: Shopify, teahouse: Shop) -> None:
    shopify.revoke()
    let_it_end(teahouse.store)
    for _ in range(3):
        with pytest.raises(NeedsReauth):
            StoreAccess(teahouse.store.pk)()
    store = Store.objects.get(pk=teahouse.store.pk)
    assert (store.state, "Open Vitrine from the store" in store.problem) == ("broken", True)
    assert Event.objects.filter(verb="store.access_lost").count() == 1


def test_after_ninety_days_of_silence_it_is_plain_that_access_is_gone(
    shopify: Shopify, teahouse: Shop
) -> None:
    with time_machine.travel(timezone.now() + dt.timedelta(days=91)), pytest.raises(NeedsReauth):
        StoreAccess(teahouse.store.pk)()
    assert shopify.shop().asked == ["session"]


def eight_at_once(store: Store, *, renew: bool) -> tuple[list[str], list[BaseException]]:
    got: list[str] = []
    token = held(store).token

    def ask() -> None:
        access = StoreAccess(store.pk, given=token if renew else "")
        got.append(access(renew=renew))

    return got, at_once(8, ask)


@pytest.fixture
def committed_house(
    transactional_db: None, storage_root: Any, redis_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[Shopify, Store]:
    house = shopify_app.open_house(settings, monkeypatch)
    monkeypatch.setattr("apps.flow.hints.hint", lambda *_: None)
    store = shopify_app.sign_in().store
    house.takes_s = 0.05
    return house, store


@pytest.mark.parametrize("renew", [False, True], ids=["it ended", "it was refused"])
def test_eight_processes_at_once_renew_it_once_and_nobody_fails(
    committed_house: tuple[Shopify, Store], renew: bool
) -> None:
    house, store = committed_house
    if not renew:
        let_it_end(store)
    got, wrong = eight_at_once(store, renew=renew)
    assert wrong == []
    assert got == [house.shop(SHOP).live] * 8
    assert house.shop(SHOP).asked == ["session", "refresh"]


def test_a_webhook_does_not_wait_for_whoever_renews(committed_house: tuple[Shopify, Store]) -> None:
    from django.test import Client

    house, store = committed_house
    let_it_end(store)
    house.takes_s = 1.5
    renewing = threading.Thread(target=lambda: (StoreAccess(store.pk)(), connections.close_all()))
    renewing.start()
    while not connection_waits(store):
        pass
    body, headers = shopify_app.delivery("products/update", {"id": 1, "updated_at": "2026-11-20T10:00:00Z"})
    answer = Client().post("/hooks/shopify/", body, content_type="application/json", headers=headers)
    assert answer.status_code == 200 and renewing.is_alive()
    renewing.join()
    assert tokens.current(store.pk).token == house.shop(SHOP).live


def connection_waits(store: Store) -> bool:
    """Whether somebody holds the store's row."""
    from django.db import transaction

    with transaction.atomic():
        rows = Store.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=store.pk)
        return not rows.exists()
