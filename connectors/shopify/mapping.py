"""Shopify's products in our words. The same shape comes from a query and, put together, from the file of a bulk
operation."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from connectors.errors import NotJson
from connectors.types import ImageSize, RemoteImage, RemoteProduct, RemoteVariant

Fields = Mapping[str, Any]

_GID = re.compile(r"gid://shopify/([A-Za-z0-9]{1,60})/([0-9]{1,20})(?:\?.*)?")
_STATUS = {"ACTIVE": "publish", "DRAFT": "draft", "ARCHIVED": "archived", "UNLISTED": "unlisted"}
# The CDN makes every size when it is asked for; these are what themes ask for on phones and desks.
WIDTHS_PX = (375, 750, 1500)


def gid(kind: str, number: str) -> str:
    """The long id: ``gid://shopify/Product/7``."""
    return f"gid://shopify/{kind}/{number}"


def kind_and_number(value: Any) -> tuple[str, str]:
    """The two halves of a long id. Raises NotJson."""
    found = _GID.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise NotJson("an answer without an id where one was due")
    return found.group(1), found.group(2)


def number_of(value: Any) -> str:
    """The number of a long id. Raises NotJson."""
    return kind_and_number(value)[1]


def nodes(data: Fields, name: str) -> list[Fields]:
    """What a connection holds, of what was asked of it."""
    connection = data.get(name)
    held = connection.get("nodes") if isinstance(connection, Mapping) else None
    return [node for node in held if isinstance(node, Mapping)] if isinstance(held, list) else []


def rest_of(data: Fields, name: str) -> str:
    """The cursor behind which a connection goes on, "" where it holds all there is."""
    connection = data.get(name)
    info = connection.get("pageInfo") if isinstance(connection, Mapping) else None
    if not isinstance(info, Mapping) or not info.get("hasNextPage"):
        return ""
    return text(info.get("endCursor"))


def product(data: Fields, shop: str) -> RemoteProduct:
    """A product. Where its variants go on behind a cursor, they are not told, but those that are there are named."""
    number = number_of(data.get("id"))
    images = tuple(image(node) for node in nodes(data, "media") if is_picture(node))
    plain = data.get("hasOnlyDefaultVariant") is True
    listed, whole = nodes(data, "variants"), not rest_of(data, "variants")
    price, was = _lowest(data, "priceRangeV2", "minVariantPrice"), _compared(data)
    return RemoteProduct(
        id=number,
        title=text(data.get("title")),
        url=text(data.get("onlineStoreUrl")) or f"https://{shop}/products/{text(data.get('handle'))}",
        status=_STATUS.get(text(data.get("status")), text(data.get("status")).lower()),
        type="simple" if plain else "variable",
        modified_at=moment(data.get("updatedAt")) or dt.datetime.fromtimestamp(0, dt.UTC),
        created_at=moment(data.get("createdAt")),
        images=images,
        # A product without variants has one that nobody sees.
        variants=() if plain else _variants(listed, images, told=whole),
        variants_told=plain or whole,
        sku=text(listed[0].get("sku")) if plain and listed else "",
        categories=_categories(data),
        tags=tuple(text(tag) for tag in _list(data.get("tags")) if tag),
        vendor=text(data.get("vendor")),
        in_stock=_in_stock(data, listed, whole),
        attributes={} if plain else _attributes(data),
        price=price,
        regular_price=was or price,
        sale_price=price if was else "",
        on_sale=bool(was),
        mark=_mark(data),
        raw=data,
    )


def _mark(data: Fields) -> str:
    kept = data.get("mark")
    return text(kept.get("value")) if isinstance(kept, Mapping) else ""


def is_picture(node: Fields) -> bool:
    """Whether a media item is a picture that shoppers see: no video, no model, and past its processing."""
    shown = node.get("image")
    return node.get("status") == "READY" and isinstance(shown, Mapping) and bool(text(shown.get("url")))


