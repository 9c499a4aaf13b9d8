"""A merchant types an address in any form; what is found there, and the sentence for each thing in the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Opening, Settings
from connectors.errors import AuthExpired, Rejected
from connectors.http import Answer, Http
from connectors.sandbox.server import Sandbox
from connectors.sandbox.tls import throw_away_certificate
from connectors.types import Credentials, Found
from connectors.woocommerce import probe
from connectors.woocommerce.connector import WooCommerceConnector
from connectors.woocommerce.discovery import addresses, approve_page, discover

Open = Callable[..., Sandbox]


@pytest.fixture
def loopback(loopback: Settings) -> Settings:
    """This machine by either name."""
    return replace(loopback, allow_private_hosts=frozenset({"127.0.0.1", "localhost"}))


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Open]:
    """A sandbox as told; over https where `tls` is the folder's certificate."""
    with ExitStack() as stack:

        def opened(**how: Any) -> Sandbox:
            how = {"environment": "local", "webhook_interval_s": None} | how
            shop: AbstractContextManager[Sandbox] = Sandbox(
                tmp_path / f"shop{len(list(tmp_path.iterdir()))}", **how
            )
            return stack.enter_context(shop)

        yield opened


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, str], str]:
    folder = tmp_path_factory.mktemp("ca")
    return throw_away_certificate(folder), str(folder / "ca.pem")


def codes(found: Found) -> set[str]:
    return {finding.code for finding in found.findings}


def stop(found: Found) -> str:
    [finding] = [finding for finding in found.findings if finding.stops]
    assert not found.can_connect
    return finding.code


# -- the address ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed, first",
    [
        ("shop.example.com", "https://shop.example.com"),
        ("  https://Shop.Example.com/  ", "https://shop.example.com"),
        ("shop.example.com/wp-admin/edit.php?post_type=product", "https://shop.example.com"),
        ("https://shop.example.com/index.php/product/mug/?a=b#c", "https://shop.example.com"),
        ("https://example.com/shop/product/mug/", "https://example.com/shop"),
        ("https://example.com/shop/wp-json/wc/v3", "https://example.com/shop"),
        ("<https://example.com>", "https://example.com"),
        ("//example.com", "https://example.com"),
        ("http://example.com:8080/store/", "http://example.com:8080/store"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]"),
        ("bücher.example", "https://bücher.example"),
    ],
)
def test_what_a_merchant_types_becomes_the_shops_address(typed: str, first: str) -> None:
    assert addresses(typed)[0] == first


def test_folders_above_are_looked_at_too_and_not_without_end() -> None:
    assert addresses("example.com/a/b") == [
        "https://example.com/a/b",
        "https://example.com/a",
        "https://example.com",
    ]
    assert len(addresses("example.com/" + "a/" * 50)) < 6


@pytest.mark.parametrize(
    "typed", ["", "my shop", "ftp://example.com", "https://", "https://exa mple.com", "http://[1"]
)
def test_what_is_no_address_is_told_what_one_looks_like(typed: str) -> None:
    with pytest.raises(Rejected, match=r"shop\.example\.com"):
        addresses(typed)


@pytest.mark.parametrize("typed", ["https://admin:hunter2@example.com", "admin:hunter2@[example.com"])
def test_an_address_with_a_password_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(Rejected) as refused:
        addresses(typed)
    assert "hunter2" not in str(refused.value)


# -- a shop is found --------------------------------------------------------------------------------------


def test_an_ordinary_shop_is_found_from_any_of_its_pages(open_shop: Open, loopback: Settings) -> None:
    shop = open_shop(name="Mugs & more")
    found = discover(f"{shop.url}/wp-admin/edit.php?post_type=product", loopback)
    assert (found.url, found.api_root, found.name) == (shop.url, f"{shop.url}/wp-json/", "Mugs & more")
    assert found.password_page == f"{shop.url}/wp-admin/authorize-application.php"
    assert found.can_connect and codes(found) == {"plain_http"}


def test_a_shop_in_a_folder_is_found_from_inside_it_and_used(open_shop: Open, loopback: Settings) -> None:
    shop = open_shop(folder="/store")
    found = discover(f"{shop.url}/some/page", loopback)
    assert (found.url, found.api_root) == (shop.url, f"{shop.url}/wp-json/")
    assert opened(shop, found, loopback).check().can_upload


