"""Reading a large catalogue out of a file, and going on wherever it stopped."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest

from connectors.errors import AuthExpired, StillWorking, Unavailable
from connectors.parts import Part
from connectors.shopify import bulk, catalogue
from connectors.shopify.documents import document
from tests.connectors.shopify.conftest import Admin
from tests.connectors.shopify.shelf import (
    WHEN,
    Open,
    connection,
    fields,
    listed,
    picture,
    read_all,
    small,
    variant,
)


def lines_of(number: int, variants: int = 0) -> list[dict[str, Any]]:
    """As a bulk operation's file tells a product: itself, and what belongs to it right behind."""
    own = f"gid://shopify/Product/{number}"
    told: list[dict[str, Any]] = [fields(number, hasOnlyDefaultVariant=not variants)]
    told += [{**picture(number * 10 + k), "__parentId": own} for k in range(2)]
    for k in range(variants or 1):
        one = {**variant(number * 100 + k), "__parentId": own}
        del one["media"]
        shown = {"id": f"gid://shopify/MediaImage/{number * 10 + k % 2}", "__parentId": one["id"]}
        told += [one, shown]
    return [*told, {"id": "gid://shopify/Collection/1", "title": "Summer", "__parentId": own}]


def jsonl(*groups: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for group in groups for line in group)


