"""Deliveries as Shopify sends them: every way a signature can be wrong, every case a body can be."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.errors import Rejected
from connectors.shopify import webhooks
from connectors.types import Kind

SECRET = "shpss_0123456789abcdef0123456789abcdef"
OLD_SECRET = "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"
BODY = (
    b'{"admin_graphql_api_id":"gid:\\/\\/shopify\\/Product\\/788032119674292922","id":788032119674292922,'
    b'"title":"T-Shirt \\u00fcber alles","updated_at":"2026-11-26T07:00:00-05:00"}'
)


def signature(body: bytes, secret: str = SECRET, digest: str = "sha256") -> str:
    """Written out here on its own, not taken from the code under test."""
    return base64.b64encode(hmac.new(secret.encode(), body, digest).digest()).decode()


def headers(topic: str = "products/update", signed: str = "", **changed: str) -> dict[str, str]:
    told = {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": signed or signature(BODY),
        "X-Shopify-Shop-Domain": "good-shop.myshopify.com",
        "X-Shopify-API-Version": "2026-10",
        "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        "X-Shopify-Event-Id": "98880550-7158-44d4-b7cd-2c97c8a091b5",
        "X-Shopify-Triggered-At": "2026-11-26T12:00:01.877041743Z",
    }
    told.update({name.replace("_", "-"): value for name, value in changed.items()})
    return {name: value for name, value in told.items() if value}


def verify(body: bytes = BODY, secret: str = SECRET, **changed: str) -> bool:
    return webhooks.verify(headers=headers(**changed), body=body, secret=secret)


def parse(topic: str, payload: Any, **changed: str) -> Any:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return webhooks.parse(headers=headers(topic, signature(body), **changed), body=body)


# -- signatures ------------------------------------------------------------------------------------------------

WRONG: dict[str, Callable[[], bool]] = {
    "no signature": lambda: webhooks.verify(headers={}, body=BODY, secret=SECRET),
    "no secret": lambda: verify(signed=signature(BODY, ""), secret=""),
    "another secret": lambda: verify(secret="another"),
    "the old secret after the change": lambda: verify(signed=signature(BODY, OLD_SECRET)),
    "a body with a space more": lambda: verify(BODY + b" "),
    "a body with a byte less": lambda: verify(BODY[:-1]),
    "an empty body": lambda: verify(b""),
    "another body": lambda: verify(BODY.replace(b"788032119674292922", b"788032119674292923")),
    "the same JSON written anew": lambda: verify(json.dumps(json.loads(BODY)).encode()),
    "in hexadecimal": lambda: verify(signed=hmac.new(SECRET.encode(), BODY, "sha256").hexdigest()),
    "without its padding": lambda: verify(signed=signature(BODY).rstrip("=")),
    "in the alphabet of addresses": lambda: verify(
        signed=base64.urlsafe_b64encode(base64.b64decode(signature(BODY))).decode() + "!"
    ),
    "with a space behind": lambda: verify(signed=signature(BODY) + " "),
    "cut short": lambda: verify(signed=signature(BODY)[:20]),
    "made with SHA-1": lambda: verify(signed=signature(BODY, digest="sha1")),
    "made with SHA-512": lambda: verify(signed=signature(BODY, digest="sha512")),
    "a plain hash of the body": lambda: verify(
        signed=base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    ),
    "letters that no signature has": lambda: verify(signed="ü" * 44),
    "half of a character": lambda: verify(signed="\udce4" * 44),
    "of an empty body for another": lambda: verify(signed=signature(b"")),
    "under another name": lambda: webhooks.verify(
        headers={"Shopify-Hmac": signature(BODY)}, body=BODY, secret=SECRET
    ),
}


@pytest.mark.parametrize("way", WRONG)
def test_a_delivery_that_the_app_did_not_sign_is_not_genuine(way: str) -> None:
    assert WRONG[way]() is False


def test_a_delivery_with_the_apps_signature_is_genuine_whatever_the_case_of_names() -> None:
    assert verify()
    assert verify(signed=signature(BODY, OLD_SECRET), secret=OLD_SECRET)
    lower = {name.lower(): value for name, value in headers().items()}
    assert webhooks.verify(headers=lower, body=BODY, secret=SECRET)
    assert webhooks.parse(headers=lower, body=BODY).kind is Kind.PRODUCT_CHANGED
    assert webhooks.sign(BODY, SECRET) == signature(BODY)


# -- what they tell ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("products/create", Kind.PRODUCT_CREATED),
        ("products/update", Kind.PRODUCT_CHANGED),
        ("products/delete", Kind.PRODUCT_DELETED),
    ],
)
def test_a_products_life_is_told_by_its_number(topic: str, kind: Kind) -> None:
    event = parse(topic, BODY)
    assert (event.kind, event.external_id, event.topic) == (kind, "788032119674292922", topic)
    assert event.shop == "good-shop.myshopify.com"
    assert event.webhook_id == "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"
    assert event.triggered_at == dt.datetime(2026, 11, 26, 12, 0, 1, 877041, tzinfo=dt.UTC)
    assert event.raw["title"] == "T-Shirt über alles"


def test_a_body_cut_to_the_long_id_names_its_product() -> None:
    payload = {"admin_graphql_api_id": "gid://shopify/Product/7", "updated_at": "2026-11-26T12:00:00Z"}
    assert parse("products/update", payload).external_id == "7"


OTHERS = [
    ("app/uninstalled", Kind.UNINSTALLED, {"id": 548380009, "myshopify_domain": "good-shop.myshopify.com"}),
    ("app/scopes_update", Kind.SCOPES_CHANGED, {"id": 1, "previous": ["write_files"], "current": ["x"]}),
    (
        "bulk_operations/finish",
        Kind.BULK_FINISHED,
        {"admin_graphql_api_id": "gid://shopify/BulkOperation/1", "status": "completed", "type": "query"},
    ),
    (
        "customers/data_request",
        Kind.DATA_REQUEST,
        {"shop_id": 1, "shop_domain": "good-shop.myshopify.com", "customer": {"id": 191167}},
    ),
    (
        "customers/redact",
        Kind.CUSTOMER_REDACT,
        {"shop_id": 1, "shop_domain": "Good-Shop.myshopify.com", "customer": {"id": 191167}},
    ),
    ("shop/redact", Kind.SHOP_REDACT, {"shop_id": 1, "shop_domain": "good-shop.myshopify.com"}),
    ("app_subscriptions/update", Kind.BILLING_CHANGED, {"app_subscription": {"name": "Basic"}}),
    (
        "app_subscriptions/approaching_capped_amount",
        Kind.BILLING_CHANGED,
        {"app_subscription": {"name": "Basic", "balance_used": "9.0"}},
    ),
    ("app_purchases_one_time/update", Kind.OTHER, {"app_purchase_one_time": {"name": "Ten pictures"}}),
    ("products/of_next_year", Kind.OTHER, {"id": "?"}),
]


@pytest.mark.parametrize(("topic", "kind", "payload"), OTHERS)
def test_what_is_of_no_product_names_none(topic: str, kind: Kind, payload: dict[str, Any]) -> None:
    event = parse(topic, payload)
    assert (event.kind, event.external_id, event.raw) == (kind, "", payload)


def test_every_topic_that_is_asked_for_is_understood() -> None:
    told = {topic for topic, kind, _ in OTHERS if kind is not Kind.OTHER}
    assert told | {"products/create", "products/update", "products/delete"} == {
        *webhooks.TOPICS,
        *webhooks.COMPLIANCE_TOPICS,
    }


@pytest.mark.parametrize(
    "topic", ["app/uninstalled", "shop/redact", "customers/redact", "customers/data_request"]
)
def test_a_genuine_body_can_not_be_turned_against_another_shop(topic: str) -> None:
    """The signature says nothing of the headers."""
    payload = {"shop_domain": "good-shop.myshopify.com", "myshopify_domain": "good-shop.myshopify.com"}
    with pytest.raises(Rejected, match="another shop"):
        parse(topic, payload, X_Shopify_Shop_Domain="other-shop.myshopify.com")


@pytest.mark.parametrize("missing", ["X_Shopify_Topic", "X_Shopify_Webhook_Id", "X_Shopify_Shop_Domain"])
def test_without_a_topic_an_id_or_a_shop_it_is_no_delivery(missing: str) -> None:
    with pytest.raises(Rejected):
        parse("products/update", BODY, **{missing: ""})


@pytest.mark.parametrize(
    "changed",
    [
        {"X_Shopify_Shop_Domain": "evil.example"},
        {"X_Shopify_Shop_Domain": "good-shop.myshopify.com/../x"},
        {"X_Shopify_Webhook_Id": "x" * 101},
        {"X_Shopify_Webhook_Id": "a\x00b"},
        {"X_Shopify_Topic": "products/\nupdate"},
    ],
)
def test_odd_headers_are_refused(changed: dict[str, str]) -> None:
    with pytest.raises(Rejected):
        parse("products/update", BODY, **changed)


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[1]", b"7", b"null", b"\xff\xfe", b"[" * 100_000, b'{"id":1']
)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        parse("products/update", body)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"id": None},
        {"id": True},
        {"id": 0},
        {"id": -7},
        {"id": "7/../8"},
        {"id": 7.5},
        {"id": "x", "admin_graphql_api_id": "gid://shopify/Product/7"},
        {"admin_graphql_api_id": "gid://shopify/Collection/7"},
        {"admin_graphql_api_id": "gid://shopify/Product/7?x"},
        {"admin_graphql_api_id": 7},
    ],
)
def test_a_product_without_a_number_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        parse("products/update", payload)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_a_delivery_that_does_not_say_when_says_none(text: str) -> None:
    assert parse("products/update", BODY, X_Shopify_Triggered_At=text).triggered_at is None


def test_moments_are_told_in_one_time_zone() -> None:
    event = parse("products/update", BODY, X_Shopify_Triggered_At="2026-11-26T13:00:00+02:00")
    assert event.triggered_at == dt.datetime(2026, 11, 26, 11, 0, tzinfo=dt.UTC)
    assert event.triggered_at.tzinfo is dt.UTC
