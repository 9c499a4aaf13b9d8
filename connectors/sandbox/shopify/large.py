"""A large catalogue that lies nowhere: its products are worked out from their numbers whenever one is asked for."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from connectors.sandbox.seed import picture
from connectors.sandbox.shopify.memory import Doc

FIRST_PRODUCT, FIRST_MEDIA, FIRST_VARIANT = 9_000_000_000_000, 9_100_000_000_000, 9_200_000_000_000
FIRST_OPTION = 9_300_000_000_000
ROOM = 10  # so many numbers of pictures and of variants belong to each product
MOST_PHOTOS = 8
COLOURS = (
    ("Red", "#b5563c"),
    ("Blue", "#5d7f8c"),
    ("Green", "#6f8f6a"),
    ("Sand", "#b98b4e"),
    ("Slate", "#5b6068"),
)
SIZES = ("S", "M", "L", "XL")
VENDORS, TYPES, VARIABLE_EVERY = 40, 60, 5
# Nobody touched them lately: what is new to a house that reads them is not new to the merchant.
LONG_AGO = "2026-01-01T00:00:00Z"


def number_of(product_id: int, count: int) -> int | None:
    """Which of `count` made-up products this is."""
    n = product_id - FIRST_PRODUCT
    return n if 0 <= n < count else None


def of_media(media_id: int) -> int:
    """The product that a made-up picture belongs to."""
    return (media_id - FIRST_MEDIA) // ROOM


def of_variant(variant_id: int) -> int:
    """The product that a made-up variant belongs to."""
    return (variant_id - FIRST_VARIANT) // ROOM


def product(n: int, photos: int) -> Doc:
    """The product; every fifth has four variants, two of which show a picture of their own."""
    variable = n % VARIABLE_EVERY == 0
    media = [FIRST_MEDIA + n * ROOM + k for k in range(min(photos, MOST_PHOTOS))]
    own = [FIRST_MEDIA + n * ROOM + MOST_PHOTOS + k for k in range(2)] if variable and photos else []
    title = f"Product {n}"
    return {
        "id": FIRST_PRODUCT + n,
        "title": title,
        "handle": f"product-{n}",
        "status": "ACTIVE",
        "vendor": f"Vendor {n % VENDORS}",
        "product_type": f"Type {n % TYPES}",
        "tags": [f"tag-{n % 7}"],
        "html": f"<p>{title}</p>",
        "options": [_option(n, variable)],
        "variants": [_variant(n, k, own) for k in range(len(SIZES) if variable else 1)],
        "media": media + own,
        "collections": [],
        "created": LONG_AGO,
        "updated": LONG_AGO,
    }


def media(media_id: int) -> Doc:
    """A picture of one."""
    n, k = divmod(media_id - FIRST_MEDIA, ROOM)
    return {
        "id": media_id,
        "filename": f"product-{n}-{k}.jpg",
        "alt": f"Product {n}, {k}",
        "mime": "image/jpeg",
        "width": 1200,
        "height": 1200,
        "size": len(_drawn(n % len(COLOURS))) + 64,
        "sha": "",
        "version": 1767225600,
        "products": [FIRST_PRODUCT + n],
        "created": LONG_AGO,
        "updated": LONG_AGO,
        "born": 0.0,
        "ready": 0.0,
        "error": "",
        "update_error": "",
    }


def file(filename: str) -> bytes | None:
    """The bytes of ``product-N-K.jpg``: every file is another, few are drawn."""
    parts = filename.removesuffix(".jpg").split("-")
    if len(parts) != 3 or parts[0] != "product" or not (parts[1].isdigit() and parts[2].isdigit()):
        return None
    data, name = _drawn(int(parts[1]) % len(COLOURS)), filename.encode().ljust(60)
    # A comment right after the start of a JPEG: another file, the same picture.
    return data[:2] + b"\xff\xfe" + (len(name) + 2).to_bytes(2, "big") + name + data[2:]


@lru_cache(maxsize=len(COLOURS))
def _drawn(colour: int) -> bytes:
    return picture(COLOURS[colour][1], round_top=False)


def _option(n: int, variable: bool) -> dict[str, Any]:
    name, values = ("Size", list(SIZES)) if variable else ("Title", ["Default Title"])
    return {"id": FIRST_OPTION + n, "name": name, "values": values}


def _variant(n: int, k: int, own: list[int]) -> dict[str, Any]:
    variable = n % VARIABLE_EVERY == 0
    title = SIZES[k] if variable else "Default Title"
    return {
        "id": FIRST_VARIANT + n * ROOM + k,
        "title": title,
        "sku": f"P-{n}-{k}" if variable else f"P-{n}",
        "price": f"{20 + k}.00",
        "compare_at": "29.00" if n % 4 == 0 else None,
        "quantity": (n + k) % 9,
        "options": [title],
        "media": own[k : k + 1],
    }
