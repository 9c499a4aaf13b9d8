"""Connecting a store through the wizard: its address, the ways to give access, keys, and what works then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.automation.models import Rule
from apps.catalog.models import Sync
from apps.flow import flow, sweeper
from apps.lib.work import WorkState
from apps.stores import approving
from apps.stores.models import Approval, Store
from connectors.sandbox.server import Sandbox
from tests import factories
from tests.dashboard.approving import ask, bring_keys, carry, closed, come_back, look, sealed_nowhere, verbs
from tests.dashboard.merchants import Merchant, log_in, person

Open = Callable[..., Sandbox]
Wire = list[tuple[str, Any]]
PASSWORD, KEYS, PASTE = "Approve in WordPress", "Approve in WooCommerce", "Paste keys by hand"


# -- 1. the address ---------------------------------------------------------------------------------------------


def test_a_shop_is_found_by_the_address_of_any_of_its_pages(open_shop: Open, owner: Client) -> None:
    shop = open_shop()
    html = look(owner, f"{shop.url.removeprefix('https://')}/wp-admin/edit.php?post_type=product")
    assert "Give access to Tea &amp; Co" in html and shop.url in html and "10.5.0" in html
    assert "Recommended" in html and closed(html) == set()


@pytest.mark.parametrize(
    "url", ["ftp://tea.example.com", "https://[bad", "https://user:hunter2@tea.example.com"]
)
def test_what_is_no_address_is_told_beside_the_address(url: str, owner: Client) -> None:
    answer = owner.get(reverse("dashboard:connect-ways"), {"url": url})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="id_url_error"' in html and 'aria-invalid="true"' in html


def test_what_is_in_the_way_is_told_and_nothing_is_offered_but_to_look_again(
    open_shop: Open, owner: Client
) -> None:
    html = look(owner, open_shop(woocommerce=False).url)
    assert "WooCommerce is not active" in html and "Look again" in html
    assert "How do you want to give access?" not in html and 'name="way"' not in html


def test_new_access_for_a_store_starts_from_its_address(
    merchant: Merchant, neighbour: Merchant, owner: Client
) -> None:
    page = reverse("dashboard:connect")
    assert merchant.store.url in owner.get(f"{page}?store={merchant.store.pk}").content.decode()
    assert neighbour.store.url not in owner.get(f"{page}?store={neighbour.store.pk}").content.decode()


# -- 2. the ways, and why some are closed -----------------------------------------------------------------------


def test_without_application_passwords_keys_remain(open_shop: Open, owner: Client) -> None:
    html = look(owner, open_shop(app_passwords=False).url)
    assert closed(html) == {PASSWORD}
    assert "Wordfence" in html


@pytest.mark.parametrize(("version", "shut"), [("10.5.0", {KEYS}), ("11.1.0", set())])
def test_plain_permalinks_take_no_keys_before_woocommerce_11_1(
    version: str, shut: set[str], open_shop: Open, owner: Client
) -> None:
    assert closed(look(owner, open_shop(permalinks="plain", wc_version=version).url)) == shut


def test_where_no_way_is_open_that_is_said(open_shop: Open, owner: Client) -> None:
    html = look(owner, open_shop(permalinks="plain", app_passwords=False).url)
    assert closed(html) == {PASSWORD, KEYS, PASTE}
    assert "None of the ways is open" in html and 'name="way"' not in html


def test_a_server_that_stores_can_not_call_is_told_what_is_slower_and_offers_no_keys(
    open_shop: Open, owner: Client, settings: Any
) -> None:
    shop = open_shop()
    settings.PUBLIC_URL, settings.POLL_STORES_S = "https://192.168.1.20", 420.0
    html = look(owner, shop.url)
    assert closed(html) == {KEYS}
    assert "not reachable from the internet" in html
    assert "every 7 minutes" in html and "every 24 hours" in html


def test_a_server_without_https_can_be_given_keys_by_hand_only(
    open_shop: Open, owner: Client, settings: Any
) -> None:
    shop = open_shop()
    settings.PUBLIC_URL = "http://photos.example.com"
    assert closed(look(owner, shop.url)) == {PASSWORD, KEYS}


def test_a_store_on_a_test_machine_gives_its_password_over_http_too(
    open_shop: Open, owner: Client, settings: Any
) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert closed(look(owner, open_shop(tls=None, environment="local").url)) == {KEYS}
    assert closed(look(owner, open_shop(tls=None).url)) == {PASSWORD, KEYS}


def test_an_operator_can_say_that_stores_reach_this_server_all_the_same(
    open_shop: Open, owner: Client, settings: Any
) -> None:
    shop = open_shop()
    settings.PUBLIC_URL, settings.STORES_REACH_US = "https://photos.lan", True
    assert closed(look(owner, shop.url)) == set()


def test_a_way_that_is_closed_can_not_be_asked_for_either(
    open_shop: Open, owner: Client, merchant: Merchant
) -> None:
    shop = open_shop(app_passwords=False)
    page = reverse("dashboard:connect-ask")
    answer = owner.post(page, {"url": shop.url, "way": "password"}, follow=True)
    assert "switched off in this store" in answer.content.decode()
    for way in ("paste", "somehow", ""):
        assert owner.post(page, {"url": shop.url, "way": way}).status_code == 302
    assert not Approval.objects.exclude(pk=merchant.approval.pk).exists()


def test_who_uses_another_address_than_the_store_returns_to_is_told_before(
    open_shop: Open, owner: Client
) -> None:
    shop = open_shop()
    page = reverse("dashboard:connect-ways")
    told = "Log in there and go on from there"
    assert told in owner.get(page, {"url": shop.url}).content.decode()
    there = owner.get(page, {"url": shop.url}, headers={"Host": "photos.example.com"})
    assert told not in there.content.decode()


# -- keys that WooCommerce brings -------------------------------------------------------------------------------


def test_keys_are_approved_brought_tried_and_the_store_is_connected(
    open_shop: Open, owner: Client, merchant: Merchant, wire: Wire
) -> None:
    shop = open_shop()
    page, wish = ask(owner, shop, "keys")
    assert page == f"{shop.url}/wc-auth/v1/authorize" and wish["scope"] == "read_write"
    approval = Approval.objects.latest("pk")
    assert wish["user_id"] not in str(Approval.objects.filter(pk=approval.pk).values())

    assert bring_keys(shop, wish).status_code == 200
    back = come_back(owner, f"{wish['return_url']}?success=1&user_id={wish['user_id']}")
    assert (back.status_code, back["Location"]) == (303, reverse("dashboard:approval", args=[approval.pk]))
    assert "Trying it" in owner.get(back["Location"]).content.decode()

    carry(wire)
    store = Store.objects.get(url=shop.url)
    answer = owner.get(back["Location"], follow=True)
    html = answer.content.decode()
    assert answer.redirect_chain[-1][0] == reverse("dashboard:store-connected", args=[store.pk])
    assert "opens with an application password, not with keys" in html
    assert "By address: the store loads each picture from https://photos.example.com" in html
    assert Sync.objects.filter(store=store, work_state=WorkState.WAITING).exists()
    assert Rule.objects.filter(store=store).exists()
    told = [verb for verb in verbs(merchant) if verb.startswith(("approval.", "store."))]
    assert told[-2:] == ["approval.asked", "store.connected"]
    approval.refresh_from_db()
    assert (approval.state, approval.credentials, approval.store) == ("connected", None, store)


def test_keys_are_sealed_until_they_were_tried_and_the_token_is_written_nowhere(
    open_shop: Open, owner: Client, wire: Wire
) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "keys")
    bring_keys(shop, wish, consumer_key="ck_planted", consumer_secret="cs_planted")
    sealed_nowhere("ck_planted", "cs_planted", wish["user_id"])
    assert Approval.objects.latest("pk").credentials["key"] == "ck_planted"


def test_keys_that_do_not_open_the_store_that_was_asked_are_thrown_away(
    open_shop: Open, owner: Client, merchant: Merchant, wire: Wire
) -> None:
    mine, other = open_shop(), open_shop(name="Somebody else's")
    _, wish = ask(owner, mine, "keys")
    assert bring_keys(other, wish).status_code == 200
    carry(wire)
    approval = Approval.objects.latest("pk")
    html = owner.get(reverse("dashboard:approval", args=[approval.pk])).content.decode()
    assert "so it was thrown away" in html and "Choose another way" in html
    assert approval.credentials is None and not Store.objects.filter(url=mine.url).exists()
    assert other.faults.requests("/wc/v3/") == []
    assert verbs(merchant)[-2:] == ["approval.asked", "approval.failed"]


def test_a_store_that_is_slow_at_first_is_tried_again_before_its_keys_are_given_up(
    open_shop: Open, owner: Client, wire: Wire
) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "keys")
    bring_keys(shop, wish)
    shop.faults.add("wc/v3/products", "html", times=9, page="maintenance")
    carry(wire)
    approval = Approval.objects.latest("pk")
    page = owner.get(reverse("dashboard:approval", args=[approval.pk])).content.decode()
    assert approval.state == "given" and "We try again in a moment" in page
    shop.faults.clear()
    Approval.objects.update(not_before=timezone.now())
    flow.approved(approval.pk)
    assert Store.objects.filter(url=shop.url).exists()


def test_saying_no_is_fine_and_ends_it(
    open_shop: Open, owner: Client, merchant: Merchant, wire: Wire
) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "keys")
    back = come_back(owner, f"{wish['return_url']}?success=0&user_id={wish['user_id']}")
    html = owner.get(back["Location"]).content.decode()
    assert (
        "You said no" in html and "Ask the store again" in html and "hx-trigger" not in html.split("main")[1]
    )
    assert bring_keys(shop, wish).status_code == 410
    assert verbs(merchant)[-2:] == ["approval.asked", "approval.refused"]


def test_who_is_back_before_the_keys_are_waits_for_them(open_shop: Open, owner: Client, wire: Wire) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "keys")
    come_back(owner, f"{wish['return_url']}?success=1&user_id={wish['user_id']}")
    approval = Approval.objects.latest("pk")
    page, live = (reverse(f"dashboard:{n}", args=[approval.pk]) for n in ("approval", "approval-live"))
    first = owner.get(page).content.decode()
    assert "Waiting for the store" in first and '<meta http-equiv="refresh"' in first
    assert owner.get(f"{live}?shown=asked-0").status_code == 204
    bring_keys(shop, wish)
    assert "Trying it" in owner.get(f"{live}?shown=asked-0").content.decode()
    carry(wire)
    assert owner.get(live)["HX-Redirect"].endswith("/connected/")


def test_a_question_that_nobody_answers_ends_by_itself(open_shop: Open, owner: Client, wire: Wire) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "keys")
    approval = Approval.objects.latest("pk")
    sweeper.sweep()
    assert "flow.approve" not in {task for task, _ in wire}, "it is waited for"
    past = timezone.now() - dt.timedelta(seconds=1)
    Approval.objects.update(expires_at=past, not_before=past, hint_after=past)
    assert bring_keys(shop, wish).status_code == 410
    sweeper.sweep()
    carry(wire)
    live = owner.get(reverse("dashboard:approval-live", args=[approval.pk]))
    assert live.status_code == 286 and "That took too long" in live.content.decode()


def test_nobody_else_sees_what_the_store_brings_back(
    open_shop: Open, owner: Client, merchant: Merchant, neighbour: Merchant, wire: Wire
) -> None:
    shop = open_shop()
    _, wish = ask(owner, shop, "keys")
    approval = Approval.objects.latest("pk")
    back = f"{wish['return_url']}?success=0&user_id={wish['user_id']}"
    for stranger in (log_in(merchant.workspace, "owner"), log_in(neighbour.workspace, "owner")):
        assert come_back(stranger, back).status_code == 404
        assert stranger.get(reverse("dashboard:approval", args=[approval.pk])).status_code == 404
        assert stranger.get(reverse("dashboard:approval-live", args=[approval.pk])).status_code == 404
    approval.refresh_from_db()
    assert approval.state == "asked"


def test_approvals_that_ended_long_ago_are_forgotten(merchant: Merchant, owner: Client) -> None:
    old = timezone.now() - dt.timedelta(days=91)
    done = factories.ApprovalFactory(asked_by=f"user:{person(owner).pk}", work_state="done", state="refused")
    Approval.objects.update(created_at=old)
    assert approving.forget() == 1
    assert not Approval.objects.filter(pk=done.pk).exists()
    assert Approval.objects.filter(pk=merchant.approval.pk).exists()


# -- Shopify, by the same form ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    ["teahouse.myshopify.com", "https://TeaHouse.myshopify.com/admin", "admin.shopify.com/store/teahouse/x"],
)
def test_a_shopify_shop_is_recognised_by_its_address_and_leads_to_shopify(
    typed: str, owner: Client, merchant: Merchant, settings: Any
) -> None:
    settings.SHOPIFY_API_KEY, settings.SHOPIFY_API_SECRET = "key", "secret"
    settings.PUBLIC_URL = "https://photos.example.com"
    page = owner.get(reverse("dashboard:connect-ways"), {"url": typed}).content.decode()
    assert "Give access to teahouse" in page and "Install in Shopify" in page
    assert merchant.workspace.name in page, "which workspace it will belong to"
    answer = owner.post(reverse("shopify-install"), {"shop": "teahouse.myshopify.com"})
    assert answer.status_code == 303
    assert answer["Location"].startswith("https://teahouse.myshopify.com/admin/oauth/authorize?")


def test_without_an_app_of_its_own_a_server_says_what_is_missing(
    owner: Client, merchant: Merchant, settings: Any
) -> None:
    settings.SHOPIFY_API_KEY = settings.SHOPIFY_API_SECRET = ""
    page = owner.get(reverse("dashboard:connect-ways"), {"url": "teahouse.myshopify.com"}).content.decode()
    assert "SHOPIFY_API_KEY" in page and 'action="/shopify/install/"' not in page
