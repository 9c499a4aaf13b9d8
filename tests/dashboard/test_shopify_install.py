"""A shop gives access on its own page, outside the administration: once, in one browser, signed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import Member, User
from apps.stores.models import Install, Store
from tests.dashboard.from_shopify import (
    came_back,
    connected_from_inside,
    everything,
    opened,
    sent_there,
)
from tests.shopify_app import (
    HERE,
    KEY,
    OLD,
    OTHER,
    SHOP,
    Shopify,
    session_token,
    signed_query,
)

# -- the way over the shop's page --------------------------------------------------------------------------------


def test_a_merchant_approves_on_the_shops_page_and_is_led_into_the_administration(shopify: Shopify) -> None:
    client = Client()
    page = sent_there(client)
    where = urlsplit(page)
    asks = {k: v[0] for k, v in parse_qs(where.query).items()}
    assert (where.netloc, where.path) == (SHOP, "/admin/oauth/authorize")
    assert (asks["client_id"], asks["scope"], asks["redirect_uri"]) == (
        KEY, "write_products,write_files", f"{HERE}/shopify/callback/",
    )  # fmt: skip
    cookie = client.cookies["vitrine_install"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/shopify/"
    answer = client.get("/shopify/callback/", came_back(page))
    assert answer["Location"] == f"https://admin.shopify.com/store/teahouse/apps/{KEY}"
    store = Store.objects.get()
    assert (store.shop, store.credentials["token"]) == (SHOP, shopify.shop().live)
    assert not User.objects.exists(), "who it is, the administration says"
    assert opened(session_token()).status_code == 200
    assert Member.objects.get().role == "owner" and shopify.shop().asked == ["code"]


def test_the_cookie_travels_by_https_only_where_we_have_it(shopify: Shopify, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    client = Client()
    sent_there(client)
    assert client.cookies["vitrine_install"]["secure"]


def test_neither_state_nor_cookie_is_made_with_the_secret_of_the_app(shopify: Shopify) -> None:
    client = Client()
    state = parse_qs(urlsplit(sent_there(client)).query)["state"][0]
    row = Install.objects.get()
    assert state not in {row.state_sha256, row.browser_sha256}
    assert client.cookies["vitrine_install"].value != state


def test_an_owner_connects_a_shop_to_the_workspace_they_are_in(shopify: Shopify) -> None:
    user, workspace = accounts.create_owner(
        username="olga", password="a long pass phrase", workspace_name="Olga"
    )
    client = Client()
    client.force_login(user)
    page = client.get("/shopify/install/", {"shop": SHOP})
    assert page.status_code == 200 and "Olga" in page.content.decode(), "they are asked first"
    connected_from_inside(user)
    store = Store.objects.get()
    assert (store.workspace, store.open_to_shop) == (workspace, False)


def test_only_an_owner_does(shopify: Shopify) -> None:
    user, _ = accounts.create_owner(username="olga", password="a long pass phrase", workspace_name="Olga")
    Member.objects.update(role="reviewer")
    client = Client()
    client.force_login(user)
    assert client.post("/shopify/install/", {"shop": SHOP}).status_code == 403
    assert Client(enforce_csrf_checks=True).post("/shopify/install/", {"shop": SHOP}).status_code == 403
    assert not Install.objects.exists()


def test_one_shop_belongs_to_one_workspace(shopify: Shopify) -> None:
    opened(session_token())
    user, _ = accounts.create_owner(username="olga", password="a long pass phrase", workspace_name="Olga")
    client = Client()
    client.force_login(user)
    answer = client.post("/shopify/install/", {"shop": SHOP})
    assert answer.status_code == 403 and "another workspace" in answer.content.decode()
    assert not Install.objects.exists() and Store.objects.count() == 1


def test_a_shop_that_became_somebody_elses_meanwhile_is_left_to_them(shopify: Shopify) -> None:
    user, _ = accounts.create_owner(username="olga", password="a long pass phrase", workspace_name="Olga")
    client = Client()
    client.force_login(user)
    page = client.post("/shopify/install/", {"shop": SHOP})["Location"]
    opened(session_token())
    mine = Store.objects.get()
    assert client.get("/shopify/callback/", came_back(page)).status_code == 403
    assert Store.objects.get() == mine and shopify.shop().asked == ["session"]


def test_a_code_that_shopify_does_not_take_leaves_nothing(shopify: Shopify) -> None:
    client = Client()
    page = sent_there(client)
    assert client.get("/shopify/callback/", came_back(page, code="other")).status_code == 502
    assert not Store.objects.exists()


def spoiled(**fields: str) -> Callable[[str], dict[str, str]]:
    """Signed as it should be, and then changed."""
    return lambda page: came_back(page) | fields


def late(page: str) -> dict[str, str]:
    return came_back(page, timestamp=str(int(time.time()) - 600))


def unsigned(page: str) -> dict[str, str]:
    return {k: v for k, v in came_back(page).items() if k != "hmac"}


WRONG_BACK: dict[str, Callable[[str], dict[str, str]]] = {
    "no signature": unsigned,
    "an empty one": spoiled(hmac=""),
    "a guess": spoiled(hmac="0" * 64),
    "in other letters": spoiled(hmac="ж" * 64),
    "signed with another secret": lambda page: came_back(page, secret="guess"),
    "signed with the secret of before": lambda page: came_back(page, secret=OLD),
    "another code": spoiled(code="another"),
    "another shop": spoiled(shop=OTHER),
    "another state": spoiled(state="another"),
    "something added": spoiled(extra="1"),
    "from ten minutes ago": late,
    "without a time": lambda page: signed_query(
        **{k: v for k, v in came_back(page).items() if k not in {"hmac", "timestamp"}}, timestamp=""
    ),
    "signed for another shop than it went to": lambda page: came_back(page, shop=OTHER),
    "signed for what is no shop": lambda page: came_back(page, shop="evil.example"),
    "signed with a state that nobody gave out": lambda page: came_back(page, state="made-up"),
    "signed without a state": lambda page: came_back(page, state=""),
}


@pytest.mark.parametrize("wrong", WRONG_BACK, ids=str)
def test_who_comes_back_otherwise_is_refused_and_changes_nothing(wrong: str, shopify: Shopify) -> None:
    client = Client()
    page = sent_there(client)
    before = everything()
    assert client.get("/shopify/callback/", WRONG_BACK[wrong](page)).status_code == 401
    assert everything() == before and shopify.shop().asked == []
    assert client.get("/shopify/callback/", came_back(page)).status_code == 302, "the right one still works"


def test_a_name_that_comes_twice_is_none_of_shopifys(shopify: Shopify) -> None:
    client = Client()
    back = came_back(sent_there(client))
    query = "&".join(f"{k}={v}" for k, v in back.items())
    assert client.get(f"/shopify/callback/?shop={OTHER}&{query}").status_code == 401
    assert client.get(f"/shopify/callback/?{query}&state=other").status_code == 401
    assert not Store.objects.exists()


def test_nobody_comes_back_twice_or_in_another_browser_or_too_late(shopify: Shopify) -> None:
    client, thief = Client(), Client()
    page = sent_there(client)
    sent_there(thief)
    assert thief.get("/shopify/callback/", came_back(page)).status_code == 401, "a cookie of their own"
    assert Client().get("/shopify/callback/", came_back(page)).status_code == 401, "none at all"
    with time_machine.travel(timezone.now() + installing_good_for()):
        assert client.get("/shopify/callback/", came_back(page)).status_code == 401
    assert not Store.objects.exists()
    cookie = client.cookies["vitrine_install"].value
    assert client.get("/shopify/callback/", came_back(page)).status_code == 302
    before = everything()
    client.cookies["vitrine_install"] = cookie
    assert client.get("/shopify/callback/", came_back(page)).status_code == 401
    assert everything() == before and shopify.shop().asked == ["code"]


def installing_good_for() -> Any:
    from apps.stores import installing

    return installing.GOOD_FOR


def test_what_an_owner_began_nobody_else_finishes(shopify: Shopify) -> None:
    user, _ = accounts.create_owner(username="olga", password="a long pass phrase", workspace_name="Olga")
    client = Client()
    client.force_login(user)
    page = client.post("/shopify/install/", {"shop": SHOP})["Location"]
    client.logout()
    assert client.get("/shopify/callback/", came_back(page)).status_code == 401
    assert not Store.objects.exists()


@pytest.mark.parametrize(
    "shop", ["", "teahouse", "teahouse.example", "evil.example/teahouse.myshopify.com", "-x.myshopify.com"]
)
def test_what_is_no_shop_leads_nowhere(shopify: Shopify, shop: str) -> None:
    assert Client().get("/shopify/install/", {"shop": shop}).status_code == 400
    assert not Install.objects.exists()


def test_an_install_that_begins_at_shopify_has_to_be_signed_by_it(shopify: Shopify) -> None:
    assert Client().get("/shopify/install/", signed_query(shop=SHOP, host="x")).status_code == 303
    assert Client().get("/shopify/install/", signed_query("guess", shop=SHOP)).status_code == 401
    assert Install.objects.count() == 1
