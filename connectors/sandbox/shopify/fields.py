"""What the fields of the API's objects hold. A field that isn't here is not played, and says so.

`FIELDS[type][field]` is called with the object (as it lies in memory), the call, and the arguments. `LISTS` are
connections: they give the objects in order, and whoever asked makes pages or lines of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from connectors.sandbox.shopify.memory import Doc
from connectors.sandbox.shopify.payloads import gid

if TYPE_CHECKING:
    from connectors.sandbox.shopify.engine import Call

Field = Callable[..., Any]
Rows = Callable[..., Iterable[Doc]]


def typed(kind: str, doc: Doc) -> Doc:
    """An object that knows its type, for fields of an interface."""
    doc["__typename"] = kind
    return doc


def number(given: str, kind: str) -> int:
    """The number of a thing by its id; 0 for what is no id of this kind."""
    found = re.fullmatch(rf"gid://shopify/{kind}/(\d+)", given)
    return int(found[1]) if found else 0


def medium_number(given: str) -> int:
    """As `number`, for media of any kind."""
    return number(given, "MediaImage") or number(given, "Video")


def _media(call: Call, ids: Iterable[int]) -> list[Doc]:
    return [typed(doc.get("kind", "MediaImage"), doc) for doc in call.site.media.many(call.shop, list(ids))]


def _collections(product: Doc, call: Call, sortKey: str = "ID", query: str | None = None) -> list[Doc]:
    _plain_only(query, sortKey == "ID")
    return sorted(product["collections"], key=lambda one: one["id"])


def _plain_only(query: str | None, ordered: bool) -> None:
    if query or not ordered:
        raise NotImplementedError("the sandbox does not play filters or this order in this list")


def _product_media(
    product: Doc, call: Call, sortKey: str = "POSITION", query: str | None = None
) -> list[Doc]:
    _plain_only(query, sortKey in {"POSITION", "ID"})
    ids = sorted(product["media"]) if sortKey == "ID" else product["media"]
    return _media(call, ids)


def _variants(product: Doc, call: Call, sortKey: str = "POSITION") -> list[Doc]:
    _plain_only(None, sortKey in {"POSITION", "ID"})  # numbers rise with the place here
    return [
        {**variant, "place": n, "product": product} for n, variant in enumerate(product["variants"], start=1)
    ]


def _money(call: Call, amount: str) -> Doc:
    return {"amount": amount, "currencyCode": "EUR"}


def _range(product: Doc, call: Call, key: str, names: tuple[str, str]) -> Doc | None:
    amounts = sorted((v[key] for v in product["variants"] if v[key] is not None), key=float)
    if not amounts:
        return None
    return {names[0]: _money(call, amounts[-1]), names[1]: _money(call, amounts[0])}


def _count(how_many: int) -> Doc:
    return {"count": how_many, "precision": "EXACT"}


def _image(picture: Doc, call: Call) -> Doc | None:
    if picture["error"] or call.site.clock.now() < picture["ready"]:
        return None
    return {"picture": picture}


def _image_url(image: Doc, call: Call, transform: Mapping[str, Any] | None = None) -> str:
    address = call.site.media.cdn(call.shop, image["picture"])
    wanted = {
        name: (transform or {}).get(key) for name, key in (("width", "maxWidth"), ("height", "maxHeight"))
    }
    asked = {name: value for name, value in wanted.items() if value}
    return f"{address}&{urlencode(asked)}" if asked else address


def _errors(code: str) -> list[Doc]:
    if not code:
        return []
    return [{"code": code, "message": code.replace("_", " ").capitalize(), "details": None}]


def _original(picture: Doc, call: Call) -> Doc | None:
    if picture["error"]:
        return None
    return {"url": call.site.media.original(call.shop, picture), "fileSize": picture["size"]}


def _file_status(picture: Doc, call: Call) -> str:
    return "FAILED" if picture["update_error"] else call.site.media.status(picture)


def _featured(product: Doc, call: Call) -> Doc | None:
    found = _media(call, product["media"][:1])
    return found[0] if found else None


def namespace_of(given: str | None) -> str:
    """A namespace as it is kept: ``$app`` stands for the app's own, which no other app can write."""
    return re.sub(r"^\$app(:|$)", r"app--1\1", given or "$app").replace(":", "--")


def _metafield(product: Doc, call: Call, key: str, namespace: str | None = None) -> Doc | None:
    return product.get("metafields", {}).get(f"{namespace_of(namespace)}.{key}")


def _online(product: Doc, call: Call, *, preview: bool = False) -> str | None:
    shown = product["status"] == "ACTIVE"
    return f"{call.site.url}/{call.shop}/products/{product['handle']}" if shown or preview else None


