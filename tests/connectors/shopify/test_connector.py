"""The rest of the port: who the shop is, its pictures, and its webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from connectors import registry
from connectors.errors import AuthExpired, NotFound, Rejected
from connectors.fake import FakeConnector
from connectors.shopify import webhooks
from connectors.shopify.connector import ShopifyConnector
from connectors.types import ImageSize, RemoteImage
from connectors.woocommerce.connector import WooCommerceConnector
from tests.connectors.shopify.conftest import SHOP, Admin

Open = Callable[..., ShopifyConnector]


def granted(admin: Admin, scopes: Iterable[str]) -> None:
    admin.answers["Shop"] = lambda variables: {
        "shop": {"name": "Good shop", "myshopifyDomain": SHOP},
        "currentAppInstallation": {"accessScopes": [{"handle": scope} for scope in scopes]},
    }


def test_a_shop_says_who_it_is_and_what_we_may_do(admin: Admin, open_shop: Open) -> None:
    granted(admin, ["write_products", "read_products", "write_files", "read_files"])
    info = open_shop().check()
    assert (info.name, info.url, info.platform_version) == ("Good shop", f"https://{SHOP}", "2026-10")
    assert (info.can_read, info.can_write, info.can_upload, info.can_webhook) == (True, True, True, True)
    assert info.notes == ()
    assert admin.names() == ["Shop"]


def test_what_the_merchant_did_not_give_is_said(admin: Admin, open_shop: Open) -> None:
    granted(admin, ["read_products"])
    info = open_shop().check()
    assert (info.can_read, info.can_write, info.can_upload) == (True, False, False)
    assert "write_products, write_files" in info.notes[0]


@pytest.mark.parametrize("scopes", [[], ["read_files"], ["write_files"]])
def test_who_may_not_read_products_can_do_nothing(admin: Admin, open_shop: Open, scopes: list[str]) -> None:
    granted(admin, scopes)
    with pytest.raises(AuthExpired, match="read_products"):
        open_shop().check()


def test_pictures_are_fetched_without_the_token(admin: Admin, open_shop: Open) -> None:
    admin.files["/files/a.jpg?v=1"] = b"picture"
    connector = open_shop()
    heard: list[Any] = []
    connector = open_shop(
        throttle=lambda *, images=False, points=0.0: heard.append((images, points)),
    )
    assert connector.fetch(f"{admin.url}/files/a.jpg?v=1#x") == b"picture"
    assert heard == [(True, 0.0)]
    with pytest.raises(Rejected):
        connector.fetch(f"{admin.url}/files/gone.jpg")


def test_sizes_are_known_without_asking(admin: Admin, open_shop: Open) -> None:
    made = (
        ImageSize("https://cdn.example/a.jpg", 900, 900),
        ImageSize("https://cdn.example/a.jpg?width=375", 375, 375),
    )
    connector = open_shop()
    assert connector.sizes(RemoteImage("1", "https://cdn.example/a.jpg", made=made)) == made
    assert connector.sizes(RemoteImage("1", "https://cdn.example/a.jpg")) == (
        ImageSize("https://cdn.example/a.jpg"),
    )
    assert admin.calls == []


def test_webhooks_come_with_the_app(admin: Admin, open_shop: Open) -> None:
    connector, url = open_shop(), "https://app.example/hooks/shopify/"
    hooks = connector.subscribe(delivery_url=url, secret="not used")
    assert [hook.topic for hook in hooks] == list(webhooks.TOPICS)
    assert all(hook.active and hook.delivery_url == url for hook in hooks)
    assert connector.webhooks(delivery_url=url) == hooks
    assert connector.unsubscribe(delivery_url=url) == 0
    assert admin.calls == []


def test_a_platform_says_whether_its_variants_follow_the_list() -> None:
    assert ShopifyConnector.variants_show_the_list is True
    assert WooCommerceConnector.variants_show_the_list is False
    assert FakeConnector.variants_show_the_list is False
    assert registry.get("shopify") is ShopifyConnector


def test_deliveries_are_understood_by_the_port(admin: Admin) -> None:
    body = b'{"id":7}'
    headers = {
        "X-Shopify-Topic": "products/update",
        "X-Shopify-Shop-Domain": SHOP,
        "X-Shopify-Webhook-Id": "w",
        "X-Shopify-Hmac-Sha256": webhooks.sign(body, "s"),
    }
    assert ShopifyConnector.verify(headers=headers, body=body, secret="s")
    assert ShopifyConnector.parse(headers=headers, body=body).external_id == "7"


def test_a_missing_product_is_missing(admin: Admin, open_shop: Open) -> None:
    admin.answers["Product"] = lambda variables: {"product": None}
    with pytest.raises(NotFound):
        open_shop().product("7")