class Operations:
    """Bulk operations that go as a test says: what `states` holds, one after another, then the last for ever."""

    def __init__(self, admin: Admin, data: bytes, *states: Mapping[str, Any]) -> None:
        self.admin, self.started, self.states = admin, 0, list(states) or [{"status": "COMPLETED"}]
        self.size: int | None = len(data)
        admin.files["/file.jsonl?sig=1"] = data
        admin.answers["BulkStart"] = self.start
        admin.answers["BulkOperation"] = self.look
        small(admin, [listed(n) for n in range(1, 6)], count=5000)

    def start(self, variables: Mapping[str, Any]) -> Any:
        assert variables == {"query": document("catalogue").text}
        self.started += 1
        operation = {"id": f"gid://shopify/BulkOperation/{700 + self.started}", "status": "CREATED"}
        return {"bulkOperationRunQuery": {"bulkOperation": operation, "userErrors": []}}

    def look(self, variables: Mapping[str, Any]) -> Any:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        done = state["status"] == "COMPLETED"
        told = {
            "id": variables["id"],
            "errorCode": None,
            "createdAt": WHEN,
            "objectCount": "900",
            "rootObjectCount": "300",
            "fileSize": str(self.size) if done and self.size is not None else None,
            "url": f"{self.admin.url}/file.jsonl?sig=1" if done else None,
            **state,
        }
        return {"bulkOperation": None if state["status"] == "GONE" else told}


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small file has many pages, and many parts."""
    monkeypatch.setattr(bulk, "PAGE_PRODUCTS", 3)
    monkeypatch.setattr(bulk, "PART_BYTES", 700)


MANY = [lines_of(n, variants=n % 3) for n in range(1, 21)]


def test_a_large_shop_is_asked_for_a_file_and_the_page_names_it(admin: Admin, open_shop: Open) -> None:
    operations = Operations(admin, jsonl(*MANY))
    page = open_shop().products()
    assert (page.products, page.next, page.total) == ((), "bulk:701:0:1", 5000)
    assert operations.started == 1


def test_while_the_shop_puts_it_together_there_is_nothing_but_a_time_to_wait(
    admin: Admin, open_shop: Open
) -> None:
    now = dt.datetime.now(dt.UTC)
    Operations(
        admin,
        b"",
        {"status": "CREATED", "createdAt": now.isoformat()},
        {"status": "RUNNING", "createdAt": (now - dt.timedelta(seconds=30)).isoformat()},
        {"status": "CANCELING", "createdAt": (now - dt.timedelta(days=1)).isoformat()},
        {"status": "RUNNING", "createdAt": (now + dt.timedelta(days=1)).isoformat()},
        {"status": "RUNNING", "createdAt": None},
    )
    waited = []
    for _ in range(5):
        with pytest.raises(StillWorking) as caught:
            open_shop().products(page="bulk:701:0:1")
        waited.append(round(caught.value.retry_after_s))
    assert waited == [3, 10, 60, 3, 3]


def test_the_file_is_read_page_by_page_and_every_product_comes_whole(
    admin: Admin, open_shop: Open, small_pages: None
) -> None:
    Operations(admin, jsonl(*MANY))
    products, tokens = read_all(open_shop)
    assert [int(product.id) for product in products] == list(range(1, 21))
    assert len(tokens) == 7
    assert all(len(token) < 200 for token in tokens)
    second = products[1]
    assert [image.id for image in second.images] == ["20", "21"]
    assert [(v.id, v.title, v.image.id if v.image else "") for v in second.variants] == [
        ("200", "V200", "20"),
        ("201", "V201", "21"),
    ]
    assert second.variants_told and products[2].variants == () and products[2].variants_told
    assert second.categories == ("Summer",)
    assert products[2].sku == "S-300"


def test_a_product_from_the_file_is_the_same_as_one_that_was_asked_for(
    admin: Admin, open_shop: Open, small_pages: None
) -> None:
    Operations(admin, jsonl(lines_of(2, variants=2)))
    [from_file], _ = read_all(open_shop)
    told = {
        "media": connection([picture(20), picture(21)]),
        "variants": connection([variant(200, 20), variant(201, 21)]),
        "collections": {"nodes": [{"id": "gid://shopify/Collection/1", "title": "Summer"}]},
    }
    admin.answers["Product"] = lambda v: {"product": {**fields(2, hasOnlyDefaultVariant=False), **told}}
    assert open_shop().product("2") == from_file


def test_who_reads_page_after_page_asks_for_no_byte_twice(
    admin: Admin, open_shop: Open, small_pages: None
) -> None:
    data = jsonl(*MANY)
    Operations(admin, data)
    connector = open_shop()
    token = connector.products().next
    while token:
        token = connector.products(page=token).next
    starts = [int(wanted.removeprefix("bytes=").partition("-")[0]) for _, wanted in admin.asked_files]
    assert starts == list(range(0, len(data), 700))
    assert admin.names().count("BulkOperation") == 1


def test_a_server_that_knows_no_ranges_sends_all_and_the_right_part_is_taken(
    admin: Admin, open_shop: Open, small_pages: None
) -> None:
    Operations(admin, jsonl(*MANY))
    admin.knows_ranges = False
    products, _ = read_all(open_shop)
    assert [int(product.id) for product in products] == list(range(1, 21))


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_the_end_is_the_end_however_it_is_written(
    admin: Admin, open_shop: Open, small_pages: None, end: bytes
) -> None:
    operations = Operations(admin, jsonl(*MANY).rstrip() + end)
    operations.size = None
    products, _ = read_all(open_shop)
    assert len(products) == 20


def test_a_file_as_long_as_its_parts_ends_where_it_ends(
    admin: Admin, open_shop: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = jsonl(lines_of(1))
    monkeypatch.setattr(bulk, "PART_BYTES", len(data))
    operations = Operations(admin, data)
    for size in (len(data), None):
        operations.size = size
        products, _ = read_all(open_shop)
        assert [product.id for product in products] == ["1"]


def test_a_line_that_breaks_is_no_end_of_the_catalogue(admin: Admin, open_shop: Open) -> None:
    Operations(admin, jsonl(*MANY))
    reader = bulk.Bulk(open_shop().client)
    admin.cuts_after = 2000
    with pytest.raises(Unavailable):
        reader.read(operation_of(admin), 0)


def test_a_file_that_is_shorter_than_it_was_said_to_be_is_no_whole_catalogue(
    admin: Admin, open_shop: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, connector = jsonl(*MANY), open_shop()
    monkeypatch.setattr(connector.client.http, "fetch_part", lambda url, start, most: Part(data, None))
    with pytest.raises(Unavailable, match="broke off"):
        bulk.Bulk(connector.client).read(operation_of(admin, size=len(data) + 100), 0)
    found, behind = bulk.Bulk(connector.client).read(operation_of(admin), 0)
    assert (len(found), behind) == (20, None), "where nobody says, what came is all"


def operation_of(admin: Admin, size: int | None = None) -> bulk.Operation:
    url = f"{admin.url}/file.jsonl?sig=1"
    return bulk.Operation("701", "COMPLETED", "", url, 900, 300, size, None)


def test_a_shop_that_was_emptied_meanwhile_has_no_file_and_no_products(admin: Admin, open_shop: Open) -> None:
    Operations(admin, b"", {"status": "COMPLETED", "url": None, "objectCount": "0", "rootObjectCount": "0"})
    page = open_shop().products(page="bulk:701:0:1")
    assert (page.products, page.next, page.total) == ((), None, 0)


# -- when it comes to nothing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        {"status": "FAILED", "errorCode": "INTERNAL_SERVER_ERROR"},
        {"status": "FAILED", "errorCode": "TIMEOUT"},
        {"status": "EXPIRED"},
        {"status": "CANCELED"},
        {"status": "GONE"},
        {"status": "COMPLETED", "url": None},
    ],
)
def test_an_operation_that_came_to_nothing_is_started_anew(
    admin: Admin, open_shop: Open, state: dict[str, Any]
) -> None:
    operations = Operations(admin, jsonl(*MANY), state, {"status": "COMPLETED"})
    page = open_shop().products(page="bulk:650:4711:1")
    assert (page.products, page.next) == ((), "bulk:701:0:2")
    assert operations.started == 1
    assert len(open_shop().products(page=page.next).products) == 20


def test_after_three_that_came_to_nothing_the_catalogue_is_read_page_by_page(
    admin: Admin, open_shop: Open
) -> None:
    operations = Operations(admin, b"", {"status": "FAILED", "errorCode": "TIMEOUT"})
    products, tokens = read_all(open_shop)
    assert operations.started == 3
    assert tokens[:4] == ["bulk:701:0:1", "bulk:702:0:2", "bulk:703:0:3", "after:0:"]
    assert [int(product.id) for product in products] == [1, 2, 3, 4, 5]


def test_a_file_that_is_gone_is_asked_for_again_and_then_made_anew(admin: Admin, open_shop: Open) -> None:
    operations = Operations(admin, jsonl(*MANY))
    admin.files["/other.jsonl"] = admin.files.pop("/file.jsonl?sig=1")
    other = {"status": "COMPLETED", "url": f"{admin.url}/other.jsonl"}
    operations.states = [{"status": "COMPLETED"}, other]
    assert len(open_shop().products(page="bulk:701:0:1").products) == 20, "another address leads there still"
    admin.files.clear()
    assert open_shop().products(page="bulk:701:0:1").next == "bulk:701:0:2"


def test_a_shop_with_too_many_operations_under_way_is_asked_later(admin: Admin, open_shop: Open) -> None:
    Operations(admin, b"")
    refused = [{"field": None, "message": "Too many at once", "code": "LIMIT_REACHED"}]
    admin.answers["BulkStart"] = lambda v: {
        "bulkOperationRunQuery": {"bulkOperation": None, "userErrors": refused}
    }
    with pytest.raises(StillWorking, match="Too many"):
        open_shop().products()


def test_a_shop_that_may_not_be_listed_is_not_asked_for_ever(admin: Admin, open_shop: Open) -> None:
    operations = Operations(admin, b"", {"status": "FAILED", "errorCode": "ACCESS_DENIED"})
    with pytest.raises(AuthExpired):
        open_shop().products(page="bulk:701:0:1")
    assert operations.started == 0


PRODUCT = fields(1)
CHILD = {**picture(10), "__parentId": PRODUCT["id"]}


@pytest.mark.parametrize(
    "data",
    [
        jsonl([CHILD]),
        jsonl([PRODUCT, fields(2), CHILD]),
        jsonl([PRODUCT, {**CHILD, "__parentId": "gid://shopify/ProductVariant/9"}]),
        jsonl([PRODUCT, {**CHILD, "id": None}]),
        jsonl([picture(1)]),
        jsonl([{"id": 7}]),
        b"[]\n",
        b"<html>\n",
        b"{" * 5000,
    ],
)
def test_a_file_in_another_order_than_was_asked_for_is_left_alone(
    admin: Admin, open_shop: Open, data: bytes
) -> None:
    Operations(admin, data)
    page = open_shop().products(page="bulk:701:0:1")
    assert (page.products, page.next) == ((), "after:0:"), "page by page it goes as well"


def test_a_line_without_an_end_is_not_waited_for(
    admin: Admin, open_shop: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PART_BYTES", 1000)
    monkeypatch.setattr(bulk, "LINE_BYTES", 5000)
    Operations(admin, b'{"id":"' + b"x" * 100_000)
    assert open_shop().products(page="bulk:701:0:1").next == "after:0:"
    assert len(admin.asked_files) <= 6


def test_a_product_without_an_end_is_not_waited_for(
    admin: Admin, open_shop: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PRODUCT_BYTES", 5000)
    Operations(admin, jsonl([PRODUCT, *[CHILD] * 100]))
    assert open_shop().products(page="bulk:701:0:1").next == "after:0:"


def test_large_products_make_shorter_pages(
    admin: Admin, open_shop: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PAGE_BYTES", 1)
    Operations(admin, jsonl(*MANY))
    assert [product.id for product in open_shop().products(page="bulk:701:0:1").products] == ["1"]


def test_the_limit_above_which_a_file_is_asked_for(admin: Admin, open_shop: Open) -> None:
    small(admin, [listed(1)], count=catalogue.BULK_FROM)
    assert open_shop().products().products
    Operations(admin, b"")
    small(admin, [listed(1)], count=catalogue.BULK_FROM + 1)
    assert open_shop().products().products == ()