_PRODUCT: dict[str, Field] = {
    "category": lambda p, c: None,
    "compareAtPriceRange": lambda p, c: _range(
        p, c, "compare_at", ("maxVariantCompareAtPrice", "minVariantCompareAtPrice")
    ),
    "createdAt": lambda p, c: p["created"],
    "description": lambda p, c, truncateAt=None: re.sub(r"<[^>]*>", "", p["html"])[:truncateAt],
    "descriptionHtml": lambda p, c: p["html"],
    "featuredMedia": _featured,
    "handle": lambda p, c: p["handle"],
    "hasOnlyDefaultVariant": lambda p, c: [v["title"] for v in p["variants"]] == ["Default Title"],
    "hasOutOfStockVariants": lambda p, c: any(v["quantity"] <= 0 for v in p["variants"]),
    "id": lambda p, c: gid("Product", p["id"]),
    "isGiftCard": lambda p, c: False,
    "legacyResourceId": lambda p, c: str(p["id"]),
    "mediaCount": lambda p, c: _count(len(p["media"])),
    "metafield": _metafield,
    "onlineStorePreviewUrl": lambda p, c: _online(p, c, preview=True),
    "onlineStoreUrl": _online,
    "options": lambda p, c, first=None: [
        {**option, "place": n} for n, option in enumerate(p["options"], start=1)
    ][:first],
    "priceRangeV2": lambda p, c: _range(p, c, "price", ("maxVariantPrice", "minVariantPrice")),
    "productType": lambda p, c: p["product_type"],
    "publishedAt": lambda p, c: p["created"] if p["status"] == "ACTIVE" else None,
    "status": lambda p, c: p["status"],
    "tags": lambda p, c: sorted(p["tags"], key=str.lower),
    "title": lambda p, c: p["title"],
    "totalInventory": lambda p, c: sum(v["quantity"] for v in p["variants"]),
    "tracksInventory": lambda p, c: True,
    "updatedAt": lambda p, c: p["updated"],
    "variantsCount": lambda p, c: _count(len(p["variants"])),
    "vendor": lambda p, c: p["vendor"],
}

_VARIANT: dict[str, Field] = {
    "availableForSale": lambda v, c: v["quantity"] > 0,
    "barcode": lambda v, c: None,
    "compareAtPrice": lambda v, c: v["compare_at"],
    "createdAt": lambda v, c: v["product"]["created"],
    "displayName": lambda v, c: f"{v['product']['title']} - {v['title']}",
    "id": lambda v, c: gid("ProductVariant", v["id"]),
    "inventoryPolicy": lambda v, c: "DENY",
    "inventoryQuantity": lambda v, c: v["quantity"],
    "legacyResourceId": lambda v, c: str(v["id"]),
    "position": lambda v, c: v["place"],
    "price": lambda v, c: v["price"],
    "product": lambda v, c: v["product"],
    "selectedOptions": lambda v, c: [
        {"name": option["name"], "value": value}
        for option, value in zip(v["product"]["options"], v["options"], strict=False)
    ],
    "sku": lambda v, c: v["sku"],
    "title": lambda v, c: v["title"],
    "updatedAt": lambda v, c: v["product"]["updated"],
}

_MEDIA_IMAGE: dict[str, Field] = {
    "alt": lambda m, c: m["alt"] or None,
    "createdAt": lambda m, c: m["created"],
    "fileErrors": lambda m, c: _errors(m["update_error"] or (m["error"] if _settled(m, c) else "")),
    "fileStatus": _file_status,
    "id": lambda m, c: gid("MediaImage", m["id"]),
    "image": _image,
    "mediaContentType": lambda m, c: "IMAGE",
    "mediaErrors": lambda m, c: _errors(m["error"] if _settled(m, c) else ""),
    "mediaWarnings": lambda m, c: [],
    "mimeType": lambda m, c: m["mime"] or None,
    "originalSource": _original,
    "preview": lambda m, c: {"image": _image(m, c), "status": c.site.media.status(m)},
    "status": lambda m, c: c.site.media.status(m),
    "updatedAt": lambda m, c: m["updated"],
}


_VIDEO: dict[str, Field] = {
    **{name: _MEDIA_IMAGE[name] for name in ("alt", "createdAt", "updatedAt", "preview", "status")},
    **{name: _MEDIA_IMAGE[name] for name in ("fileErrors", "fileStatus", "mediaErrors", "mediaWarnings")},
    "id": lambda m, c: gid("Video", m["id"]),
    "mediaContentType": lambda m, c: "VIDEO",
}


def _settled(picture: Doc, call: Call) -> bool:
    return call.site.clock.now() >= picture["ready"]


FIELDS: dict[str, dict[str, Field]] = {
    "Product": _PRODUCT,
    "ProductVariant": _VARIANT,
    "MediaImage": _MEDIA_IMAGE,
    "Video": _VIDEO,
    "ProductOption": {
        "id": lambda o, c: gid("ProductOption", o["id"]),
        "name": lambda o, c: o["name"],
        "position": lambda o, c: o["place"],
        "values": lambda o, c: o["values"],
        "optionValues": lambda o, c: [
            {"id": gid("ProductOptionValue", o["id"] * 100 + n), "name": value, "hasVariants": True}
            for n, value in enumerate(o["values"])
        ],
    },
    "Image": {
        "altText": lambda i, c: i["picture"]["alt"] or None,
        "height": lambda i, c: i["picture"]["height"],
        "id": lambda i, c: gid("ImageSource", i["picture"]["id"]),
        "url": _image_url,
        "width": lambda i, c: i["picture"]["width"],
    },
    "Collection": {
        "handle": lambda o, c: o["handle"],
        "id": lambda o, c: gid("Collection", o["id"]),
        "title": lambda o, c: o["title"],
        "updatedAt": lambda o, c: "2026-01-01T00:00:00Z",
    },
}

LISTS: dict[str, dict[str, Rows]] = {
    "Product": {
        "collections": _collections,
        "media": _product_media,
        "variants": _variants,
    },
    "ProductVariant": {"media": lambda v, c: _media(c, v["media"])},
}
