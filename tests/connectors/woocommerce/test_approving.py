"""Ways to give access to a WooCommerce store, the pages that ask, and what comes back from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connectors import registry
from connectors.base import Settings
from connectors.errors import Rejected, Unsupported
from connectors.sandbox.server import Sandbox
from connectors.types import Asking, Found, Gift, Here
from connectors.woocommerce.approving import handed_over, page, ways
from connectors.woocommerce.discovery import discover

PUBLIC = Here("https://photos.example.com", reachable=True)
ASKING = Asking("Vitrine", "token-1", "https://photos.example.com/back/", "https://photos.example.com/keys/")
ORDINARY = Found(
    "https://shop.example.com",
    "https://shop.example.com/wp-json/",
    "Shop",
    "https://shop.example.com/wp-admin/authorize-application.php",
)
PLAIN = "https://shop.example.com/?rest_route=/"


def test_the_password_comes_first_and_opens_everything() -> None:
    first, keys, paste = ways(ORDINARY, PUBLIC)
    assert first.possible and first.gives == frozenset(Gift)
    assert keys.possible and keys.gives == frozenset(Gift) - {Gift.UPLOAD}
    assert paste.possible


@pytest.mark.parametrize(
    ("version", "password_page", "open_ways"),
    [
        ("10.5.0", ORDINARY.password_page, {"password", "paste"}),
        ("11.1.0", ORDINARY.password_page, {"password", "keys", "paste"}),
        ("", ORDINARY.password_page, {"password", "paste"}),
        ("10.5.0", "", set()),
        ("", "", {"paste"}),
    ],
)
def test_plain_permalinks_close_what_needs_keys(
    version: str, password_page: str, open_ways: set[str]
) -> None:
    found = Found(ORDINARY.url, PLAIN, "Shop", password_page, version=version)
    assert {way.code for way in ways(found, PUBLIC) if way.possible} == open_ways


def test_a_server_that_nobody_can_call_gets_no_webhooks_in_any_way() -> None:
    offered = ways(ORDINARY, Here("https://10.0.0.1", reachable=False))
    assert not any(Gift.WEBHOOKS in way.gives for way in offered)
    assert {way.code for way in offered if way.possible} == {"password", "paste"}


def test_the_token_goes_where_each_page_keeps_it() -> None:
    asked = urlsplit(page(ORDINARY, "password", ASKING))
    wish = parse_qs(asked.query)
    assert wish["success_url"] == wish["reject_url"] == ["https://photos.example.com/back/?state=token-1"]
    keys = parse_qs(urlsplit(page(ORDINARY, "keys", ASKING)).query)
    assert (keys["user_id"], keys["callback_url"]) == (["token-1"], ["https://photos.example.com/keys/"])
    for way in ("paste", "somehow"):
        with pytest.raises(Unsupported):
            page(ORDINARY, way, ASKING)
    with pytest.raises(Unsupported):
        page(Found(ORDINARY.url, ORDINARY.api_root), "password", ASKING)


@pytest.mark.parametrize("given", [{}, {"state": "t"}, {"state": "t", "user_login": "a", "password": "p\n"}])
def test_what_is_no_answer_of_wordpress_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(Rejected):
        handed_over("password", given)


def test_a_platform_without_pages_takes_keys_by_hand_only() -> None:
    plain = registry.get("fake")
    [way] = plain.ways(Found("https://fake.example"), PUBLIC)
    assert way.code == "paste"
    with pytest.raises(Unsupported):
        plain.approval_page(Found("https://fake.example"), "keys", ASKING)
    with pytest.raises(Rejected):
        plain.handed_over("keys", {})


# -- on the sandbox: where the store's pages are, and who may use them ------------------------------------------


@pytest.fixture(params=[{}, {"permalinks": "plain"}, {"folder": "/shop"}], ids=["pretty", "plain", "folder"])
def any_shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    how = {"environment": "local", "accept_http_callbacks": True, "deliver_to_loopback": True}
    with Sandbox(tmp_path / "shop", webhook_interval_s=None, **how, **request.param) as running:
        yield running


def test_both_pages_are_found_used_and_lead_back(any_shop: Sandbox, loopback: Settings, web: Any) -> None:
    found = discover(any_shop.url, loopback)
    assert (found.version, found.also) == ("10.5.0", any_shop.url)
    web.pages["/keys"] = (200, {}, b"")
    asking = Asking("Vitrine", "token-1", f"{web.url}/back", f"{web.url}/keys")
    for way in ("password", "keys"):
        shown = requests.get(page(found, way, asking), timeout=9, allow_redirects=False)
        assert "Vitrine would like to connect" in shown.text
        action = shown.text.split('action="')[1].split('"')[0].replace("&amp;", "&")
        host = f"{urlsplit(any_shop.url).scheme}://{urlsplit(any_shop.url).netloc}"
        granted = requests.post(host + action, timeout=9, allow_redirects=False)
        given = {
            name: values[0] for name, values in parse_qs(urlsplit(granted.headers["Location"]).query).items()
        }
        handed = handed_over(way, given)
        assert (handed.token, handed.refused) == ("token-1", False)
        assert handed.site_url == (any_shop.url if way == "password" else "")


def test_with_plain_permalinks_the_pretty_page_leads_away(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "shop", permalinks="plain", webhook_interval_s=None) as shop:
        answer = requests.get(f"{shop.url}/wc-auth/v1/authorize", timeout=9, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (301, f"{shop.url}/")


@pytest.mark.parametrize(
    ("role", "keys", "password"),
    [("shop_manager", 200, 200), ("author", 401, 200), ("customer", 401, 200)],
)
def test_keys_need_a_shop_manager_and_a_password_anybody(
    role: str, keys: int, password: int, tmp_path: Path
) -> None:
    how = {"environment": "local", "accept_http_callbacks": True, "webhook_interval_s": None}
    with Sandbox(tmp_path / "shop", approver_role=role, **how) as shop:
        found = Found(shop.url, f"{shop.url}/wp-json/", "", f"{shop.url}/wp-admin/authorize-application.php")
        assert requests.get(page(found, "keys", ASKING), timeout=9).status_code == keys
        assert requests.get(page(found, "password", ASKING), timeout=9).status_code == password


def test_there_is_no_page_for_what_a_site_does_not_have(tmp_path: Path) -> None:
    how = {"environment": "local", "webhook_interval_s": None}
    with Sandbox(tmp_path / "off", app_passwords=False, **how) as shop:
        wish = {"app_name": "Vitrine"}
        there = f"{shop.url}/wp-admin/authorize-application.php"
        assert requests.get(there, params=wish, timeout=9).status_code == 501
    with Sandbox(tmp_path / "bare", woocommerce=False, **how) as site:
        assert requests.get(f"{site.url}/wc-auth/v1/authorize", timeout=9).status_code == 404
