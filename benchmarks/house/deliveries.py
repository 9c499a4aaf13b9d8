"""Signed deliveries as WooCommerce sends them, about 2.4 kB each; the same number is the same delivery. Stdlib only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

TOPIC = "product.updated"
WEBHOOK = "7"
# What the bare view knows.
BARE_SECRET = "a shared secret"  # noqa: S105 - of a bench
_TEXT = "A mug of stoneware, thrown by hand and glazed twice, for coffee, tea and whatever else is hot. "


def body(number: int) -> bytes:
    """A product as the store describes it."""
    product = {
        "id": 1000 + number,
        "name": f"Mug {number}",
        "permalink": f"https://shop.invalid/product/mug-{number}/",
        "type": "simple",
        "status": "publish",
        "description": _TEXT * 12,
        "short_description": _TEXT,
        "sku": f"MUG-{number}",
        "price": "24.00",
        "categories": [{"id": 9, "name": "Mugs", "slug": "mugs"}],
        "tags": [{"id": 4, "name": "stoneware", "slug": "stoneware"}],
        "images": [
            {
                "id": 50_000 + 10 * number + k,
                "src": f"https://shop.invalid/wp-content/uploads/mug-{number}-{k}.jpg",
                "name": f"mug-{number}-{k}",
                "alt": f"Mug {number}, seen from side {k}",
            }
            for k in range(4)
        ],
    }
    return json.dumps(product).encode()


def request(number: int, *, path: str, secret: str) -> bytes:
    """The whole HTTP message, for a connection that stays open."""
    payload = body(number)
    signature = base64.b64encode(hmac.new(secret.encode(), payload, hashlib.sha256).digest()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: WooCommerce/10.3 Hookshot\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
        f"X-WC-Webhook-Source: https://shop.invalid/\r\nX-WC-Webhook-Topic: {TOPIC}\r\n"
        f"X-WC-Webhook-Resource: product\r\nX-WC-Webhook-Event: updated\r\nX-WC-Webhook-ID: {WEBHOOK}\r\n"
        f"X-WC-Webhook-Delivery-ID: {number:032x}\r\nX-WC-Webhook-Signature: {signature}\r\n\r\n"
    )
    return head.encode() + payload
