"""Shopify webhooks coming in: is the signature the app's, and what does the delivery tell. Pure functions.

https://shopify.dev/docs/apps/build/webhooks. The signature covers the body alone, so what the headers say of the shop
is held against the body where that names it too.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from connectors.errors import Rejected
from connectors.shopify.shops import shop_name
from connectors.types import Kind, WebhookEvent

KINDS = {
    "products/create": Kind.PRODUCT_CREATED,
    "products/update": Kind.PRODUCT_CHANGED,
    "products/delete": Kind.PRODUCT_DELETED,
    "app/uninstalled": Kind.UNINSTALLED,
    "app/scopes_update": Kind.SCOPES_CHANGED,
    "bulk_operations/finish": Kind.BULK_FINISHED,
    "app_subscriptions/update": Kind.BILLING_CHANGED,
    "app_subscriptions/approaching_capped_amount": Kind.BILLING_CHANGED,
}
# These are asked for in the app's configuration only; the law wants them answered.
COMPLIANCE = {
    "customers/data_request": Kind.DATA_REQUEST,
    "customers/redact": Kind.CUSTOMER_REDACT,
    "shop/redact": Kind.SHOP_REDACT,
}
TOPICS = tuple(KINDS)
COMPLIANCE_TOPICS = tuple(COMPLIANCE)
# Under which name a body tells the shop that it is of.
_SHOP_FIELDS = {**dict.fromkeys(COMPLIANCE, "shop_domain"), "app/uninstalled": "myshopify_domain"}
_BAD = "bad_webhook"


def sign(body: bytes, secret: str) -> str:
    """X-Shopify-Hmac-Sha256: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def verify(*, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """True if the delivery carries the signature that `secret` gives. An empty secret verifies nothing."""
    claimed = _header(headers, "X-Shopify-Hmac-Sha256")
    if not claimed or not secret:
        return False
    return hmac.compare_digest(claimed.encode("utf-8", "replace"), sign(body, secret).encode())


def parse(*, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
    """A delivery in our words; a topic that is none of ours is `Kind.OTHER`. Raises `Rejected` on what no Shopify
    sends."""
    topic, webhook_id = _header(headers, "X-Shopify-Topic"), _header(headers, "X-Shopify-Webhook-Id")
    if not topic or not webhook_id:
        raise Rejected("not a delivery of Shopify's: it has no topic or no id", code=_BAD)
    if len(topic) > 100 or len(webhook_id) > 100 or not (topic + webhook_id).isprintable():
        raise Rejected("topic or id of the delivery are not Shopify's", code=_BAD)
    shop = _shop(_header(headers, "X-Shopify-Shop-Domain"))
    payload = _object(body)
    field = _SHOP_FIELDS.get(topic)
    # These end something, so that a body which was signed for another topic must not pass for one of them.
    if field is not None and str(payload.get(field)).lower() != shop:
        raise Rejected("the delivery is of another shop than its headers say", code=_BAD)
    kind = KINDS.get(topic) or COMPLIANCE.get(topic, Kind.OTHER)
    return WebhookEvent(
        kind=kind,
        external_id=_product_id(payload) if topic.startswith("products/") and kind is not Kind.OTHER else "",
        webhook_id=webhook_id,
        topic=topic,
        raw=payload,
        shop=shop,
        triggered_at=_moment(_header(headers, "X-Shopify-Triggered-At")),
    )


def _shop(named: str) -> str:
    try:
        return shop_name(named)
    except Rejected:
        pass
    raise Rejected("the delivery names no shop", code=_BAD)


def _product_id(payload: Mapping[str, Any]) -> str:
    """The number of the product: ``id``, or the end of ``admin_graphql_api_id`` where only that was asked for."""
    number = payload.get("id")
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        return str(number)
    gid = payload.get("admin_graphql_api_id")
    found = re.fullmatch(r"gid://shopify/Product/([0-9]{1,20})", gid) if isinstance(gid, str) else None
    if number is not None or not found:
        raise Rejected("the delivery names no product", code=_BAD)
    return found.group(1)


def _object(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise Rejected("the delivery is not a JSON object", code=_BAD)
    return payload


def _moment(text: str) -> dt.datetime | None:
    """When it happened, as Shopify writes it (nine decimals); None where it does not say."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _header(headers: Mapping[str, str], name: str) -> str:
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), "")
