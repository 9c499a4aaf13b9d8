"""WooCommerce's JSON in our words. Tolerant: plugins and versions add, drop and mistype fields."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Mapping
from typing import Any

from connectors.errors import NotJson
from connectors.types import (
    ImageSize,
    ImageWrite,
    RemoteImage,
    RemoteProduct,
    RemoteVariant,
    RemoteWebhook,
)

# What a catalogue page needs; it cuts an answer of 100 products to a third.
PRODUCT_FIELDS = (
    "id,name,permalink,status,type,parent_id,sku,date_created_gmt,date_modified_gmt,images,variations,categories,tags,attributes,"
    "brands,price,regular_price,sale_price,on_sale,stock_status"
)
VARIATION_FIELDS = "id,name,sku,image,attributes,date_modified_gmt"
MEDIA_FIELDS = "id,slug,source_url,alt_text,title,media_details"
# Where our last write leaves its mark; the underscore hides it from the product's page in the admin.
MARK_KEY = "_vitrine_mark"


def product(data: Mapping[str, Any], variations: list[Mapping[str, Any]] | None = None) -> RemoteProduct:
    """A wc/v3 product. Without `variations` (a catalogue page) its variants carry their ids only."""
    if not isinstance(data, Mapping) or "id" not in data:
        raise NotJson("an answer without a product in it")
    variants = tuple(variant(v) for v in variations) if variations is not None else _bare_variants(data)
    return RemoteProduct(
        id=str(data["id"]),
        title=text(data.get("name")),
        url=text(data.get("permalink")),
        status=text(data.get("status")),
        type=text(data.get("type")),
        modified_at=gmt(data.get("date_modified_gmt")),
        created_at=gmt(data.get("date_created_gmt")) if data.get("date_created_gmt") else None,
        images=tuple(image(i) for i in _items(data, "images") if i.get("id")),  # 0 is a placeholder
        variants=variants,
        variants_told=variations is not None or not variants,
        parent_id=str(data["parent_id"]) if data.get("parent_id") else "",
        sku=text(data.get("sku")),
        categories=_names(data, "categories"),
        tags=_names(data, "tags"),
        vendor=_vendor(data),
        in_stock=_IN_STOCK.get(text(data.get("stock_status"))),
        mark=_mark(data),
        attributes=_attributes(data),
        price=_price(data.get("price")),
        regular_price=_price(data.get("regular_price")),
        sale_price=_price(data.get("sale_price")),
        on_sale=data["on_sale"] if isinstance(data.get("on_sale"), bool) else None,
        raw=data,
    )


# What can be ordered though none is there (backorder) can be sold, so it counts as in stock.
_IN_STOCK = {"instock": True, "onbackorder": True, "outofstock": False}


def variant(data: Mapping[str, Any]) -> RemoteVariant:
    """One of products/{id}/variations; its title is what its attributes say, such as "Red, Large"."""
    options = ", ".join(text(a.get("option")) for a in _items(data, "attributes") if a.get("option"))
    picture = data.get("image")
    return RemoteVariant(
        id=str(data["id"]),
        title=options or text(data.get("name")),
        sku=text(data.get("sku")),
        image=image(picture) if isinstance(picture, Mapping) and picture.get("id") else None,
    )


def image(data: Mapping[str, Any]) -> RemoteImage:
    """An entry of a product's images."""
    return RemoteImage(
        id=str(data.get("id", "")),
        src=text(data.get("src")),
        alt=text(data.get("alt")),
        name=text(data.get("name")),
        made=_srcset(text(data.get("srcset"))),
    )


def _srcset(told: str) -> tuple[ImageSize, ...]:
    """Since 10.5: ``address 640w, address 300w``. An address may hold a comma, so commas alone do not part them."""
    found = re.findall(r"(\S+)\s+(\d+)w(?:,|$)", told)
    return tuple(ImageSize(src, int(width)) for src, width in found)


def image_entry(entry: ImageWrite) -> dict[str, Any]:
    """What `PUT products/{id}` wants for one image. With both, WooCommerce lets the id win; so does this."""
    if entry.id:
        out: dict[str, Any] = {"id": int(entry.id)}
    else:
        out = {"src": entry.src}
    if entry.alt:
        out["alt"] = entry.alt
    if entry.name:
        out["name"] = entry.name
    return out


