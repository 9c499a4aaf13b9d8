"""The API as such: versions, scopes, cost and throttling, lists, and what is not there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from connectors.sandbox.shopify import large
from connectors.sandbox.shopify.server import ShopifySandbox

Shop = Any
LIST = "query L($n: Int, $a: String, $q: String, $s: ProductSortKeys, $r: Boolean)" + (
    "{products(first: $n, after: $a, query: $q, sortKey: $s, reverse: $r)"
    "{nodes{id title} pageInfo{hasNextPage hasPreviousPage endCursor}}}"
)


def titles(shop: Shop, **given: Any) -> list[str]:
    return [node["title"] for node in shop.data(LIST, **{"n": 50, **given})["products"]["nodes"]]


def walked(shop: Shop, size: int, **given: Any) -> list[str]:
    """All pages of a list."""
    found: list[str] = []
    after = None
    while True:
        page = shop.data(LIST, n=size, a=after, **given)["products"]
        found += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


# -- versions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "served"),
    [("2026-10", "2026-10"), ("2026-07", "2026-07"), ("2025-01", "2026-07"), ("2019-04", "2026-07")],
)
def test_a_retired_version_falls_forward_silently(shop: Shop, asked: str, served: str) -> None:
    answer = shop.post(f"api/{asked}/graphql.json", {"query": "{shop{name}}"})
    assert answer.json()["data"]["shop"]["name"]
    assert answer.headers["X-Shopify-API-Version"] == served


@pytest.mark.parametrize("asked", ["2027-04", "2026-11", "newest", "2025-13"])
def test_a_version_that_is_none_is_not_found(shop: Shop, asked: str) -> None:
    assert shop.post(f"api/{asked}/graphql.json", {"query": "{shop{name}}"}).status_code == 404


def test_what_only_a_newer_version_has_fails_in_an_older_one(shop: Shop) -> None:
    for version in ("2026-07", "2026-10"):
        told = shop.gql("{shop{fieldOfTomorrow}}", version=version)
        assert "Cannot query field 'fieldOfTomorrow' on type 'Shop'" in told["errors"][0]["message"]


# -- what there is and what there is not -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{product(id: 1, handle: 2){id}}", "Unknown argument 'handle'"),
        ('mutation{fileUpdate(files:[{id:"x",position:1}]){files{id}}}', "unknown field 'position'"),
        ("mutation{fileUpdate{files{id}}}", "of type '[FileUpdateInput!]!' is required"),
        ("{products(first: 1){nodes{id", "Syntax Error"),
        ("{products(first: 1, sortKey: COLOUR){nodes{id}}}", "does not exist in 'ProductSortKeys'"),
    ],
)
def test_a_wrong_document_is_told_as_wrong(shop: Shop, query: str, words: str) -> None:
    assert words in shop.errors(query)[0]


def test_wrong_variables_are_told(shop: Shop) -> None:
    assert "Int cannot represent" in shop.errors(LIST, n="many")[0]


@pytest.mark.parametrize("query", ["{giftCards(first: 1){nodes{id}}}", "{shop{shopAddress{city}}}"])
def test_what_exists_but_is_not_played_says_so(shop: Shop, query: str) -> None:
    told = shop.gql(query)
    assert (
        "the sandbox does not play" in told["errors"][0]["message"]
        or "Access denied" in told["errors"][0]["message"]
    )


def test_a_request_without_a_query_is_a_bad_one(shop: Shop) -> None:
    assert shop.post("api/2026-10/graphql.json", {}).status_code == 400
    assert shop.post("api/2026-10/graphql.json", {"query": "{shop{id}}", "variables": [1]}).status_code == 400


# -- scopes -----------------------------------------------------------------------------------------------


def test_scopes_open_fields_and_writing_implies_reading(open_shop: Callable[..., Shop]) -> None:
    reader = open_shop(scopes=("read_products",))
    reader.add()
    assert titles(reader) == ["Cup"]
    told = reader.gql('mutation{fileDelete(fileIds:["gid://shopify/MediaImage/1"]){deletedFileIds}}')
    assert told["data"]["fileDelete"] is None
    assert told["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    assert "`write_files` access scope" in told["errors"][0]["message"]
    assert told["errors"][0]["path"] == ["fileDelete"]
    assert titles(open_shop(scopes=("write_products",))) == []
    stranger = open_shop(scopes=("write_files",))
    stranger.add()
    assert stranger.gql(LIST, n=1)["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"


def test_scopes_that_a_merchant_takes_back_are_gone_for_the_same_token(
    shop: Shop, platform: ShopifySandbox
) -> None:
    shop.add()
    assert titles(shop) == ["Cup"]
    platform.site.change_scopes(shop.name, ("write_files",))
    assert shop.gql(LIST, n=1)["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    told = shop.data("{currentAppInstallation{accessScopes{handle}}}")
    assert told == {"currentAppInstallation": {"accessScopes": [{"handle": "write_files"}]}}


# -- cost -------------------------------------------------------------------------------------------------


def cost(told: dict[str, Any]) -> tuple[int, int | None]:
    return told["extensions"]["cost"]["requestedQueryCost"], told["extensions"]["cost"]["actualQueryCost"]


def test_the_one_published_example_costs_what_it_did(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(scopes=("write_products", "read_inventory"))
    query = "query($id: ID!){product(id: $id){variants(first: 250){nodes{inventoryItem{id tracked}}}}}"
    assert cost(shop.gql(query, id="gid://shopify/Product/1")) == (25, 1)


def test_what_is_not_there_is_given_back(shop: Shop, frozen: Callable[[float], None]) -> None:
    shop.add()
    told = shop.gql("{products(first: 250){nodes{id media(first: 250){nodes{id}}}}}")
    requested, actual = cost(told)
    assert requested > 60
    assert actual is not None
    assert actual < 10
    status = told["extensions"]["cost"]["throttleStatus"]
    assert status == {"maximumAvailable": 2000.0, "currentlyAvailable": 2000 - actual, "restoreRate": 100.0}


def test_a_dear_call_is_refused_whatever_there_is(shop: Shop) -> None:
    nested = "{products(first: 250){nodes{variants(first: 250){nodes{media(first: 250){nodes{id} }}}}}}"
    many = "{" + " ".join(f"a{n}: {nested[1:-1]}" for n in range(8)) + "}"
    told = shop.gql(many)
    assert told["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
    assert "data" not in told


@pytest.mark.parametrize(
    ("plan", "per_s"), [("standard", 100), ("advanced", 200), ("plus", 1000), ("enterprise", 2000)]
)
def test_points_come_back_at_the_rate_of_the_plan(
    open_shop: Callable[..., Shop],
    platform: ShopifySandbox,
    frozen: Callable[[float], None],
    plan: str,
    per_s: int,
) -> None:
    shop = open_shop(plan=plan)
    query = "{products(first: 100){nodes{id}}}"
    first = shop.gql(query)
    requested = cost(first)[0]
    assert requested == 12
    platform.site.bucket(shop.name).drain(requested - 1)
    refused = shop.gql(query)
    bucket = platform.site.bucket(shop.name)
    assert (bucket.spent, bucket.refused) == (cost(first)[1], 1)
    assert refused["errors"][0] == {
        "message": "Throttled",
        "extensions": {"code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits"},
    }
    assert "data" not in refused
    assert cost(refused) == (requested, None)
    assert refused["extensions"]["cost"]["throttleStatus"] == {
        "maximumAvailable": per_s * 20.0,
        "currentlyAvailable": requested - 1,
        "restoreRate": float(per_s),
    }
    frozen(1 / per_s)  # exactly the point that was missing
    assert "errors" not in shop.gql(query)


def test_a_bucket_is_of_one_shop(open_shop: Callable[..., Shop], platform: ShopifySandbox) -> None:
    busy, idle = open_shop(), open_shop()
    platform.site.bucket(busy.name).drain()
    assert busy.errors("{products(first: 250){nodes{id}}}") == ["Throttled"]
    assert "errors" not in idle.gql("{products(first: 250){nodes{id}}}")


# -- lists ------------------------------------------------------------------------------------------------


def test_lists_need_a_size_and_have_one_at_most(shop: Shop) -> None:
    assert shop.errors("{products{nodes{id}}}") == ["you must provide one of first or last"]
    assert shop.errors("{products(first: 251){nodes{id}}}") == ["first and last are at most 250"]
    assert shop.errors(LIST, n=1, a="nonsense") == ["Invalid cursor for current pagination sort."]


def test_pages_show_each_product_once_in_order_of_numbers(shop: Shop) -> None:
    made = [f"gid://shopify/Product/{shop.add(f'Cup {n}')['id']}" for n in range(7)]
    for size in (1, 3, 7, 50):
        assert walked(shop, size) == made
    assert walked(shop, 3, r=True) == made[::-1]


def test_changes_are_found_by_the_second_they_were_made_in(
    shop: Shop, frozen: Callable[[float], None]
) -> None:
    old = shop.add("Old")
    frozen(10)
    since = shop.platform.site.clock.stamp()
    assert titles(shop, q=f"updated_at:>='{since}'") == []
    frozen(10)
    shop.platform.site.catalogue.change(shop.name, old["id"], {"title": "Older"})
    frozen(5)
    shop.add("New")
    assert titles(shop, q=f"updated_at:>'{since}'", s="UPDATED_AT") == ["Older", "New"]
    assert titles(shop, q=f"updated_at:>'{since}'", s="UPDATED_AT", r=True) == ["New", "Older"]
    assert titles(shop, q=f"updated_at:>'{since}' AND title:new") == ["New"]
    exactly = shop.platform.site.clock.stamp()
    assert titles(shop, q=f"updated_at:>'{exactly}'") == []
    assert titles(shop, q=f'updated_at:>="{exactly}" status:active') == ["New"]


def test_a_filter_that_is_not_played_does_not_pass_for_one_that_finds_everything(shop: Shop) -> None:
    shop.add()
    assert "does not search by colour" in shop.errors(LIST, n=1, q="colour:red")[0]
    assert "does not understand" in shop.errors(LIST, n=1, q="cup")[0]
    assert "not a time" in shop.errors(LIST, n=1, q="updated_at:>yesterday")[0]


def test_products_can_be_looked_up_and_counted(shop: Shop) -> None:
    made = shop.add(
        "Mug", photos=2, vendor="Kiln", product_type="Mugs", tags=["b", "A"], collections=["Kitchen"]
    )
    query = """query($id: ID!){
      product(id: $id){id title vendor productType tags status handle legacyResourceId mediaCount{count}
        collections(first: 5){nodes{title}} options{name values} priceRangeV2{minVariantPrice{amount}}
        variants(first: 5){nodes{id title price selectedOptions{name value} product{id}}}}
      productsCount{count precision} gone: product(id: "gid://shopify/Product/1"){id}
      odd: product(id: "gid://shopify/Collection/1"){id}}"""
    told = shop.data(query, id=f"gid://shopify/Product/{made['id']}")
    assert told["product"]["tags"] == ["A", "b"]
    assert told["product"]["collections"] == {"nodes": [{"title": "Kitchen"}]}
    assert told["product"]["mediaCount"] == {"count": 2}
    assert told["product"]["variants"]["nodes"][0]["product"]["id"] == told["product"]["id"]
    assert told["productsCount"] == {"count": 1, "precision": "EXACT"}
    assert told["gone"] is told["odd"] is None
    ids = [told["product"]["id"], told["product"]["variants"]["nodes"][0]["id"], "gid://shopify/Product/2"]
    nodes = shop.data("query($ids: [ID!]!){nodes(ids: $ids){id __typename}}", ids=ids)["nodes"]
    assert [node and node["__typename"] for node in nodes] == ["Product", "ProductVariant", None]


# -- a large catalogue ------------------------------------------------------------------------------------


def test_a_hundred_thousand_products_take_no_memory_and_read_like_others(
    shop: Shop, platform: ShopifySandbox
) -> None:
    platform.site.fill(shop.name, 100_000, photos=2)
    count = shop.data("{productsCount(limit: null){count precision} some: productsCount{count precision}}")
    assert count == {
        "productsCount": {"count": 100_000, "precision": "EXACT"},
        "some": {"count": 10_000, "precision": "AT_LEAST"},
    }
    product = f"gid://shopify/Product/{large.FIRST_PRODUCT + 99_995}"
    query = (
        "query($id: ID!){product(id: $id){title media(first: 9){nodes{id alt ... on MediaImage{image{url}}}}"
    )
    told = shop.data(query + " variants(first: 9){nodes{id sku media(first: 1){nodes{id}}}}}}", id=product)[
        "product"
    ]
    assert told["title"] == "Product 99995"
    assert len(told["media"]["nodes"]) == 4  # two, and one for each of two variants
    assert [len(v["media"]["nodes"]) for v in told["variants"]["nodes"]] == [1, 1, 0, 0]
    pictures = [requests.get(node["image"]["url"], timeout=20) for node in told["media"]["nodes"]]
    assert len({picture.content for picture in pictures}) == 4
    assert {picture.headers["Content-Type"] for picture in pictures} == {"image/jpeg"}
    assert shop.data('{product(id: "gid://shopify/Product/9000000100000"){id}}') == {"product": None}


def test_what_a_merchant_does_to_a_made_up_product_is_kept(shop: Shop, platform: ShopifySandbox) -> None:
    platform.site.fill(shop.name, 30)
    catalogue, first = platform.site.catalogue, large.FIRST_PRODUCT
    own = shop.add("By hand")["id"]
    catalogue.change(shop.name, first + 3, {"title": "Changed"})
    catalogue.delete(shop.name, first + 5)
    expected = [own, *(first + n for n in range(30) if n != 5)]
    for size in (4, 50):
        assert walked(shop, size) == [f"gid://shopify/Product/{one}" for one in expected]
    assert walked(shop, 7, s="UPDATED_AT")[-2:] == [
        f"gid://shopify/Product/{one}" for one in (own, first + 3)
    ]
    assert shop.data("{productsCount(limit: null){count}}") == {"productsCount": {"count": 30}}
    assert titles(shop, q="updated_at:>2026-06-01") == ["By hand", "Changed"]
    variant = shop.data('{productVariant(id: "gid://shopify/ProductVariant/9200000000030"){product{title}}}')
    assert variant == {"productVariant": {"product": {"title": "Changed"}}}


def test_nobody_pages_deeper_than_twenty_five_thousand(shop: Shop, platform: ShopifySandbox) -> None:
    platform.site.fill(shop.name, 30_000)
    from connectors.sandbox.shopify.catalogue import _cursor

    deep = _cursor((large.FIRST_PRODUCT + 24_899,), 24_900)
    assert len(shop.data(LIST, n=100, a=deep)["products"]["nodes"]) == 100
    assert "Pagination is limited to 25000 objects" in shop.errors(LIST, n=101, a=deep)[0]


# -- misbehaving ------------------------------------------------------------------------------------------


def test_faults_match_the_name_of_an_operation(shop: Shop, platform: ShopifySandbox) -> None:
    here = f"{shop.name}/admin/api/.* L$"
    platform.faults.add(here, "throttled")
    assert "errors" not in shop.gql("query Other{shop{name}}")
    told = shop.gql(LIST, n=1)
    assert told["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert told["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 0
    platform.faults.add(here, "rate_limited", retry_after_s=2)
    answer = shop.post("api/2026-10/graphql.json", {"query": LIST, "variables": {"n": 1}})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    platform.faults.add(here, "unavailable")
    assert shop.post("api/2026-10/graphql.json", {"query": LIST, "variables": {"n": 1}}).status_code == 503
    platform.faults.add(here, "close_after")
    with pytest.raises(requests.ConnectionError):
        shop.gql(LIST, n=1)
    assert [entry.status for entry in platform.faults.requests(here)] == [200, 429, 503, 0]


def test_a_shop_is_found_by_its_host_name_too(shop: Shop, platform: ShopifySandbox) -> None:
    answer = requests.post(
        f"{platform.url}/admin/api/2026-10/graphql.json",
        json={"query": "{shop{myshopifyDomain}}"},
        headers={"X-Shopify-Access-Token": shop.token, "Host": shop.name},
        timeout=20,
    )
    assert answer.json()["data"] == {"shop": {"myshopifyDomain": shop.name}}


def test_answering_takes_little_time(shop: Shop) -> None:
    shop.add()
    shop.gql(LIST, n=1)
    began = time.perf_counter()
    for _ in range(20):
        shop.gql(LIST, n=1)
    assert time.perf_counter() - began < 10  # a check that nothing is built anew for each call