def test_a_shop_whose_pages_do_not_name_the_api_is_found_all_the_same(
    open_shop: Open, loopback: Settings
) -> None:
    shop = open_shop()
    shop.faults.add(r"GET /$", "html", page="plain", times=0)
    assert discover(shop.url, loopback).api_root == f"{shop.url}/wp-json/"


def test_a_shop_that_goes_by_another_name_is_kept_under_that(
    open_shop: Open, loopback: Settings, tls: Any
) -> None:
    shop = open_shop(tls=tls[0], one_host=True)
    typed = shop.url.replace("localhost", "127.0.0.1")
    found = discover(typed, replace(loopback, ca_file=tls[1]))
    assert found.url == shop.url and found.can_connect and found.findings == ()


def test_on_https_a_shop_typed_with_http_is_called_over_https(
    open_shop: Open, loopback: Settings, tls: Any
) -> None:
    shop = open_shop(tls=tls[0])
    assert discover(shop.url.replace("https", "http"), replace(loopback, ca_file=tls[1])).url == shop.url


# -- plain permalinks -------------------------------------------------------------------------------------


def opened(shop: Sandbox, found: Found, settings: Settings, **less: str) -> WooCommerceConnector:
    return WooCommerceConnector(
        Opening(found.url, replace(shop.credentials, **less), settings, api_root=found.api_root)
    )


KEYS_ONLY, PASSWORD_ONLY = {"user": "", "app_password": ""}, {"key": "", "secret": ""}


def test_with_plain_permalinks_an_application_password_works_and_keys_do_not(
    open_shop: Open, loopback: Settings, make_photo: Any, tls: Any
) -> None:
    shop = open_shop(permalinks="plain", tls=tls[0])
    settings = replace(loopback, ca_file=tls[1])
    found = discover(shop.url, settings)
    assert "rest_route=" in found.api_root and codes(found) == {"plain_permalinks"} and found.can_connect
    assert approve_page(found) == f"{shop.url}/?wc-auth-version=1&wc-auth-route=authorize"
    connector = opened(shop, found, settings, **PASSWORD_ONLY)
    assert connector.check().can_upload
    assert (
        connector.upload(data=make_photo(), filename="a.jpg", content_type="image/jpeg", alt="A mug").alt
        == "A mug"
    )
    assert len(connector.products().products) == 0
    with pytest.raises(AuthExpired):
        opened(shop, found, settings, **KEYS_ONLY).check()


def test_since_11_1_keys_work_with_plain_permalinks_too(
    open_shop: Open, loopback: Settings, tls: Any
) -> None:
    shop = open_shop(permalinks="plain", wc_version="11.1.0", tls=tls[0])
    settings = replace(loopback, ca_file=tls[1])
    assert opened(shop, discover(shop.url, settings), settings, **KEYS_ONLY).check().can_write


# -- what is in the way -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how, code",
    [
        ({"woocommerce": False}, "no_woocommerce"),
        ({"open_index": False}, "closed_index"),
    ],
)
def test_what_wordpress_lacks_is_said(open_shop: Open, loopback: Settings, how: Any, code: str) -> None:
    assert stop(discover(open_shop(**how).url, loopback)) == code


def test_a_site_that_does_not_know_it_is_on_https_is_told_before_its_keys_fail(
    open_shop: Open, loopback: Settings, tls: Any
) -> None:
    shop = open_shop(tls=tls[0], notices_tls=False)
    assert stop(discover(shop.url, replace(loopback, ca_file=tls[1]))) == "tls_unnoticed"


def test_without_application_passwords_a_shop_is_connected_with_keys(
    open_shop: Open, loopback: Settings
) -> None:
    found = discover(open_shop(app_passwords=False).url, loopback)
    assert found.can_connect and "no_app_passwords" in codes(found) and not found.password_page


@pytest.mark.parametrize(
    "page, code", [("cloudflare", "cloudflare"), ("maintenance", "wordpress_maintenance_mode")]
)
def test_who_answers_instead_of_the_shop_is_named(
    open_shop: Open, loopback: Settings, page: str, code: str
) -> None:
    shop = open_shop()
    shop.faults.add(r"GET /", "html", page=page, times=0)
    assert stop(discover(shop.url, loopback)) == code


def test_a_firewall_before_the_api_alone_is_named_too(open_shop: Open, loopback: Settings) -> None:
    shop = open_shop()
    shop.faults.add(r"GET /.*(wp-json|rest_route)", "html", page="cloudflare", times=0)
    assert stop(discover(shop.url, loopback)) == "cloudflare"


