"""A large catalogue, made within seconds: rows as the shop's own writes leave them, all showing one picture's file."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import Any

from connectors.sandbox.media import BY_UPLOAD
from connectors.sandbox.seed import picture
from connectors.sandbox.site import Site
from connectors.sandbox.state import stamp

COLOURS = ("Red", "Blue", "Green", "Sand", "Slate")
SIZES = ("S", "M", "L", "XL")
BRANDS, CATEGORIES = 40, 60
VARIABLE_EVERY, VARIATIONS = 5, 4
_INSERT = (
    "INSERT INTO posts (id, kind, status, parent_id, slug, sku, created, modified, doc)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
# Nobody touched them lately: what is new to a house that reads them is not new to the merchant.
_LONG_AGO = stamp(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
Row = tuple[int, str, str, int, str, str, str, str, str]


def fill(site: Site, products: int, *, photos: int = 3) -> None:
    """So many more products with `photos` each; every fifth has four variations, two with a picture of their own."""
    first = site.media_library.add(picture("#5d7f8c", round_top=False), "product.jpg", accepts=BY_UPLOAD)
    with site.state.change():
        brands = [_term(site, "product_brand", f"Brand {n}") for n in range(BRANDS)]
        categories = [_term(site, "product_cat", f"Category {n}") for n in range(CATEGORIES)]
        last = site.state.row("SELECT max(id) AS id FROM posts")
        ids = iter(range(int(last["id"]) + 1 if last else 1, 2**62))
        for n in range(products):
            terms = {"brands": [brands[n % BRANDS]], "categories": [categories[n % CATEGORIES]]}
            for row in _product(n, ids, first.doc, photos, terms):
                site.state.run(_INSERT, *row)


def _term(site: Site, taxonomy: str, name: str) -> int:
    slug = name.lower().replace(" ", "-")
    return site.state.run("INSERT INTO terms (taxonomy, name, slug) VALUES (?, ?, ?)", taxonomy, name, slug)


def _product(
    n: int, ids: Iterator[int], file: dict[str, Any], photos: int, terms: dict[str, list[int]]
) -> Iterator[Row]:
    name, variable = f"Product {n}", n % VARIABLE_EVERY == 0
    pictures = [next(ids) for _ in range(photos)]
    for nth, image in enumerate(pictures):
        yield _row(image, "attachment", f"product-{n}-{nth}", file | {"title": name, "alt": f"{name}, {nth}"})
    attributes = [_attribute("Colour", COLOURS[: 1 + n % 5], variable), _attribute("Size", SIZES, variable)]
    doc: dict[str, Any] = {
        "type": "variable" if variable else "simple",
        "name": name,
        "image_ids": pictures,
        **terms,
    }
    if not variable:
        doc |= {"regular_price": "24.00", "sale_price": "18.00" if n % 4 == 0 else ""}
    product = next(ids)
    yield _row(product, "product", f"product-{n}", doc | {"attributes": attributes}, sku=f"P-{n}")
    for nth in range(VARIATIONS if variable else 0):
        own = []
        if nth < 2:
            own = [next(ids)]
            yield _row(own[0], "attachment", f"product-{n}-of-{nth}", file | {"title": name, "alt": ""})
        option = {"id": 0, "name": "Size", "slug": "size", "option": SIZES[nth]}
        doc = {"type": "variation", "image_ids": own, "attributes": [option], "regular_price": f"{20 + nth}"}
        yield _row(next(ids), "variation", f"product-{n}-{nth}", doc, sku=f"P-{n}-{nth}", parent=product)


def _attribute(name: str, options: Sequence[str], variable: bool) -> dict[str, Any]:
    told = {"id": 0, "name": name, "slug": name, "position": 0, "visible": True}
    return told | {"variation": variable, "options": list(options)}


def _row(post: int, kind: str, slug: str, doc: dict[str, Any], *, sku: str = "", parent: int = 0) -> Row:
    status = "inherit" if kind == "attachment" else "publish"
    return post, kind, status, parent, slug, sku, _LONG_AGO, _LONG_AGO, json.dumps(doc)
