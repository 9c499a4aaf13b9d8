"""The shop behind what a merchant types, and how access to it is given."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.base import Settings
from connectors.errors import Rejected, Unsupported
from connectors.http import Http
from connectors.shopify import finding
from connectors.shopify.connector import ShopifyConnector
from connectors.types import Asking, Found, Gift, Here
from tests.connectors.conftest import Web

SHOP = "good-shop.myshopify.com"
FOUND = Found(f"https://{SHOP}", f"https://{SHOP}/admin/", "good-shop")
HERE = Here("https://app.example", reachable=True)


@pytest.mark.parametrize(
    "typed",
    [
        "good-shop",
        " Good-Shop ",
        SHOP,
        "Good-Shop.MyShopify.com",
        f"https://{SHOP}",
        f"http://{SHOP}/",
        f"{SHOP}/admin/products?x=1",
        f"<https://{SHOP}/collections/all>",
        "https://admin.shopify.com/store/good-shop",
        "admin.shopify.com/store/good-shop/products/7?view=a",
    ],
)
def test_a_shop_is_found_by_any_form_of_its_name_and_nothing_is_asked(typed: str) -> None:
    assert ShopifyConnector.find(typed, Settings()) == FOUND


PAGES = [
    b'<script>var Shopify = Shopify || {};\nShopify.shop = "good-shop.myshopify.com";</script>',
    b"<script>Shopify.shop='Good-Shop.myshopify.com'</script>",
    b'<script type="application/json">{"myshopifyDomain":"good-shop.myshopify.com"}</script>',
]


@pytest.mark.parametrize("page", PAGES)
def test_a_domain_of_its_own_is_asked_which_shop_it_is(
    web: Web, loopback: Settings, monkeypatch: pytest.MonkeyPatch, page: bytes
) -> None:
    web.pages["/"] = (200, {}, page)
    http = Http(loopback)
    monkeypatch.setattr(http.guard, "allows", lambda host, port: False)
    monkeypatch.setattr(http.guard, "check_url", lambda url: urlsplit(url))
    monkeypatch.setattr(http.guard, "addresses", lambda host, port: ["127.0.0.1"])
    found = finding.find(web.url, loopback, http)
    assert (found.url, found.api_root, found.also) == (FOUND.url, FOUND.api_root, web.url)
    assert found.can_connect


def test_a_shop_on_a_machine_that_the_operator_named_is_all_there(web: Web, loopback: Settings) -> None:
    web.pages[f"/{SHOP}/"] = (200, {}, PAGES[0])
    found = finding.find(f"{web.url}/{SHOP}/", loopback)
    assert (found.url, found.api_root) == (f"https://{SHOP}", f"{web.url}/{SHOP}/admin/")


def test_a_page_that_has_moved_is_followed(web: Web, loopback: Settings) -> None:
    web.pages["/"] = (301, {"Location": "/here/"}, b"")
    web.pages["/here/"] = (200, {}, PAGES[0])
    assert finding.find(web.url, loopback).can_connect


@pytest.mark.parametrize(
    ("status", "headers", "page", "code"),
    [
        (200, {}, b"<h1>A shop of another kind</h1>", "no_shopify"),
        (200, {}, b'Shopify.shop = "evil.example"', "no_shopify"),
        (200, {}, b'{"myshopifyDomain":"a.b.myshopify.com"}', "no_shopify"),
        (404, {}, b"", "no_shopify"),
        (302, {"Location": "/"}, b"", "unreachable"),
    ],
)
def test_what_is_no_shopify_store_is_told_as_such(
    web: Web, loopback: Settings, status: int, headers: dict[str, str], page: bytes, code: str
) -> None:
    web.pages["/"] = (status, headers, page)
    found = finding.find(web.url, loopback)
    assert not found.can_connect
    assert [one.code for one in found.findings] == [code]


def test_a_machine_of_ones_own_network_is_not_asked() -> None:
    found = finding.find("http://127.0.0.1:9", Settings())
    assert [one.code for one in found.findings] == ["unreachable"]


@pytest.mark.parametrize(
    "typed", ["", "   ", "two words.example", "https://user:secret@good-shop.myshopify.com", "ftp://x"]
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(Rejected) as caught:
        finding.find(typed, Settings())
    assert "secret" not in caught.value.message


# -- access ---------------------------------------------------------------------------------------------------------


def test_the_shop_itself_asks() -> None:
    [way] = ShopifyConnector.ways(FOUND, HERE)
    assert way.possible
    assert way.gives == {Gift.READ, Gift.WRITE, Gift.UPLOAD, Gift.WEBHOOKS}
    asking = Asking(
        "Vitrine", "a-state", "https://app.example/cb/", "https://app.example/x/", client_id="c-1"
    )
    page = ShopifyConnector.approval_page(FOUND, way.code, asking)
    assert page.startswith(f"https://{SHOP}/admin/oauth/authorize?")
    assert parse_qs(urlsplit(page).query) == {
        "client_id": ["c-1"],
        "scope": ["write_products,write_files"],
        "redirect_uri": ["https://app.example/cb/"],
        "state": ["a-state"],
    }


def test_a_server_that_is_no_app_yet_has_no_page_to_show() -> None:
    asking = Asking("Vitrine", "a-state", "https://app.example/cb/", "https://app.example/x/")
    with pytest.raises(Unsupported, match="not set up"):
        ShopifyConnector.approval_page(FOUND, "install", asking)
    with pytest.raises(Unsupported):
        ShopifyConnector.approval_page(FOUND, "password", asking)


def test_what_keeps_it_from_working_is_said() -> None:
    [way] = finding.ways(FOUND, Here("http://shop-tools.example", reachable=False))
    assert not way.possible and "https" in way.why_not[0]
    assert Gift.WEBHOOKS not in way.gives and Gift.WEBHOOKS in way.but
    [way] = finding.ways(FOUND, Here("http://localhost:8000", reachable=False))
    assert way.possible


BACK = {"code": "abc", "hmac": "x", "host": "y", "shop": SHOP, "state": "a-state", "timestamp": "1"}


def test_the_browser_that_comes_back_brings_the_state_and_names_the_shop() -> None:
    handed = ShopifyConnector.handed_over("install", BACK)
    assert (handed.token, handed.site_url, handed.credentials, handed.refused) == (
        "a-state",
        f"https://{SHOP}",
        None,
        False,
    )
    assert ShopifyConnector.handed_over("install", {**BACK, "error": "access_denied"}).refused


@pytest.mark.parametrize(
    "changed",
    [
        {"state": ""},
        {"state": 7},
        {"state": "x" * 301},
        {"state": "a\nb"},
        {"shop": ""},
        {"shop": "evil.example"},
        {"shop": f"{SHOP}.evil.example"},
    ],
)
def test_what_shopify_does_not_send_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        ShopifyConnector.handed_over("install", {**BACK, **changed})


def test_nothing_is_handed_over_in_another_way() -> None:
    with pytest.raises(Rejected):
        ShopifyConnector.handed_over("paste", BACK)
