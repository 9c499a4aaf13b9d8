"""Rows as the JSON objects of wc/v3 and wp/v2, field for field as WooCommerce 10.5 sends them."""

from __future__ import annotations

import datetime as dt
import html
import sqlite3
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from connectors.sandbox.state import Post, State

ITEM_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

# Fields of a product that the sandbox keeps no rows for, as a fresh simple product has them.
_PRODUCT_REST: dict[str, Any] = {
    "featured": False, "catalog_visibility": "visible", "description": "", "short_description": "",
    "date_on_sale_from": None, "date_on_sale_from_gmt": None, "date_on_sale_to": None,
    "date_on_sale_to_gmt": None,
    "purchasable": True, "total_sales": 0, "virtual": False, "downloadable": False,
    "downloads": [], "download_limit": -1, "download_expiry": -1, "external_url": "", "button_text": "",
    "tax_status": "taxable", "tax_class": "", "manage_stock": False, "stock_quantity": None,
    "backorders": "no",
    "backorders_allowed": False, "backordered": False, "low_stock_amount": None, "sold_individually": False,
    "weight": "", "dimensions": {"length": "", "width": "", "height": ""}, "shipping_required": True,
    "shipping_taxable": True, "shipping_class": "", "shipping_class_id": 0, "reviews_allowed": True,
    "average_rating": "0.00", "rating_count": 0, "upsell_ids": [], "cross_sell_ids": [], "purchase_note": "",
    "brands": [], "attributes": [], "default_attributes": [], "grouped_products": [], "menu_order": 0,
    "related_ids": [], "stock_status": "instock", "post_password": "", "global_unique_id": "",
}  # fmt: skip
_VARIATION_REST = (
    "description", "date_on_sale_from", "date_on_sale_from_gmt", "date_on_sale_to", "date_on_sale_to_gmt",
    "purchasable", "virtual", "downloadable", "downloads", "download_limit", "download_expiry", "tax_status",
    "tax_class", "manage_stock", "stock_quantity", "stock_status", "backorders", "backorders_allowed",
    "backordered",
    "low_stock_amount", "weight", "dimensions", "shipping_class", "shipping_class_id", "menu_order",
)  # fmt: skip
WRITABLE = frozenset(_PRODUCT_REST) - {
    "related_ids",
    "purchasable",
    "average_rating",
    "rating_count",
    "total_sales",
}
PRICES = ("regular_price", "sale_price")