def test_a_certificate_that_nobody_signed_is_told(open_shop: Open, loopback: Settings, tls: Any) -> None:
    assert stop(discover(open_shop(tls=tls[0]).url, loopback)) == "tls"


def test_a_name_that_nobody_has_is_told(loopback: Settings) -> None:
    assert stop(discover("https://no-such-shop.invalid", loopback)) == "no_such_name"


def test_an_address_of_our_own_network_is_not_looked_at(loopback: Settings) -> None:
    assert (
        stop(discover("https://127.0.0.1", replace(loopback, allow_private_hosts=frozenset()))) == "forbidden"
    )


def test_a_port_where_nobody_listens_is_told(loopback: Settings) -> None:
    assert stop(discover("http://127.0.0.1:9", loopback)) == "no_answer"


class Counted(Http):
    """Remembers the pages it was asked for."""

    asked: list[str]

    def look(self, url: str, **how: Any) -> Answer:
        self.asked.append(url)
        return super().look(url, **how)


def test_a_host_that_hangs_is_asked_for_one_page_however_deep_the_address(
    open_shop: Open, loopback: Settings, tls: Any
) -> None:
    shop = open_shop(tls=tls[0])
    shop.faults.add("GET /", "hang", seconds=20, times=0)
    http = Counted(replace(loopback, ca_file=tls[1], read_timeout_s=0.5))
    http.asked = []
    assert stop(discover(f"{shop.url}/a/b/c/d", http.settings, http)) == "no_answer"
    assert http.asked == [f"{shop.url}/a/b/c/d/"]


INDEX = {"name": "Old", "namespaces": ["wp/v2", "wc/v1", "wc/v2"], "home": ""}


@pytest.mark.parametrize(
    "pages, code",
    [
        ({"/": (200, {}, b"<h1>Hello</h1>")}, "no_wordpress"),
        ({"/": (200, {"X-ShopId": "1"}, b"<h1>Hello</h1>")}, "shopify"),
        ({"/wp-json/": (200, {}, json.dumps(INDEX).encode())}, "too_old"),
        ({"/": (301, {"Location": "/"}, b"")}, "redirects"),
    ],
)
def test_other_sites_are_told_apart(web: Any, loopback: Settings, pages: dict[str, Any], code: str) -> None:
    web.pages.update(pages)
    assert stop(discover(web.url, loopback)) == code


def test_an_api_that_another_host_claims_to_have_is_not_asked(web: Any, loopback: Settings) -> None:
    web.pages["/"] = (200, {"Link": '<https://elsewhere.example/wp-json/>; rel="https://api.w.org/"'}, b"<p>")
    assert stop(discover(web.url, loopback)) == "no_wordpress"


# -- the table --------------------------------------------------------------------------------------------


def test_the_probe_prints_what_works_and_no_secret(
    open_shop: Open, capsys: pytest.CaptureFixture[str], make_photo: Any
) -> None:
    shop = open_shop()
    c = shop.credentials
    with_all = ["--key", c.key, "--secret", c.secret, "--user", c.user, "--app-password", c.app_password]
    assert probe.main([shop.url, "--allow", shop.netloc, *with_all]) == 0
    said = capsys.readouterr().out
    assert "WooCommerce 10.5.0" in said and "media library" in said
    assert not any(secret in said for secret in (c.key, c.secret, c.app_password))


@pytest.mark.parametrize(
    "permissions, code, words", [("read", 1, "read/write"), ("read_write", 0, "handed over by address")]
)
def test_the_probe_says_which_way_pictures_go(
    open_shop: Open, capsys: pytest.CaptureFixture[str], permissions: str, code: int, words: str
) -> None:
    shop = open_shop()
    key, secret = shop.site.add_key(permissions)
    assert probe.main([shop.url, "--allow", shop.netloc, "--key", key, "--secret", secret, "--json"]) == code
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert words in rows["way to write"]["words"]


def test_the_probe_of_a_shop_that_refuses_the_keys_says_so(open_shop: Open, loopback: Settings) -> None:
    rows = probe.probe(open_shop().url, Credentials("ck_wrong", "cs_wrong"), loopback)
    assert (rows[-1].what, rows[-1].works) == ("read products", probe.Works.NO)
