"""The products of all shops: those that somebody made, and the made-up ones of a large catalogue."""

from __future__ import annotations

import base64
import heapq
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.shopify import large
from connectors.sandbox.shopify.clock import Clock
from connectors.sandbox.shopify.hooks import Hooks
from connectors.sandbox.shopify.media import Media
from connectors.sandbox.shopify.memory import Doc, Memory
from connectors.sandbox.shopify.search import Search

# Deeper than this no list is paged: https://shopify.dev/docs/api/usage/limits
MOST_PAGED = 25_000
SORTS = {"ID": "", "RELEVANCE": "", "UPDATED_AT": "updated", "CREATED_AT": "created"}
_CHUNK = 250
Key = tuple[Any, ...]


class BadPage(ValueError):
    """A page that Shopify would not give."""


@dataclass(frozen=True)
class Listed:
    """A page of products, each with the cursor behind it."""

    products: list[tuple[str, Doc]]
    more: bool


class Catalogue:
    """Reading and writing products; every write tells the webhooks."""

    def __init__(self, memory: Memory, clock: Clock, media: Media, hooks: Hooks) -> None:
        self._memory, self._clock, self._media, self._hooks = memory, clock, media, hooks

    # -- reading --------------------------------------------------------------------------------------------

    def product(self, shop: str, product_id: int) -> Doc | None:
        """The product as it is now, or None."""
        row = self._memory.row("SELECT doc, gone FROM products WHERE shop = ? AND id = ?", shop, product_id)
        if row is not None:
            return None if row["gone"] else json.loads(row["doc"])
        count, photos = self._memory.large(shop)
        n = large.number_of(product_id, count)
        return None if n is None else large.product(n, photos)

    def by_variant(self, shop: str, variant_id: int) -> Doc | None:
        """The product that has this variant."""
        if variant_id >= large.FIRST_VARIANT:
            found = self.product(shop, large.FIRST_PRODUCT + large.of_variant(variant_id))
        else:
            row = self._memory.row(
                "SELECT p.doc FROM products p, json_each(p.doc, '$.variants') v"
                " WHERE p.shop = ? AND p.gone = 0 AND json_extract(v.value, '$.id') = ?",
                *(shop, variant_id),
            )
            found = json.loads(row["doc"]) if row else None
        return found if found and any(v["id"] == variant_id for v in found["variants"]) else None

    def page(
        self,
        shop: str,
        search: Search,
        *,
        sort: str = "ID",
        reverse: bool = False,
        after: str = "",
        size: int,
    ) -> Listed:
        """So many products behind the cursor `after`. Raises `BadPage`."""
        if sort not in SORTS:
            raise BadPage(f"the sandbox does not sort by {sort}")
        start, position = _opened(after)
        found: list[tuple[str, Doc]] = []
        for key, doc in self._in_order(shop, search, SORTS[sort], reverse, start):
            if len(found) == size:
                return Listed(found, more=True)
            position += 1
            if position > MOST_PAGED:
                raise BadPage("Pagination is limited to 25000 objects; narrow the search down")
            found.append((_cursor(key, position), doc))
        return Listed(found, more=False)

    def all(self, shop: str, search: Search) -> Iterator[Doc]:
        """Every product, by number."""
        return (doc for _, doc in self._in_order(shop, search, "", False, None))

    def count(self, shop: str, search: Search, most: int | None = None) -> int:
        """How many there are; counted up to `most`."""
        if not search.terms and most is None:
            made_up, _ = self._memory.large(shop)
            stored = self._memory.row(
                "SELECT count(*) AS n, sum(gone) AS gone, sum(id >= ?) AS over FROM products WHERE shop = ?",
                *(large.FIRST_PRODUCT, shop),
            )
            assert stored is not None
            return made_up + int(stored["n"]) - int(stored["gone"] or 0) - int(stored["over"] or 0)
        counted = 0
        for counted, _ in enumerate(self.all(shop, search), start=1):
            if counted == most:
                break
        return counted

    # -- writing --------------------------------------------------------------------------------------------

    def create(self, shop: str, given: Mapping[str, Any], photos: Sequence[tuple[str, bytes]] = ()) -> Doc:
        """A product as a merchant makes it, with photos that are ready at once."""
        title = str(given.get("title") or "Product")
        now = self._clock.stamp()
        variants = given.get("variants") or [{}]
        with self._memory.change():
            doc: Doc = {
                "id": self._memory.next_id(),
                "title": title,
                "handle": str(given.get("handle") or handle_of(title)),
                "status": given.get("status", "ACTIVE"),
                "vendor": given.get("vendor", ""),
                "product_type": given.get("product_type", ""),
                "tags": list(given.get("tags", ())),
                "html": given.get("html", ""),
                "options": self._options(given.get("option", ""), variants),
                "variants": [self._variant(entry) for entry in variants],
                "media": [],
                "collections": [self._collection(name) for name in given.get("collections", ())],
                "created": now,
                "updated": now,
            }
            self.attach(shop, doc, [self._media.add(shop, data, name, at_once=True) for name, data in photos])
            for entry, made in zip(variants, doc["variants"], strict=True):
                if entry.get("photo") is not None:
                    made["media"] = [doc["media"][entry["photo"]]]
            self.save(shop, doc, topic="products/create")
        return doc

    def change(self, shop: str, product_id: int, changes: Mapping[str, Any]) -> Doc:
        """A merchant edits a product; nothing changed tells the webhooks all the same. Raises `KeyError`."""
        with self._memory.change():
            doc = self.product(shop, product_id)
            if doc is None:
                raise KeyError(product_id)
            doc |= {
                name: value for name, value in changes.items() if name in doc and name not in {"id", "media"}
            }
            self.save(shop, doc)
        return doc

    def delete(self, shop: str, product_id: int) -> None:
        """The product goes; its pictures stay among the shop's files. Raises `KeyError`."""
        with self._memory.change():
            doc = self.product(shop, product_id)
            if doc is None:
                raise KeyError(product_id)
            for picture in self._media.many(shop, doc["media"]):
                picture["products"] = [one for one in picture["products"] if one != product_id]
                self._media.save(shop, picture)
            self._write(shop, doc, gone=True)
            self._hooks.tell(shop, "products/delete", doc)

    def save(self, shop: str, doc: Doc, *, topic: str = "products/update") -> None:
        """Write a product back, changed now."""
        doc["updated"] = self._clock.stamp()
        self._write(shop, doc)
        self._hooks.tell(shop, topic, doc)

    def attach(self, shop: str, doc: Doc, pictures: Sequence[Doc]) -> None:
        """Put pictures at the end of a product's; the product is not saved by it."""
        for picture in pictures:
            if picture["id"] not in doc["media"]:
                doc["media"].append(picture["id"])
            if doc["id"] not in picture["products"]:
                picture["products"].append(doc["id"])
            self._media.save(shop, picture)

    def detach(self, shop: str, doc: Doc, picture: Doc) -> None:
        """Take a picture out of a product and of its variants; the product is not saved by it."""
        doc["media"] = [one for one in doc["media"] if one != picture["id"]]
        for variant in doc["variants"]:
            variant["media"] = [one for one in variant["media"] if one != picture["id"]]
        picture["products"] = [one for one in picture["products"] if one != doc["id"]]
        self._media.save(shop, picture)

    def _write(self, shop: str, doc: Doc, *, gone: bool = False) -> None:
        self._memory.run(
            "INSERT OR REPLACE INTO products (shop, id, created, updated, gone, doc) VALUES (?, ?, ?, ?, ?, ?)",
            *(shop, doc["id"], doc["created"], doc["updated"], int(gone), json.dumps(doc)),
        )

    def _variant(self, given: Mapping[str, Any]) -> Doc:
        title = str(given.get("title") or "Default Title")
        return {
            "id": self._memory.next_id(),
            "title": title,
            "sku": given.get("sku", ""),
            "price": given.get("price", "24.00"),
            "compare_at": given.get("compare_at"),
            "quantity": given.get("quantity", 5),
            "options": [title],
            "media": [],
        }

    def _options(self, name: str, variants: Sequence[Mapping[str, Any]]) -> list[Doc]:
        values = [str(entry.get("title") or "Default Title") for entry in variants]
        return [{"id": self._memory.next_id(), "name": name or "Title", "values": values}]

    def _collection(self, title: str) -> Doc:
        known = self._memory.kept(f"collection:{title}", str(self._memory.next_id()))
        return {"id": int(known), "title": title, "handle": handle_of(title)}

    # -- order ----------------------------------------------------------------------------------------------

    def _in_order(
        self, shop: str, search: Search, column: str, reverse: bool, start: Key | None
    ) -> Iterator[tuple[Key, Doc]]:
        """Products behind `start`, each with its place: what somebody made and what is made up, merged."""
        both = (
            self._stored(shop, column, reverse, start),
            self._made_up(shop, search, column, reverse, start),
        )
        for key, doc in heapq.merge(*both, key=lambda entry: entry[0], reverse=reverse):
            if search.holds(searchable(doc)):
                yield key, doc

    def _stored(self, shop: str, column: str, reverse: bool, start: Key | None) -> Iterator[tuple[Key, Doc]]:
        columns = f"{column}, id" if column else "id"
        places = "?, ?" if column else "?"
        way, compare = ("DESC", "<") if reverse else ("ASC", ">")
        order = ", ".join(f"{name} {way}" for name in columns.split(", "))
        while True:
            behind = f"AND ({columns}) {compare} ({places})" if start is not None else ""
            sql = (
                f"SELECT {columns}, doc FROM products WHERE shop = ? AND gone = 0 {behind}"  # noqa: S608
                f" ORDER BY {order} LIMIT {_CHUNK}"
            )
            rows = self._memory.rows(sql, shop, *(start or ()))
            for row in rows:
                start = tuple(row)[:-1]
                yield start, json.loads(row["doc"])
            if len(rows) < _CHUNK:
                return

    def _made_up(
        self, shop: str, search: Search, column: str, reverse: bool, start: Key | None
    ) -> Iterator[tuple[Key, Doc]]:
        count, photos = self._memory.large(shop)
        times = {"updated_at": large.LONG_AGO, "created_at": large.LONG_AGO}
        if not count or not search.by_time().holds(times):
            return
        touched = {
            row["id"]
            for row in self._memory.rows(
                "SELECT id FROM products WHERE shop = ? AND id >= ?", shop, large.FIRST_PRODUCT
            )
        }
        lead = (large.LONG_AGO,) if column else ()
        for n in _numbers(count, lead, reverse, start):
            if large.FIRST_PRODUCT + n not in touched:
                yield (*lead, large.FIRST_PRODUCT + n), large.product(n, photos)