class Shapes:
    """Makes JSON for one site: it knows the address and the time zone."""

    def __init__(self, url: str, state: State, gmt_offset_h: float = 0.0) -> None:
        self.url = url
        self.state = state
        self._offset = dt.timedelta(hours=gmt_offset_h)

    def product(self, post: Post) -> dict[str, Any]:
        """wc/v3 products/{id}; of a variation too, as WooCommerce lets one be read there."""
        doc = post.doc
        variations = [
            p.id for p in self.state.posts("parent_id = ? AND kind = 'variation' ORDER BY id", post.id)
        ]
        out: dict[str, Any] = {"id": post.id, "name": doc.get("name", ""), "slug": post.slug}
        out |= {"permalink": self.permalink(post), **self.dates(post)}
        out |= {"type": doc.get("type", "simple"), "status": post.status}
        out |= {k: doc.get(k, default) for k, default in _PRODUCT_REST.items()}
        if variations:
            out["stock_status"] = self._stock_of(variations)
        out |= {"sku": post.sku, **self._prices(post, variations), "parent_id": post.parent_id}
        out["purchasable"] = bool(out["price"])
        out |= {
            "categories": self._terms(doc.get("categories", [15])),
            "tags": self._terms(doc.get("tags", [])),
            "brands": self._terms(doc.get("brands", [])),
        }
        out["images"] = [self._image(a) for a in self.attachments(self._shown_by(post))]
        if post.kind == "variation":
            out["name"] = self._variation_name(post)
        out |= {
            "variations": variations,
            "has_options": bool(variations),
            "meta_data": doc.get("meta_data", []),
        }
        return out | self._links(f"wc/v3/products/{post.id}", "wc/v3/products")

    def variation(self, post: Post) -> dict[str, Any]:
        """wc/v3 products/{pid}/variations/{id}: one `image` instead of a list."""
        doc = post.doc
        images = self.attachments(self._shown_by(post))
        picture = self._image(images[0]) if images else None
        out: dict[str, Any] = {"id": post.id, "type": "variation", **self.dates(post), "status": post.status}
        out |= {
            "permalink": self.permalink(post),
            "sku": post.sku,
            "global_unique_id": "",
            **self._prices(post, []),
        }
        out |= {k: doc.get(k, _PRODUCT_REST[k]) for k in _VARIATION_REST}
        out["image"] = {k: v for k, v in picture.items() if k not in _IMAGE_EXTRAS} if picture else None
        out |= {"attributes": doc.get("attributes", []), "meta_data": doc.get("meta_data", [])}
        out |= {
            "name": ", ".join(a.get("option", "") for a in doc.get("attributes", [])),
            "parent_id": post.parent_id,
        }
        base = f"wc/v3/products/{post.parent_id}"
        links = self._links(f"{base}/variations/{post.id}", f"{base}/variations")
        links["_links"]["up"] = [{"href": f"{self.url}/wp-json/{base}"}]
        return out | links

    def media(self, post: Post) -> dict[str, Any]:
        """wp/v2/media/{id}."""
        doc = post.doc
        src, title = self.src(post), doc["title"]
        dates = self.dates(post)
        return {
            "id": post.id,
            "date": dates["date_created"],
            "date_gmt": dates["date_created_gmt"],
            "guid": {"rendered": src, "raw": src},
            "modified": dates["date_modified"],
            "modified_gmt": dates["date_modified_gmt"],
            "slug": post.slug,
            "status": "inherit",
            "type": "attachment",
            "link": f"{self.url}/?attachment_id={post.id}",
            "title": {"raw": title, "rendered": html.escape(title)},
            "author": doc["author"],
            "featured_media": 0,
            "comment_status": "open",
            "ping_status": "closed",
            "template": "",
            "meta": [],
            "description": {"raw": doc["description"], "rendered": doc["description"]},
            "caption": {
                "raw": doc["caption"],
                "rendered": f"<p>{doc['caption']}</p>\n" if doc["caption"] else "",
            },
            "alt_text": doc["alt"],
            "media_type": "image",
            "mime_type": doc["mime"],
            "media_details": self._media_details(post),
            "post": post.parent_id or None,
            "source_url": src,
            "missing_image_sizes": [],
            "filename": PurePosixPath(doc["file"]).name,
            "filesize": doc["filesize"],
        } | self._links(f"wp/v2/media/{post.id}", "wp/v2/media")

    def webhook(self, row: sqlite3.Row) -> dict[str, Any]:
        """wc/v3 webhooks/{id}: never its secret, never its count of failures."""
        resource, _, event = row["topic"].partition(".")
        out = {k: row[k] for k in ("id", "name", "status", "topic")} | {"resource": resource, "event": event}
        out |= {"hooks": list(HOOKS[row["topic"]]), "delivery_url": row["delivery_url"]}
        out |= {"date_created": self._local(row["created"]), "date_created_gmt": row["created"]}
        modified = row["modified"]
        out |= {"date_modified": self._local(modified) if modified else None, "date_modified_gmt": modified}
        return out | self._links(f"wc/v3/webhooks/{row['id']}", "wc/v3/webhooks")

    def _shown_by(self, post: Post) -> list[int]:
        """A product's images; a variation without one of its own shows its parent's main image, under that id."""
        own: list[int] = post.doc.get("image_ids", [])
        if own or post.kind != "variation":
            return own
        parent = self.state.post(post.parent_id, "product")
        return parent.doc.get("image_ids", [])[:1] if parent else []

    def attachments(self, ids: Sequence[int]) -> list[Post]:
        """The attachments that still exist, in this order."""
        return [found for i in ids if (found := self.state.post(i, "attachment"))]

    def src(self, post: Post, size: str = "") -> str:
        """The address of an attachment's file, or of one of its sizes where it was made."""
        path = PurePosixPath(post.doc["file"])
        made = post.doc["sizes"].get(size)
        return f"{self.url}/wp-content/uploads/{path.with_name(made['file']) if made else path}"

    def permalink(self, post: Post) -> str:
        """Where a person looks at the product."""
        parent = self.state.post(post.parent_id, "product") if post.kind == "variation" else None
        if parent is None:
            return f"{self.url}/product/{post.slug}/"
        query = "&".join(
            f"attribute_{a.get('slug', '')}={a.get('option', '')}" for a in post.doc.get("attributes", [])
        )
        return f"{self.url}/product/{parent.slug}/?{query}"

    def dates(self, post: Post) -> dict[str, str]:
        """Created and modified, in site time and GMT."""
        return {
            "date_created": self._local(post.created),
            "date_created_gmt": post.created,
            "date_modified": self._local(post.modified),
            "date_modified_gmt": post.modified,
        }

    def _local(self, gmt: str) -> str:
        return f"{dt.datetime.fromisoformat(gmt) + self._offset:%Y-%m-%dT%H:%M:%S}"

    def _image(self, post: Post) -> dict[str, Any]:
        src, doc = self.src(post), post.doc
        ratio = doc["width"] / doc["height"]
        widths = [(doc["width"], src)]
        for name, size in doc["sizes"].items():
            if abs(size["width"] / size["height"] - ratio) < 0.02:
                widths.append((size["width"], self.src(post, name)))
        return {
            "id": post.id,
            **self.dates(post),
            "src": src,
            "name": doc["title"],
            "alt": doc["alt"],
            "srcset": ", ".join(f"{address} {width}w" for width, address in widths),
            "sizes": f"(max-width: {doc['width']}px) 100vw, {doc['width']}px",
            "thumbnail": self.src(post, "woocommerce_thumbnail"),
        }

    def _media_details(self, post: Post) -> dict[str, Any]:
        doc = post.doc
        sizes = {name: size | {"source_url": self.src(post, name)} for name, size in doc["sizes"].items()}
        full = {"file": PurePosixPath(doc["file"]).name, "width": doc["width"], "height": doc["height"]}
        sizes["full"] = full | {"mime_type": doc["mime"], "source_url": self.src(post)}
        details = {
            "width": doc["width"],
            "height": doc["height"],
            "file": doc["file"],
            "filesize": doc["filesize"],
        }
        if doc.get("original"):
            details["original_image"] = doc["original"]
        return details | {"sizes": sizes, "image_meta": {}}

    def _prices(self, post: Post, variations: Sequence[int]) -> dict[str, Any]:
        regular, sale = (str(post.doc.get(name, "")) for name in PRICES)
        price, on_sale = _sold_at(regular, sale)
        if variations:
            # A variable product has no regular price of its own: it costs what its cheapest variation does.
            have = [p for i in variations if (p := self.state.post(i, "variation"))]
            sold = [_sold_at(*(str(p.doc.get(name, "")) for name in PRICES)) for p in have]
            regular = sale = ""
            price = min((at for at, _ in sold if at), key=_amount, default="")
            on_sale = any(reduced for _, reduced in sold)
        shown = (
            f'<span class="woocommerce-Price-amount amount"><bdi>&#36;{price}</bdi></span>' if price else ""
        )
        prices = {"price": price, "regular_price": regular, "sale_price": sale, "on_sale": on_sale}
        return prices | ({"price_html": shown} if post.kind == "product" else {})

    def _stock_of(self, variations: Sequence[int]) -> str:
        """A variable product's stock is the best of its variations', as WooCommerce keeps it."""
        found = [self.state.post(i, "variation") for i in variations]
        have = {p.doc.get("stock_status", "instock") for p in found if p}
        return next((s for s in ("instock", "onbackorder") if s in have), "outofstock")

    def _terms(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        found = (self.state.row("SELECT id, name, slug FROM terms WHERE id = ?", i) for i in ids)
        return [dict(row) for row in found if row]

    def _variation_name(self, post: Post) -> str:
        parent = self.state.post(post.parent_id, "product")
        options = ", ".join(a.get("option", "") for a in post.doc.get("attributes", []))
        return f"{parent.doc.get('name', '')} - {options}" if parent else options

    def _links(self, item: str, collection: str) -> dict[str, Any]:
        own = {"href": f"{self.url}/wp-json/{item}", "targetHints": {"allow": ITEM_METHODS}}
        return {"_links": {"self": [own], "collection": [{"href": f"{self.url}/wp-json/{collection}"}]}}


def _sold_at(regular: str, sale: str) -> tuple[str, bool]:
    """The price, and whether it is a reduced one: a sale price that is not below the regular one is none."""
    reduced = bool(sale) and (not regular or _amount(sale) < _amount(regular))
    return (sale if reduced else regular), reduced


def _amount(price: str) -> float:
    try:
        return float(price)
    except ValueError:
        return 0.0


_IMAGE_EXTRAS = frozenset({"srcset", "sizes", "thumbnail"})

HOOKS = {
    "product.created": (
        "woocommerce_process_product_meta", "woocommerce_new_product", "woocommerce_new_product_variation",
    ),
    "product.updated": (
        "woocommerce_process_product_meta", "woocommerce_update_product",
        "woocommerce_update_product_variation",
    ),
    "product.deleted": ("wp_trash_post",),
    "product.restored": ("untrashed_post",),
}  # fmt: skip