def image(node: Fields) -> RemoteImage:
    """A picture of a product.

    Its address keeps ``?v=``: a file whose bytes were exchanged keeps its id and its name, and that number alone tells.
    """
    shown = node["image"]
    src, width, height = text(shown["url"]), _number(shown.get("width")), _number(shown.get("height"))
    made = [ImageSize(src, width, height)]
    made += [_scaled(src, width, height, at) for at in WIDTHS_PX if at < width]
    return RemoteImage(
        id=number_of(node.get("id")),
        src=src,
        alt=text(node.get("alt")),
        name=PurePosixPath(unquote(urlsplit(src).path)).stem,
        made=tuple(made),
    )


def _scaled(src: str, width: int, height: int, to_width: int) -> ImageSize:
    parts = urlsplit(src)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("width", str(to_width))])
    return ImageSize(parts._replace(query=query).geturl(), to_width, round(height * to_width / width))


def _variants(
    listed: Iterable[Fields], images: Iterable[RemoteImage], *, told: bool
) -> tuple[RemoteVariant, ...]:
    """A variant shows one of the product's own pictures, or none of its own."""
    if not told:
        return tuple(RemoteVariant(id=number_of(node.get("id")), title="") for node in listed)
    by_id = {one.id: one for one in images}
    return tuple(
        RemoteVariant(
            id=number_of(node.get("id")),
            title=text(node.get("title")),
            sku=text(node.get("sku")),
            image=next((by_id[m] for m in media_of(node) if m in by_id), None),
        )
        for node in listed
    )


def media_of(variant: Fields) -> list[str]:
    """The numbers of the media that a variant shows."""
    return [number_of(node.get("id")) for node in nodes(variant, "media")]


def _categories(data: Fields) -> tuple[str, ...]:
    """The merchant's own product type, then the place in Shopify's taxonomy, then the collections; each once."""
    taxon = data.get("category")
    named = [
        text(data.get("productType")).strip(),
        text(taxon.get("name")).strip() if isinstance(taxon, Mapping) else "",
        *(text(node.get("title")).strip() for node in nodes(data, "collections")),
    ]
    return tuple(dict.fromkeys(filter(None, named)))


def _attributes(data: Fields) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for option in _list(data.get("options")):
        if isinstance(option, Mapping) and text(option.get("name")):
            found[text(option["name"])] = tuple(text(value) for value in _list(option.get("values")))
    return found


def _in_stock(data: Fields, listed: list[Fields], whole: bool) -> bool | None:
    """Whether any of it can be bought; None where a list knows too little."""
    if any(node.get("availableForSale") is True for node in listed):
        return True
    if whole and listed:
        return False
    if data.get("tracksInventory") is False:
        return True
    return True if _number(data.get("totalInventory")) > 0 else None


def _compared(data: Fields) -> str:
    """The lowest price before a reduction, "" where nothing is reduced."""
    price = _lowest(data, "priceRangeV2", "minVariantPrice")
    most = _lowest(data, "compareAtPriceRange", "maxVariantCompareAtPrice")
    least = _lowest(data, "compareAtPriceRange", "minVariantCompareAtPrice")
    if not price or not most or Decimal(most) <= Decimal(price):
        return ""
    return least if least and Decimal(least) > Decimal(price) else most


def _lowest(data: Fields, range_name: str, name: str) -> str:
    """An amount with two decimals at least, as Shopify shows it elsewhere."""
    span = data.get(range_name)
    money = span.get(name) if isinstance(span, Mapping) else None
    try:
        amount = Decimal(str(money.get("amount"))) if isinstance(money, Mapping) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite():
        return ""
    exponent = amount.as_tuple().exponent
    return str(amount.quantize(Decimal("0.01")) if isinstance(exponent, int) and exponent > -2 else amount)


def text(value: Any) -> str:
    """A text field, "" for anything else."""
    return value if isinstance(value, str) else ""


def count(value: Any) -> int | None:
    """A count, which comes as a number or, where it may be large, as text."""
    written = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(written) if written.isascii() and written.isdigit() and len(written) < 20 else None


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def moment(value: Any) -> dt.datetime | None:
    """A time as an aware datetime; None for what is none."""
    try:
        parsed = dt.datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    return parsed.replace(tzinfo=dt.UTC) if parsed.tzinfo is None else parsed.astimezone(dt.UTC)
