"""Webhooks as Shopify sends them: signed, repeated, late, in any order, and about our own writes too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.sandbox.shopify.appfile import BadAppFile, read
from connectors.sandbox.shopify.hooks import REDACT_AFTER_S, RETRIES_S
from connectors.sandbox.shopify.server import ShopifySandbox

Shop = Any
TOML = """
client_id = "app-1"
name = "Vitrine"
application_url = "https://app.example/shopify/"
embedded = true

[access_scopes]
scopes = "write_products,write_files"

[auth]
redirect_urls = ["https://app.example/shopify/callback/"]

[webhooks]
api_version = "2026-10"

[[webhooks.subscriptions]]
topics = ["products/create", "products/update"]
uri = "{url}/hook"
include_fields = {fields}

[[webhooks.subscriptions]]
topics = ["products/delete", "app/uninstalled", "app/scopes_update"]
uri = "{url}/hook"

[[webhooks.subscriptions]]
compliance_topics = ["customers/data_request", "customers/redact", "shop/redact"]
uri = "{url}/hook"
"""


def deploy(platform: ShopifySandbox, web: Any, fields: str = "[]") -> None:
    web.pages["/hook"] = (200, {}, b"")
    platform.site.deploy(TOML.replace("{url}", web.url).replace("{fields}", fields))


@pytest.fixture
def hooks(platform: ShopifySandbox, web: Any) -> Iterator[Callable[..., list[Any]]]:
    """The app is deployed; each call delivers what is due and tells what arrived by it."""
    before = platform.site.access.app
    deploy(platform, web)

    def delivered(**how: Any) -> list[Any]:
        had = len(web.hooks())
        platform.hooks.deliver_due(**how)
        return list(web.hooks()[had:])

    delivered()
    yield delivered
    platform.site.memory.run("DELETE FROM queue")
    platform.site.memory.run("DELETE FROM later")
    platform.site.access.app = before


def topics(seen: list[Any]) -> list[str]:
    return [one.headers["X-Shopify-Topic"] for one in seen]


def test_a_change_is_told_signed_with_everything_that_names_it(
    shop: Shop, hooks: Callable[..., list[Any]], platform: ShopifySandbox, make_photo: Any
) -> None:
    product = shop.add("Cup", photos=2, photo=make_photo())
    (seen,) = hooks()
    digest = hmac.new(platform.client_secret.encode(), seen.body, hashlib.sha256).digest()
    assert seen.headers["X-Shopify-Hmac-Sha256"] == base64.b64encode(digest).decode()
    assert seen.headers["X-Shopify-Topic"] == "products/create"
    assert seen.headers["X-Shopify-Shop-Domain"] == shop.name
    assert seen.headers["X-Shopify-API-Version"] == "2026-10"
    assert len(seen.headers["X-Shopify-Webhook-Id"]) == len(seen.headers["X-Shopify-Event-Id"]) == 36
    assert len(seen.headers["X-Shopify-Triggered-At"]) == len("2026-11-26T10:00:00.123456789Z")
    body = json.loads(seen.body)
    assert (body["id"], body["title"]) == (product["id"], "Cup")
    assert [one["admin_graphql_api_id"].rpartition("/")[2] for one in body["media"]] == [
        str(n) for n in product["media"]
    ]
    assert body["images"][0]["src"].startswith(f"{platform.url}/s/files/1/{shop.name}/files/cup-0.jpg?v=")
    assert body["variants"][0]["admin_graphql_api_id"].startswith("gid://shopify/ProductVariant/")


def test_a_save_that_changes_nothing_is_told_too(
    shop: Shop, hooks: Callable[..., list[Any]], platform: ShopifySandbox
) -> None:
    product = shop.add(photos=0)
    platform.site.catalogue.change(shop.name, product["id"], {})
    platform.site.catalogue.delete(shop.name, product["id"])
    seen = hooks()
    assert topics(seen) == ["products/create", "products/update", "products/delete"]
    assert json.loads(seen[2].body) == {"id": product["id"]}


def test_our_own_writes_come_back_and_again_when_the_picture_is_ready(
    shop: Shop, hooks: Callable[..., list[Any]], web: Any, frozen: Callable[[float], None], make_photo: Any
) -> None:
    web.pages["/new.jpg"] = (200, {"Content-Type": "image/jpeg"}, make_photo())
    product = shop.add(photos=0)
    hooks()
    add = "mutation($p: ProductUpdateInput!, $m: [CreateMediaInput!]){productUpdate(product: $p, media: $m)"
    media = [{"originalSource": f"{web.url}/new.jpg", "mediaContentType": "IMAGE"}]
    this = {"id": f"gid://shopify/Product/{product['id']}"}
    shop.data(add + "{product{id}}}", p=this, m=media)
    (echo,) = hooks()
    assert json.loads(echo.body)["media"][0]["status"] == "UPLOADED"
    assert json.loads(echo.body)["images"] == []
    frozen(1)
    (ready,) = hooks()
    assert json.loads(ready.body)["media"][0]["status"] == "READY"
    assert ready.headers["X-Shopify-Webhook-Id"] != echo.headers["X-Shopify-Webhook-Id"]


def test_nobody_is_told_of_products_where_the_app_is_not_installed(
    open_shop: Callable[..., Shop], hooks: Callable[..., list[Any]]
) -> None:
    open_shop(installed=False).add(photos=0)
    assert hooks() == []


def test_a_delivery_that_failed_comes_again_as_it_was(
    shop: Shop,
    hooks: Callable[..., list[Any]],
    platform: ShopifySandbox,
    web: Any,
    frozen: Callable[[float], None],
) -> None:
    web.pages["/hook"] = (500, {}, b"")
    product = shop.add("First", photos=0)
    (first,) = hooks()
    platform.site.catalogue.change(shop.name, product["id"], {"title": "Second"})
    hooks()
    platform.site.memory.run("DELETE FROM queue WHERE topic = 'products/update'")
    assert hooks() == []  # not yet
    frozen(RETRIES_S[0])
    (again,) = hooks()
    assert (again.body, again.headers["X-Shopify-Webhook-Id"]) == (
        first.body,
        first.headers["X-Shopify-Webhook-Id"],
    )
    assert again.headers["X-Shopify-Triggered-At"] == first.headers["X-Shopify-Triggered-At"]
    tries = 2
    for pause_s in RETRIES_S[1:]:
        frozen(pause_s)
        tries += len(hooks())
    assert tries == 9  # once, and eight times more
    assert sum(RETRIES_S) <= 4 * 3600
    frozen(86_400)
    assert hooks() == []


@pytest.mark.parametrize(
    ("status", "comes_again"), [(200, False), (202, False), (204, False), (302, True), (404, True)]
)
def test_only_success_ends_it(
    shop: Shop,
    hooks: Callable[..., list[Any]],
    web: Any,
    frozen: Callable[[float], None],
    status: int,
    comes_again: bool,
) -> None:
    web.pages["/hook"] = (status, {"Location": f"{web.url}/elsewhere"}, b"")
    shop.add(photos=0)
    assert len(hooks()) == 1
    frozen(RETRIES_S[0])
    assert len(hooks()) == comes_again


def test_deliveries_may_come_in_another_order_and_twice(
    shop: Shop, hooks: Callable[..., list[Any]], platform: ShopifySandbox, web: Any
) -> None:
    product = shop.add(photos=0)
    platform.site.catalogue.change(shop.name, product["id"], {"title": "Later"})
    late, early = hooks(order="newest first")
    assert topics([late, early]) == ["products/update", "products/create"]
    assert late.headers["X-Shopify-Triggered-At"] > early.headers["X-Shopify-Triggered-At"]
    repeated = platform.hooks.repeat(platform.hooks.sent[-1])
    assert repeated.status == 200
    assert (web.hooks()[-1].body, web.hooks()[-1].headers["X-Shopify-Webhook-Id"]) == (
        early.body,
        early.headers["X-Shopify-Webhook-Id"],
    )


def test_with_chosen_fields_only_they_come_and_alike_bodies_once(
    shop: Shop,
    hooks: Callable[..., list[Any]],
    platform: ShopifySandbox,
    web: Any,
    frozen: Callable[[float], None],
) -> None:
    deploy(platform, web, '["id", "title"]')
    product = shop.add(photos=0)
    for _ in range(3):
        platform.site.catalogue.change(shop.name, product["id"], {"vendor": "Kiln"})
    create, update = hooks()
    assert json.loads(create.body) == json.loads(update.body) == {"id": product["id"], "title": "Cup"}
    deploy(platform, web, '["id", "updated_at"]')
    for _ in range(2):
        frozen(1)
        platform.site.catalogue.change(shop.name, product["id"], {"vendor": "Kiln"})
    assert len(hooks()) == 2


def test_an_old_secret_signs_for_an_hour_more(
    shop: Shop, hooks: Callable[..., list[Any]], platform: ShopifySandbox, frozen: Callable[[float], None]
) -> None:
    def signed_with(seen: Any) -> str:
        for secret in (old, new):
            digest = hmac.new(secret.encode(), seen.body, hashlib.sha256).digest()
            if base64.b64encode(digest).decode() == seen.headers["X-Shopify-Hmac-Sha256"]:
                return secret
        return ""

    old, new = platform.client_secret, platform.site.access.rotate()
    shop.add(photos=0)
    (seen,) = hooks()
    assert signed_with(seen) == old
    frozen(3601)
    shop.add(photos=0)
    (seen,) = hooks()
    assert signed_with(seen) == new


# -- what happens to the app --------------------------------------------------------------------------------


def test_uninstalling_is_told_at_once_and_forgetting_the_shop_two_days_later(
    shop: Shop, hooks: Callable[..., list[Any]], platform: ShopifySandbox, frozen: Callable[[float], None]
) -> None:
    platform.site.uninstall(shop.name)
    (seen,) = hooks()
    assert topics([seen]) == ["app/uninstalled"]
    assert json.loads(seen.body)["myshopify_domain"] == shop.name
    frozen(REDACT_AFTER_S - 1)
    assert hooks() == []
    frozen(1)
    (seen,) = hooks()
    assert topics([seen]) == ["shop/redact"]
    assert json.loads(seen.body)["shop_domain"] == shop.name


def test_who_comes_back_within_two_days_is_not_forgotten(
    shop: Shop, hooks: Callable[..., list[Any]], platform: ShopifySandbox, frozen: Callable[[float], None]
) -> None:
    platform.site.uninstall(shop.name)
    platform.site.install(shop.name)
    frozen(REDACT_AFTER_S + 1)
    assert topics(hooks()) == ["app/uninstalled"]  # late: after the reinstall
    since = platform.site.access.installed(shop.name)
    assert since is not None


def test_other_scopes_are_told_with_what_they_were(
    shop: Shop, hooks: Callable[..., list[Any]], platform: ShopifySandbox
) -> None:
    platform.site.change_scopes(shop.name, ("write_products",))
    (seen,) = hooks()
    body = json.loads(seen.body)
    assert topics([seen]) == ["app/scopes_update"]
    assert (body["previous"], body["current"]) == (["write_files", "write_products"], ["write_products"])


def test_deploying_other_scopes_gives_them_to_installed_shops(
    shop: Shop, hooks: Callable[..., list[Any]], platform: ShopifySandbox, web: Any
) -> None:
    text = (
        TOML.replace("{url}", web.url)
        .replace("{fields}", "[]")
        .replace("write_products,", "write_products,read_orders,")
    )
    platform.site.deploy(text)
    assert "read_orders" in platform.site.access.scopes(shop.name)
    assert "app/scopes_update" in topics(hooks())


@pytest.mark.parametrize("what", ["data_request", "redact"])
def test_a_customer_may_ask_what_is_held_and_to_be_forgotten(
    shop: Shop, hooks: Callable[..., list[Any]], platform: ShopifySandbox, what: str
) -> None:
    platform.site.customer_asks(shop.name, what)
    (seen,) = hooks()
    body = json.loads(seen.body)
    assert topics([seen]) == [f"customers/{what}"]
    assert (body["shop_domain"], body["customer"]["email"]) == (shop.name, "john@example.com")


def test_an_address_that_can_not_be_called_is_tried_like_one_that_fails(
    shop: Shop, hooks: Callable[..., list[Any]], platform: ShopifySandbox
) -> None:
    platform.site.access.app = replace(platform.site.access.app, subscriptions=()).hearing(
        "http://127.0.0.1:9/hook"
    )
    shop.add(photos=0)
    before = platform.hooks.waiting()
    hooks()
    assert platform.hooks.sent[-1].status == 0
    assert platform.hooks.waiting() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("products/create", "product/create"), "no such topic here: product/create"),
        (
            ('compliance_topics = ["customers/data_request"', 'topics = ["customers/data_request"'),
            "no such topic",
        ),
        (('client_id = "app-1"', ""), "client_id"),
        (("[webhooks]", "[webhook]"), "api_version"),
        (("[auth]", "[auth"), "not TOML"),
    ],
)
def test_a_file_that_can_not_be_deployed_is_refused(change: tuple[str, str], words: str) -> None:
    with pytest.raises(BadAppFile, match=words):
        read(TOML.replace("{fields}", "[]").replace(*change))
