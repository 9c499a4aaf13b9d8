"""A whole catalogue by a bulk operation: started, looked at, and its file read from any product on.

https://shopify.dev/docs/api/usage/bulk-operations/queries. The file holds one object per line, each product followed by
what belongs to it. Nothing but the operation's number and a place in the file has to be kept to go on.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import NotJson, Unavailable
from connectors.parts import Part
from connectors.shopify import mapping
from connectors.shopify.client import AdminClient, part
from connectors.shopify.documents import document

PAGE_PRODUCTS = 250
PAGE_BYTES = 8 * 1024 * 1024  # a page ends earlier where its products are large
PRODUCT_BYTES = 32 * 1024 * 1024
LINE_BYTES = 4 * 1024 * 1024
PART_BYTES = 1024 * 1024
# Looked at seldom where it takes long anyway: a third of the time that has passed, within these.
WAIT_LEAST_S, WAIT_MOST_S = 3.0, 60.0
_WORKING = frozenset({"CREATED", "RUNNING", "CANCELING"})


class Unreadable(Exception):
    """The file is not one that this can read; the catalogue has to be read in another way."""


@dataclass(frozen=True)
class Operation:
    """A bulk operation as it stood when it was looked at. `total`: products; `size`: bytes of the file."""

    number: str
    status: str
    error_code: str
    url: str
    objects: int | None
    total: int | None
    size: int | None
    started_at: dt.datetime | None

    @property
    def working(self) -> bool:
        """Whether it may still end well."""
        return self.status in _WORKING

    @property
    def empty(self) -> bool:
        """Whether it found nothing; then there is no file."""
        return self.status == "COMPLETED" and not self.url and self.objects == 0

    @property
    def readable(self) -> bool:
        return self.status == "COMPLETED" and bool(self.url)

    def wait_s(self, now: dt.datetime) -> float:
        """When to look again."""
        age_s = (now - self.started_at).total_seconds() if self.started_at else 0.0
        return min(max(age_s / 3, WAIT_LEAST_S), WAIT_MOST_S)


class Bulk:
    """The bulk operations of one shop that tell its products. Remembers the last one looked at and the last bytes read,
    for whoever reads page after page."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client
        self._known: Operation | None = None
        self._kept: tuple[str, int, bytes] = ("", 0, b"")

    def start(self) -> str:
        """The number of a new operation. Raises StillWorking where the shop has as many under way as it takes."""
        payload = part(
            self._client.run("bulk_start", {"query": document("catalogue").text}), "bulkOperationRunQuery"
        )
        return mapping.number_of(part(payload, "bulkOperation").get("id"))

    def look(self, number: str) -> Operation | None:
        """How it stands; None where the shop knows it no more. One that ended well is not asked for again."""
        if self._known is not None and self._known.number == number and self._known.readable:
            return self._known
        told = self._client.run("bulk_operation", {"id": mapping.gid("BulkOperation", number)}).get(
            "bulkOperation"
        )
        if not isinstance(told, Mapping):
            return None
        self._known = Operation(
            number=number,
            status=mapping.text(told.get("status")),
            error_code=mapping.text(told.get("errorCode")),
            url=mapping.text(told.get("url")),
            objects=mapping.count(told.get("objectCount")),
            total=mapping.count(told.get("rootObjectCount")),
            size=mapping.count(told.get("fileSize")),
            started_at=mapping.moment(told.get("createdAt")),
        )
        return self._known

    def forget(self) -> None:
        """Its file was gone: ask for it again."""
        self._known = None

    def read(self, operation: Operation, start: int) -> tuple[list[Mapping[str, Any]], int | None]:
        """Products from byte `start` of the file on, and where the next one begins, None at the end.

        Raises NotFound where the file is gone, Unreadable where it is none.
        """
        found: list[_Gathered] = []
        began = start
        for at, line in self._lines(operation, start):
            if "__parentId" in line:
                if not found or at - began > PRODUCT_BYTES:
                    raise Unreadable("a line without its product, or a product without an end")
                found[-1].add(line)
                continue
            began = at
            if len(found) == PAGE_PRODUCTS or (found and at - start > PAGE_BYTES):
                return [one.whole() for one in found], at
            found.append(_Gathered(line))
        return [one.whole() for one in found], None

    def _lines(self, operation: Operation, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each line, and at which byte it begins."""
        at, left = start, b""
        for data in self._parts(operation, start):
            *lines, left = (left + data).split(b"\n")
            for line in lines:
                if line.strip():
                    yield at, _object(line)
                at += len(line) + 1
            if len(left) > LINE_BYTES:
                raise Unreadable("a line without an end")
        if left.strip():
            yield at, _object(left)

    def _parts(self, operation: Operation, start: int) -> Iterator[bytes]:
        url, kept_at, kept = self._kept
        if url == operation.url and kept_at <= start < kept_at + len(kept):
            data = kept[start - kept_at :]
            yield data
            start += len(data)
        size = operation.size
        while size is None or start < size:
            came = self._client.http.fetch_part(operation.url, start, PART_BYTES)
            size = came.total if came.total is not None else size
            self._kept = (operation.url, start, came.data)
            if came.data:
                yield came.data
            start += len(came.data)
            if len(came.data) < PART_BYTES:
                _complete(came, start, size)
                return


def _complete(came: Part, end: int, size: int | None) -> None:
    """Less came than was asked for: at the end of the file that is all there is."""
    if size is not None and end < size:
        raise Unavailable("the file of the catalogue broke off")


class _Gathered:
    """A product and the lines that follow it, in the shape of a query's answer."""

    def __init__(self, line: dict[str, Any]) -> None:
        self._id = line.get("id")
        if _kind(self._id) != "Product":
            raise Unreadable("a line that is no product's")
        self._product = line
        self._lists: dict[str, list[dict[str, Any]]] = {"media": [], "variants": [], "collections": []}
        self._variants: dict[str, list[dict[str, Any]]] = {}

    def add(self, line: dict[str, Any]) -> None:
        """A line whose parent is the product, or one of its variants."""
        parent = line.pop("__parentId")
        if parent == self._id:
            name = _LISTS.get(_kind(line.get("id")), "media")
            self._lists[name].append(line)
            if name == "variants":
                self._variants[line["id"]] = []
        elif isinstance(parent, str) and parent in self._variants:
            self._variants[parent].append(line)
        else:
            raise Unreadable("a line away from its product")

    def whole(self) -> Mapping[str, Any]:
        for variant in self._lists["variants"]:
            variant["media"] = {"nodes": self._variants[variant["id"]]}
        return {**self._product, **{name: {"nodes": held} for name, held in self._lists.items()}}


# Whatever else belongs to a product is media: pictures, films, models.
_LISTS = {"ProductVariant": "variants", "Collection": "collections"}


def _kind(gid: Any) -> str:
    try:
        return mapping.kind_and_number(gid)[0]
    except NotJson as error:
        raise Unreadable("a line without an id") from error


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unreadable("a line that is no object")
    return found