def media(data: Mapping[str, Any]) -> RemoteImage:
    """A wp/v2 media item, whose fields have other names than a product's image."""
    title = data.get("title")
    if isinstance(title, Mapping):
        title = title.get("raw") or title.get("rendered")
    if not data.get("id"):
        raise NotJson("an answer without a media item in it")
    return RemoteImage(
        id=str(data["id"]), src=text(data.get("source_url")), alt=text(data.get("alt_text")), name=text(title)
    )


def media_file(data: Mapping[str, Any]) -> str:
    """The file name of a media item, without its folder."""
    details = data.get("media_details")
    path = text(details.get("file")) if isinstance(details, Mapping) else ""
    return (path or text(data.get("source_url"))).rpartition("/")[2]


def media_sizes(data: Mapping[str, Any]) -> tuple[ImageSize, ...]:
    """The file of a media item and the sizes that WordPress made of it, each address once."""
    details = data.get("media_details")
    details = details if isinstance(details, Mapping) else {}
    made = details.get("sizes")
    found = [_size(text(data.get("source_url")), details)]
    if isinstance(made, Mapping):
        found += [
            _size(text(size.get("source_url")), size) for size in made.values() if isinstance(size, Mapping)
        ]
    # The file itself comes again among them, as "full".
    by_src: dict[str, ImageSize] = {}
    for size in found:
        by_src.setdefault(size.src, size)
    return tuple(size for src, size in by_src.items() if src)


def _size(src: str, told: Mapping[str, Any]) -> ImageSize:
    width, height = (str(told.get(name)) for name in ("width", "height"))
    # Some plugins write sizes as text.
    return ImageSize(src, *(int(n) if n.isdigit() else 0 for n in (width, height)))


def webhook(data: Mapping[str, Any]) -> RemoteWebhook:
    """One of wc/v3/webhooks; ``paused`` and ``disabled`` both mean that nothing comes."""
    return RemoteWebhook(
        id=str(data["id"]),
        topic=text(data.get("topic")),
        delivery_url=text(data.get("delivery_url")),
        active=data.get("status") == "active",
    )


def gmt(value: Any) -> dt.datetime:
    """A ``*_gmt`` time as an aware datetime; the epoch where the store has none, as some imports do."""
    try:
        parsed = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return dt.datetime.fromtimestamp(0, dt.UTC)
    return parsed.replace(tzinfo=dt.UTC) if parsed.tzinfo is None else parsed.astimezone(dt.UTC)


def text(value: Any) -> str:
    """A text field. WordPress encodes names as HTML (``&amp;``); we keep what the merchant typed."""
    return html.unescape(value) if isinstance(value, str) else ""


def _items(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = data.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _names(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(text(item.get("name")) for item in _items(data, key) if item.get("name"))


def _mark(data: Mapping[str, Any]) -> str:
    for entry in _items(data, "meta_data"):
        if entry.get("key") == MARK_KEY:
            return str(entry.get("value") or "")
    return ""


# Before WooCommerce 9.6 had brands, shops kept them as an attribute, and many still do.
_BRAND_ATTRIBUTES = {"brand", "brands", "vendor", "manufacturer", "pa_brand", "pa_manufacturer"}


def _vendor(data: Mapping[str, Any]) -> str:
    brands = _names(data, "brands")
    if brands:
        return brands[0]
    for attribute in _items(data, "attributes"):
        options = attribute.get("options")
        named = {text(attribute.get(key)).strip().lower() for key in ("name", "slug")}
        if named & _BRAND_ATTRIBUTES and isinstance(options, list) and options:
            return text(options[0])
    return ""


def _attributes(data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Name → options of what a product is told apart by: ``Colour`` → ``Red, Blue``. Equal names are one."""
    found: dict[str, tuple[str, ...]] = {}
    for attribute in _items(data, "attributes"):
        options = attribute.get("options")
        if not isinstance(options, list):
            options = [attribute.get("option")]  # as a variation has it
        name = text(attribute.get("name")).strip()
        named = [text(option).strip() for option in options]
        if name and any(named):
            found[name] = tuple(dict.fromkeys([*found.get(name, ()), *filter(None, named)]))
    return found


def _price(value: Any) -> str:
    """Prices are texts; plugins send numbers as well."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return text(value).strip()


def _bare_variants(data: Mapping[str, Any]) -> tuple[RemoteVariant, ...]:
    ids = data.get("variations")
    return (
        tuple(RemoteVariant(id=str(i), title="") for i in ids if isinstance(i, int))
        if isinstance(ids, list)
        else ()
    )
