"""WooCommerce webhooks coming in: is the signature ours, and what does the delivery tell. Pure functions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from connectors.errors import Rejected
from connectors.types import Kind, WebhookEvent

KINDS = {
    "product.created": Kind.PRODUCT_CREATED,
    "product.updated": Kind.PRODUCT_CHANGED,
    "product.deleted": Kind.PRODUCT_DELETED,
    "product.restored": Kind.PRODUCT_RESTORED,
}
TOPICS = tuple(KINDS)
_MAY_NOT_SEE = "woocommerce_rest_cannot_view"


def sign(body: bytes, secret: str) -> str:
    """X-WC-Webhook-Signature: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def verify(*, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """True if the delivery carries the signature that `secret` gives. An empty secret verifies nothing."""
    claimed = _header(headers, "X-WC-Webhook-Signature")
    if not claimed or not secret:
        return False
    return hmac.compare_digest(claimed.encode("utf-8", "replace"), sign(body, secret).encode())


def parse(*, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
    """A delivery in our words. Raises `Rejected` on what no WooCommerce sends."""
    topic = _header(headers, "X-WC-Webhook-Topic")
    if not topic:
        return _ping(body)
    payload = _object(body)
    if "id" not in payload:
        # Signed, yet an error: the product was deleted for good before the body was built, or the webhook's owner lost
        # the right to see it. It does not say which product; the next reconciliation finds out.
        kind = Kind.BLINDED if payload.get("code") == _MAY_NOT_SEE else Kind.OTHER
        return _event(kind, "", headers, topic, payload)
    # A variation fires the product topics with its own id; what we mirror is its parent.
    product_id = payload.get("parent_id") if payload.get("type") == "variation" else payload["id"]
    if isinstance(product_id, bool) or not isinstance(product_id, int) or product_id <= 0:
        raise Rejected("the delivery names no product", code="bad_webhook")
    return _event(KINDS.get(topic, Kind.OTHER), str(product_id), headers, topic, payload)


def _event(
    kind: Kind, external_id: str, headers: Mapping[str, str], topic: str, raw: dict[str, Any]
) -> WebhookEvent:
    return WebhookEvent(kind, external_id, _header(headers, "X-WC-Webhook-ID"), topic, raw)


def _ping(body: bytes) -> WebhookEvent:
    """A new webhook is announced by an unsigned form, ``webhook_id=7``, with no header of its own."""
    fields = parse_qs(body[:200].decode("utf-8", "replace"))
    webhook_id = fields.get("webhook_id", [""])[0]
    if set(fields) != {"webhook_id"} or not (webhook_id.isascii() and webhook_id.isdigit()):
        raise Rejected("neither a WooCommerce delivery nor a ping", code="bad_webhook")
    return WebhookEvent(Kind.PING, "", webhook_id, "ping", {"webhook_id": int(webhook_id)})


def _object(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise Rejected("the delivery is not a JSON object", code="bad_webhook")
    return payload


def _header(headers: Mapping[str, str], name: str) -> str:
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), "")
