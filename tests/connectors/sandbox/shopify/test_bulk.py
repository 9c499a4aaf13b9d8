"""Bulk operations: a query in the background, a file of lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from connectors.sandbox.shopify import large
from connectors.sandbox.shopify.bulk import URL_LIFE_S
from connectors.sandbox.shopify.server import ShopifySandbox

Shop = Any
RUN = "mutation R($q: String!, $g: Boolean!){bulkOperationRunQuery(query: $q, groupObjects: $g)" + (
    "{bulkOperation{id status url} userErrors{field message code}}}"
)
GET = "query G($id: ID!){bulkOperation(id: $id)" + (
    "{id status errorCode objectCount rootObjectCount fileSize url partialDataUrl completedAt}}"
)
CATALOGUE = """{products{edges{node{id title status options{name values} priceRangeV2{minVariantPrice{amount}}
  media{edges{node{__typename id alt ... on MediaImage{image{url width}}}}}
  variants{edges{node{id sku media{edges{node{id}}}}}}}}}}"""


def run(shop: Shop, query: str = CATALOGUE, grouped: bool = False) -> dict[str, Any]:
    return dict(shop.data(RUN, q=query, g=grouped)["bulkOperationRunQuery"])


def started(shop: Shop, query: str = CATALOGUE, grouped: bool = False) -> str:
    told = run(shop, query, grouped)
    assert told["userErrors"] == []
    assert (told["bulkOperation"]["status"], told["bulkOperation"]["url"]) == ("CREATED", None)
    return str(told["bulkOperation"]["id"])


def state(shop: Shop, operation: str) -> dict[str, Any]:
    return dict(shop.data(GET, id=operation)["bulkOperation"])


def lines(url: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in requests.get(url, timeout=20).text.splitlines()]


@pytest.fixture
def slowly(platform: ShopifySandbox) -> Iterator[None]:
    """An operation takes a minute."""
    platform.site.bulk._takes_s = 60
    yield
    platform.site.bulk._takes_s = 0


def test_children_stand_behind_their_parents_and_name_them(shop: Shop, make_photo: Any) -> None:
    cup = shop.add("Cup", photos=2, photo=make_photo(), variants=[{"title": "S", "photo": 1}, {"title": "M"}])
    shop.add("Mug", photos=0)
    found = state(shop, started(shop))
    written = lines(found["url"])
    assert [line.get("title") for line in written[:2]] == ["Cup", "Mug"]  # not grouped: both before any child
    assert found["objectCount"] == str(len(written)) == "8"
    assert (found["rootObjectCount"], found["status"]) == ("2", "COMPLETED")
    assert int(found["fileSize"]) == len(requests.get(found["url"], timeout=20).content)
    assert written[0]["options"] == [{"name": "Title", "values": ["S", "M"]}]
    assert written[0]["priceRangeV2"] == {"minVariantPrice": {"amount": "24.00"}}
    seen: set[str] = set()
    for line in written:
        assert line.get("__parentId") is None or line["__parentId"] in seen
        seen.add(line["id"])
    pictures = [line for line in written if line.get("__typename") == "MediaImage"]
    assert [line["__parentId"] for line in pictures] == [written[0]["id"]] * 2
    assert pictures[0]["image"]["width"] == 64
    (of_variant,) = [line for line in written if "ProductVariant" in line.get("__parentId", "")]
    assert of_variant == {
        "id": f"gid://shopify/MediaImage/{cup['media'][1]}",
        "__parentId": f"gid://shopify/ProductVariant/{cup['variants'][0]['id']}",
    }


def test_grouped_children_stand_right_behind_their_parents(shop: Shop, make_photo: Any) -> None:
    for title in ("Cup", "Mug"):
        shop.add(title, photos=2, photo=make_photo())
    written = lines(state(shop, started(shop, grouped=True))["url"])
    kinds = [line["id"].split("/")[3] for line in written]
    assert kinds == ["Product", "MediaImage", "MediaImage", "ProductVariant"] * 2


def test_parts_of_the_file_can_be_asked_for(shop: Shop, platform: ShopifySandbox) -> None:
    platform.site.fill(shop.name, 40)
    url = state(shop, started(shop))["url"]
    whole = requests.get(url, timeout=20).content
    answer = requests.get(url, headers={"Range": "bytes=100-299"}, timeout=20)
    assert (answer.status_code, answer.content) == (206, whole[100:300])
    assert answer.headers["Content-Range"] == f"bytes 100-299/{len(whole)}"
    assert requests.get(url, headers={"Range": f"bytes={len(whole)}-"}, timeout=20).status_code == 416


def test_an_operation_takes_its_time_and_its_address_ends(
    shop: Shop, slowly: None, frozen: Callable[[float], None]
) -> None:
    shop.add(photos=0)
    operation = started(shop)
    found = state(shop, operation)
    assert (found["status"], found["url"], found["completedAt"]) == ("RUNNING", None, None)
    frozen(60)
    found = state(shop, operation)
    assert found["status"] == "COMPLETED"
    assert len(lines(found["url"])) == 2
    frozen(URL_LIFE_S + 1)
    assert requests.get(found["url"], timeout=20).status_code == 403
    shop.renew()
    found = state(shop, operation)
    assert (found["status"], found["url"]) == ("EXPIRED", None)


def test_an_empty_answer_has_no_file(shop: Shop) -> None:
    found = state(shop, started(shop, '{products(query: "status:draft"){edges{node{id}}}}'))
    assert (found["status"], found["url"], found["objectCount"]) == ("COMPLETED", None, "0")


def test_five_run_at_once_and_no_more(
    shop: Shop, open_shop: Callable[..., Shop], slowly: None, frozen: Callable[[float], None]
) -> None:
    for _ in range(5):
        started(shop)
    told = run(shop)
    assert told["bulkOperation"] is None
    assert told["userErrors"][0]["code"] == "LIMIT_REACHED"
    started(open_shop())
    listed = shop.data('{bulkOperations(first: 9, query: "status:running"){nodes{id status}}}')[
        "bulkOperations"
    ]
    assert len(listed["nodes"]) == 5
    frozen(61)
    started(shop)


def test_where_only_one_may_run_the_words_are_others(
    shop: Shop, platform: ShopifySandbox, slowly: None
) -> None:
    platform.site.bulk._most = 1
    try:
        started(shop)
        assert run(shop)["userErrors"][0]["code"] == "OPERATION_IN_PROGRESS"
    finally:
        platform.site.bulk._most = 5


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{products{edges{node{idd}}}}", "Cannot query field 'idd'"),
        ("{shop{name}}", "at least one connection"),
        ("{products{edges{node{id", "Syntax Error"),
        ("mutation{fileDelete(fileIds: []){deletedFileIds}}", "Bulk queries are queries"),
        (
            "{products{edges{node{variants{edges{node{media{edges{node{id ... on MediaImage{metafields"
            "{edges{node{id}}}}}}}}}}}}}}",
            "deeper than 2 levels",
        ),
        (
            "{products{edges{node{media{edges{node{id}}} variants{edges{node{id}}} collections{edges{node{id}}}"
            " metafields{edges{node{id}}} events{edges{node{id}}}}}}}",
            "more than 5 connections",
        ),
    ],
)
def test_a_query_that_bulk_can_not_run_is_refused(shop: Shop, query: str, words: str) -> None:
    told = run(shop, query)
    assert told["bulkOperation"] is None
    assert told["userErrors"][0]["code"] == "INVALID"
    assert words in told["userErrors"][0]["message"]


def test_a_failure_leaves_what_was_written(shop: Shop, platform: ShopifySandbox) -> None:
    platform.site.fill(shop.name, 30)
    platform.site.bulk.fail_next("TIMEOUT", after_lines=25)
    found = state(shop, started(shop))
    assert (found["status"], found["errorCode"], found["url"]) == ("FAILED", "TIMEOUT", None)
    assert len(lines(found["partialDataUrl"])) == 25


def test_a_scope_that_is_missing_fails_the_operation_later(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(scopes=("write_files",))
    found = state(shop, started(shop))
    assert (found["status"], found["errorCode"]) == ("FAILED", "ACCESS_DENIED")


def test_the_app_is_told_when_it_is_done(
    shop: Shop, platform: ShopifySandbox, web: Any, frozen: Callable[[float], None], slowly: None
) -> None:
    access, before = platform.site.access, platform.site.access.app
    access.app = replace(before, subscriptions=()).hearing(f"{web.url}/hook", "bulk_operations/finish")
    web.pages["/hook"] = (200, {}, b"")
    try:
        operation = started(shop)
        platform.hooks.deliver_due()
        assert web.hooks() == []
        frozen(60)
        platform.hooks.deliver_due()
    finally:
        access.app = before
    (seen,) = web.hooks()
    body = json.loads(seen.body)
    assert (body["admin_graphql_api_id"], body["status"], body["type"]) == (operation, "completed", "query")


def test_a_large_catalogue_is_written_beside_the_caller(shop: Shop, platform: ShopifySandbox) -> None:
    platform.site.fill(shop.name, 1_500, photos=1)
    platform.site.catalogue.delete(shop.name, large.FIRST_PRODUCT + 7)
    operation = started(shop, "{products{edges{node{id media{edges{node{id}}}}}}}")
    for thread in platform.site.bulk._threads:
        thread.join(timeout=30)
    found = state(shop, operation)
    assert (found["status"], found["rootObjectCount"]) == ("COMPLETED", "1499")


def test_an_operation_can_be_cancelled(shop: Shop, platform: ShopifySandbox) -> None:
    cancel = "mutation X($id: ID!){bulkOperationCancel(id: $id){bulkOperation{status} userErrors{message}}}"
    platform.site.fill(shop.name, 20_000)
    operation = started(shop)
    told = shop.data(cancel, id=operation)["bulkOperationCancel"]
    assert told["bulkOperation"]["status"] == "CANCELED"
    for thread in platform.site.bulk._threads:
        thread.join(timeout=30)
    assert state(shop, operation)["status"] == "CANCELED"
    assert shop.data(cancel, id="gid://shopify/BulkOperation/1")["bulkOperationCancel"]["userErrors"]
