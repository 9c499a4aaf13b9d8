"""The bodies of webhooks, by topic: a product as the older REST API shaped it, with the ids of its media."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.shopify.clock import Clock
from connectors.sandbox.shopify.media import Media
from connectors.sandbox.shopify.memory import Doc, Memory


def gid(kind: str, number: int | str) -> str:
    """The id of a thing in the GraphQL API."""
    return f"gid://shopify/{kind}/{number}"


class Payloads:
    """Makes bodies; called by the webhooks when something happens."""

    def __init__(self, memory: Memory, clock: Clock, media: Media) -> None:
        self._memory, self._clock, self._media = memory, clock, media

    def __call__(self, shop: str, topic: str, about: Mapping[str, Any]) -> dict[str, Any]:
        """The whole body of an event."""
        if topic == "products/delete":
            return {"id": about["id"]}
        if topic.startswith("products/"):
            return self._product(shop, dict(about))
        if topic == "app/uninstalled":
            return self._shop(shop)
        if topic in {"customers/data_request", "customers/redact", "shop/redact"}:
            row = self._memory.row("SELECT id FROM shops WHERE domain = ?", shop)
            return {"shop_id": row["id"] if row else 0, "shop_domain": shop, **about}
        return dict(about)

    def _product(self, shop: str, doc: Doc) -> dict[str, Any]:
        pictures = self._media.many(shop, doc["media"])
        ready = [picture for picture in pictures if self._media.status(picture) == "READY"]
        images = [self._image(shop, doc, picture, place) for place, picture in enumerate(ready, start=1)]
        return {
            "admin_graphql_api_id": gid("Product", doc["id"]),
            "body_html": doc["html"],
            "created_at": doc["created"],
            "handle": doc["handle"],
            "id": doc["id"],
            "product_type": doc["product_type"],
            "published_at": doc["created"] if doc["status"] == "ACTIVE" else None,
            "status": doc["status"].lower(),
            "tags": ", ".join(doc["tags"]),
            "template_suffix": None,
            "title": doc["title"],
            "updated_at": doc["updated"],
            "vendor": doc["vendor"],
            "variants": [_variant(doc, variant, n) for n, variant in enumerate(doc["variants"], start=1)],
            "options": [
                {
                    "id": o["id"],
                    "product_id": doc["id"],
                    "name": o["name"],
                    "position": n,
                    "values": o["values"],
                }
                for n, o in enumerate(doc["options"], start=1)
            ],
            "images": images,
            "image": images[0] if images else None,
            "media": [self._medium(shop, doc, picture, n) for n, picture in enumerate(pictures, start=1)],
            "variant_gids": [
                {
                    "admin_graphql_api_id": gid("ProductVariant", variant["id"]),
                    "updated_at": doc["updated"],
                }
                for variant in doc["variants"]
            ],
        }

    def _image(self, shop: str, doc: Doc, picture: Doc, place: int) -> dict[str, Any]:
        return {
            "id": picture["id"],
            "product_id": doc["id"],
            "position": place,
            "alt": picture["alt"] or None,
            "width": picture["width"],
            "height": picture["height"],
            "src": self._media.cdn(shop, picture),
            "admin_graphql_api_id": gid("MediaImage", picture["id"]),
            "variant_ids": [v["id"] for v in doc["variants"] if picture["id"] in v["media"]],
        }

    def _medium(self, shop: str, doc: Doc, picture: Doc, place: int) -> dict[str, Any]:
        status = self._media.status(picture)
        image = None
        if status == "READY":
            image = {key: picture[key] for key in ("width", "height")} | {
                "src": self._media.cdn(shop, picture)
            }
        return {
            "id": picture["id"],
            "product_id": doc["id"],
            "position": place,
            "alt": picture["alt"] or None,
            "status": status,
            "preview_image": {"status": status.lower(), **(image or {})},
            "media_content_type": "IMAGE",
            "created_at": picture["created"],
            "updated_at": picture["updated"],
            "admin_graphql_api_id": gid("MediaImage", picture["id"]),
        }

    def _shop(self, shop: str) -> dict[str, Any]:
        row = self._memory.row("SELECT * FROM shops WHERE domain = ?", shop)
        assert row is not None
        return {
            "id": row["id"],
            "name": row["title"],
            "domain": shop,
            "myshopify_domain": shop,
            "plan_name": row["plan"],
            "currency": "EUR",
            "updated_at": self._clock.stamp(),
        }


def _variant(doc: Doc, variant: Doc, place: int) -> dict[str, Any]:
    return {
        "admin_graphql_api_id": gid("ProductVariant", variant["id"]),
        "id": variant["id"],
        "product_id": doc["id"],
        "title": variant["title"],
        "position": place,
        "price": variant["price"],
        "compare_at_price": variant["compare_at"],
        "sku": variant["sku"],
        "inventory_quantity": variant["quantity"],
        "image_id": variant["media"][0] if variant["media"] else None,
    }