def searchable(doc: Doc) -> dict[str, Any]:
    """By what products are found."""
    return {
        "id": doc["id"],
        "title": doc["title"],
        "handle": doc["handle"],
        "status": doc["status"],
        "vendor": doc["vendor"],
        "product_type": doc["product_type"],
        "tag": doc["tags"],
        "sku": [variant["sku"] for variant in doc["variants"]],
        "updated_at": doc["updated"],
        "created_at": doc["created"],
    }


def handle_of(title: str) -> str:
    """A title as part of an address."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "product"


def _numbers(count: int, lead: Key, reverse: bool, start: Key | None) -> range:
    """Which made-up products come behind `start`."""
    first, last = 0, count - 1
    if start is not None:
        if start[:-1] == lead:
            at = start[-1] - large.FIRST_PRODUCT
            first, last = (first, min(last, at - 1)) if reverse else (max(first, at + 1), last)
        elif (start[:-1] > lead) != reverse:
            return range(0)
    return range(last, first - 1, -1) if reverse else range(first, last + 1)


def _cursor(key: Key, position: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([*key, position]).encode()).decode()


def _opened(cursor: str) -> tuple[Key | None, int]:
    if not cursor:
        return None, 0
    try:
        *key, position = json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, TypeError):
        raise BadPage("Invalid cursor for current pagination sort.") from None
    return tuple(key), int(position)
