"""Deliveries as a real store sends them: every way a signature can be wrong, every case a body can be."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.errors import Rejected
from connectors.types import Kind
from connectors.woocommerce.connector import WooCommerceConnector

SECRET = "hook-secret-of-store-7"
# PHP escapes slashes; the signature is over exactly these bytes.
BODY = (
    b'{"id":146,"name":"Vase \\u00fcber alles","permalink":"http:\\/\\/shop.example\\/product\\/vase\\/",'
    b'"date_modified_gmt":"2026-11-21T02:27:05","type":"simple","parent_id":0,"images":[]}'
)


def signature(body: bytes, secret: str = SECRET) -> str:
    """Written out here on its own, not taken from the code under test."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def headers(topic: str, signed: str) -> dict[str, str]:
    resource, _, event = topic.partition(".")
    return {
        "User-Agent": "WooCommerce/10.5.0 Hookshot (WordPress/7.1)",
        "Content-Type": "application/json",
        "X-WC-Webhook-Source": "http://shop.example/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Resource": resource,
        "X-WC-Webhook-Event": event,
        "X-WC-Webhook-Signature": signed,
        "X-WC-Webhook-ID": "2",
        "X-WC-Webhook-Delivery-ID": "ccd9b6ad906d5790498a65bf826eb600",
    }


def parse(topic: str, payload: Any) -> Any:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return WooCommerceConnector.parse(headers=headers(topic, signature(body)), body=body)


def test_a_delivery_signed_with_our_secret_is_genuine() -> None:
    given = headers("product.updated", signature(BODY))
    assert WooCommerceConnector.verify(headers=given, body=BODY, secret=SECRET)


def test_header_names_count_in_any_case() -> None:
    given = {name.upper(): value for name, value in headers("product.updated", signature(BODY)).items()}
    assert WooCommerceConnector.verify(headers=given, body=BODY, secret=SECRET)
    assert WooCommerceConnector.parse(headers=given, body=BODY).kind is Kind.PRODUCT_CHANGED


DIGEST = hmac.new(SECRET.encode(), BODY, hashlib.sha256)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param("", id="empty"),
        pytest.param(signature(BODY, "another-secret"), id="another secret"),
        pytest.param(signature(BODY, ""), id="no secret"),
        pytest.param(signature(BODY + b"\n"), id="another body"),
        pytest.param(signature(BODY.replace(b"\\/", b"/")), id="body without PHP's escapes"),
        pytest.param(DIGEST.hexdigest(), id="hex instead of base64"),
        pytest.param(base64.b64encode(DIGEST.hexdigest().encode()).decode(), id="base64 of hex"),
        pytest.param(
            base64.b64encode(hmac.new(SECRET.encode(), BODY, hashlib.sha1).digest()).decode(), id="sha1"
        ),
        pytest.param(
            base64.b64encode(hashlib.sha256(SECRET.encode() + BODY).digest()).decode(), id="no hmac"
        ),
        pytest.param(signature(BODY)[:-1], id="cut short"),
        pytest.param(signature(BODY).lower(), id="lower case"),
        pytest.param(f"sha256={signature(BODY)}", id="with a prefix"),
        pytest.param("ü☃", id="not ASCII"),
    ],
)
def test_a_wrong_signature_is_not_genuine(forged: str) -> None:
    given = headers("product.updated", forged)
    assert not WooCommerceConnector.verify(headers=given, body=BODY, secret=SECRET)


def test_a_delivery_without_signature_is_not_genuine() -> None:
    given = headers("product.updated", "")
    del given["X-WC-Webhook-Signature"]
    assert not WooCommerceConnector.verify(headers=given, body=BODY, secret=SECRET)


def test_a_store_without_a_secret_verifies_nothing() -> None:
    given = headers("product.updated", signature(BODY, ""))
    assert not WooCommerceConnector.verify(headers=given, body=BODY, secret="")


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("product.created", Kind.PRODUCT_CREATED),
        ("product.updated", Kind.PRODUCT_CHANGED),
        ("product.deleted", Kind.PRODUCT_DELETED),
        ("product.restored", Kind.PRODUCT_RESTORED),
        ("order.created", Kind.OTHER),
        ("action.something", Kind.OTHER),
    ],
)
def test_each_topic_has_its_kind(topic: str, kind: Kind) -> None:
    event = parse(topic, {"id": 146, "type": "simple", "parent_id": 0})
    assert (event.kind, event.external_id, event.webhook_id, event.topic) == (kind, "146", "2", topic)


def test_a_deleted_product_comes_with_its_id_only() -> None:
    assert parse("product.deleted", b'{"id":147}').external_id == "147"


def test_a_variation_points_at_the_product_it_belongs_to() -> None:
    event = parse(
        "product.updated", {"id": 137, "name": "Variable 2 - Red", "type": "variation", "parent_id": 136}
    )
    assert (event.kind, event.external_id) == (Kind.PRODUCT_CHANGED, "136")
    assert event.raw["id"] == 137


def test_a_product_in_a_group_is_itself() -> None:
    assert parse("product.updated", {"id": 140, "type": "simple", "parent_id": 9}).external_id == "140"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("woocommerce_rest_product_invalid_id", Kind.OTHER),
        ("woocommerce_rest_cannot_view", Kind.BLINDED),
    ],
)
def test_a_signed_error_names_no_product(code: str, kind: Kind) -> None:
    event = parse("product.updated", {"code": code, "message": "x", "data": {"status": 404}})
    assert (event.kind, event.external_id) == (kind, "")
    assert event.raw["code"] == code


def test_the_ping_of_a_new_webhook_is_known_by_its_form() -> None:
    given = {"User-Agent": "WooCommerce/10.5.0 Hookshot", "Content-Type": "application/x-www-form-urlencoded"}
    event = WooCommerceConnector.parse(headers=given, body=b"webhook_id=4")
    assert (event.kind, event.webhook_id) == (Kind.PING, "4")


@pytest.mark.parametrize(
    "body", [b"webhook_id=4&x=1", b"webhook_id=x", b"webhook_id=4; drop", b"id=4", "webhook_id=٤".encode()]
)
def test_what_only_resembles_a_ping_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        WooCommerceConnector.parse(headers={}, body=body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"id"',
        b"{",
        b'{"id":"abc"}',
        b'{"id":true}',
        b'{"id":-1}',
        b'{"id":{}}',
        b"[" * 99_999,
    ],
)
def test_a_body_that_no_store_sends_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected):
        parse("product.updated", body)
