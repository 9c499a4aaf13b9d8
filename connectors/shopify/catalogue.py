"""A shop's catalogue, page by page: small ones and what changed by queries, large ones by the file of a bulk operation.

A page's token is all that has to be kept to go on with the next, in another process too.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import AuthExpired, NotFound, NotJson, Rejected, StillWorking
from connectors.shopify import mapping
from connectors.shopify.bulk import Bulk, Operation, Unreadable
from connectors.shopify.client import AdminClient, part
from connectors.types import Page, RemoteProduct

# Above this a file is quicker than pages, and costs next to no points.
BULK_FROM = 500
# So many operations in a row may come to nothing; then the catalogue is read page by page.
MOST_STARTS = 3
_MOST_REST = 60  # pages of one product's media or variants: a bound, not a limit that a real store meets
_TOKEN = re.compile(
    r"after:(?P<id>\d{1,20}):(?P<total>\d{0,12})|bulk:(?P<op>\d{1,20}):(?P<at>\d{1,15}):(?P<nth>\d)"
)


@dataclass(frozen=True)
class _After:
    """Behind the product of this number. Not a cursor: those end after 25,000 products."""

    product: int = 0
    total: int | None = None

    def __str__(self) -> str:
        return f"after:{self.product}:{'' if self.total is None else self.total}"


@dataclass(frozen=True)
class _File:
    """At a byte of the file of an operation, which is the `nth` that was started for this reading."""

    operation: str
    at: int = 0
    nth: int = 1

    def __str__(self) -> str:
        return f"bulk:{self.operation}:{self.at}:{self.nth}"


class Catalogue:
    """The products of one shop."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client
        self._bulk = Bulk(client)

    def page(self, token: str | None, modified_after: dt.datetime | None) -> Page:
        """A page of it. Of a large shop the first one is empty and names an operation that has been started; the next
        raises StillWorking until that has come to its end."""
        place = _place(token)
        return self._from_file(place) if isinstance(place, _File) else self._behind(place, modified_after)

    def product(self, number: str) -> RemoteProduct:
        """One product, whole. Raises NotFound."""
        data = self._client.run("product", {"id": _product_gid(number)}).get("product")
        if not isinstance(data, Mapping):
            raise NotFound("the product is no longer in the store", status=404)
        return self._mapped(self._with_rest(data, "variants"))

    def with_variants(self, product: RemoteProduct) -> RemoteProduct:
        """The same, with the variants that a list left out."""
        return product if product.variants_told else self._mapped(self._with_rest(product.raw, "variants"))

    # -- by queries ---------------------------------------------------------------------------------------

    def _behind(self, given: _After | None, modified_after: dt.datetime | None) -> Page:
        place = given or _After()
        # What is searched for may be a second behind what is there.
        changed = _changed_after(modified_after)
        query = " AND ".join(filter(None, [f"id:>={place.product + 1}", changed]))
        asked = {"query": query, "counting": given is None, "counted": changed or None}
        data = self._client.run("products", asked)
        if given is None:
            count, place = _counted(data)
            if count > BULK_FROM and modified_after is None:
                return Page((), str(_File(self._bulk.start())), place.total)
        listed = part(data, "products")
        products = tuple(self._mapped(data) for data in mapping.nodes({"products": listed}, "products"))
        last = max((int(product.id) for product in products), default=place.product)
        if any(int(product.id) <= place.product for product in products):
            raise NotJson("the store lists the same products again")
        more = part(listed, "pageInfo").get("hasNextPage") is True and bool(products)
        return Page(products, str(_After(last, place.total)) if more else None, place.total)

    def _mapped(self, data: Mapping[str, Any]) -> RemoteProduct:
        return mapping.product(self._with_rest(data, "media"), self._client.shop)

    def _with_rest(self, data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """The product with all of its media or variants."""
        found, cursor = list(mapping.nodes(data, name)), mapping.rest_of(data, name)
        for _ in range(_MOST_REST):
            if not cursor:
                break
            asked = {"id": data.get("id"), "after": cursor}
            more = self._client.run(f"product_{name}", asked).get("product")
            if not isinstance(more, Mapping):
                raise NotFound("the product is no longer in the store", status=404)
            found += mapping.nodes(more, name)
            cursor = mapping.rest_of(more, name)
        return {**data, name: {"nodes": found}}

    # -- by a file ----------------------------------------------------------------------------------------

    def _from_file(self, place: _File) -> Page:
        operation = self._bulk.look(place.operation)
        if operation is None:
            return self._anew(place)
        if operation.working:
            raise StillWorking(
                "the store is putting its catalogue together",
                retry_after_s=operation.wait_s(dt.datetime.now(dt.UTC)),
            )
        if operation.empty:
            return Page((), None, 0)
        if operation.error_code == "ACCESS_DENIED":
            raise AuthExpired("the store did not let its products be listed", code="ACCESS_DENIED")
        if not operation.readable:
            return self._anew(place)
        return self._read(operation, place)

    def _read(self, operation: Operation, place: _File) -> Page:
        try:
            found, behind = self._bulk.read(operation, place.at)
        except NotFound:
            # The address may have ended, and another one leads to the file still.
            self._bulk.forget()
            again = self._bulk.look(place.operation)
            if again is None or not again.readable or again.url == operation.url:
                return self._anew(place)
            return self._read(again, place)
        except Unreadable:
            return Page((), str(_After()), operation.total)
        products = tuple(mapping.product(data, self._client.shop) for data in found)
        after = None if behind is None else str(_File(place.operation, behind, place.nth))
        return Page(products, after, operation.total)

    def _anew(self, place: _File) -> Page:
        """The operation came to nothing, or its file is gone: another one, up to a point."""
        if place.nth >= MOST_STARTS:
            return Page((), str(_After()))
        return Page((), str(_File(self._bulk.start(), nth=place.nth + 1)))


def _place(token: str | None) -> _After | _File | None:
    if token is None:
        return None
    found = _TOKEN.fullmatch(token) if token.isascii() else None
    if found is None:
        raise Rejected("that is not a page of this catalogue", code="bad_page")
    if found["op"]:
        return _File(found["op"], int(found["at"]), int(found["nth"]))
    return _After(int(found["id"]), int(found["total"]) if found["total"] else None)


def _counted(data: Mapping[str, Any]) -> tuple[int, _After]:
    """How many products there are, and the beginning; a shop counts to 25,000 at most, and says so."""
    told = part(data, "productsCount")
    count = mapping.count(told.get("count")) or 0
    return count, _After(total=count if told.get("precision") == "EXACT" else None)


def _changed_after(moment: dt.datetime | None) -> str:
    return f"updated_at:>'{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}'" if moment else ""


def _product_gid(number: str) -> str:
    """Anything but digits is refused before it can become another id."""
    if not (number.isascii() and number.isdigit() and len(number) <= 20):
        raise NotFound(f"{number[:40]!r} is not a product of this store")
    return mapping.gid("Product", number)
