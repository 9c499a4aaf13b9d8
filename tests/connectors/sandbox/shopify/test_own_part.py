"""The demo runs on the part of the schema that lies here: what the connector sends has to be in it."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from graphql import parse, validate

from connectors.sandbox.shopify.engine import rules
from connectors.sandbox.shopify.server import ShopifySandbox
from connectors.shopify.documents import document, names

NORTH = "north.myshopify.com"
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopifySandbox]:
    """A platform that delivers by itself."""
    folder = tmp_path_factory.mktemp("own")
    with ShopifySandbox(folder, shops=("north",), webhook_interval_s=0.01, media_ready_s=0.05) as running:
        running.site.install(NORTH)
        yield running


@pytest.fixture
def ask(own: ShopifySandbox) -> Callable[..., Any]:
    headers = {"X-Shopify-Access-Token": own.site.token(NORTH)["access_token"]}

    def asked(query: str, **variables: Any) -> Any:
        address = f"{own.api_root.replace('{shop}', NORTH)}api/2026-10/graphql.json"
        body = {"query": query, "variables": variables}
        told = requests.post(address, json=body, headers=headers, timeout=20).json()
        assert "errors" not in told, told["errors"]
        return told["data"]

    return asked


@pytest.mark.parametrize("name", names())
def test_what_the_connector_sends_is_in_the_part_that_is_played(name: str) -> None:
    errors = validate(rules("2026-10", None)[0], parse(document(name).text))
    assert [error.message for error in errors] == []


def test_our_part_answers_as_the_published_schema_does(
    own: ShopifySandbox, ask: Callable[..., Any], make_photo: Any
) -> None:
    made = own.site.catalogue.create(NORTH, {"title": f"Cup {next(_NUMBERS)}"}, [("cup.jpg", make_photo())])
    query = (
        "query($id: ID!){product(id: $id){title media(first: 5){nodes{id ... on MediaImage{image{url}}}}}}"
    )
    told = ask(query, id=f"gid://shopify/Product/{made['id']}")["product"]
    assert told["title"] == made["title"]
    assert requests.get(told["media"]["nodes"][0]["image"]["url"], timeout=20).content == make_photo()
    run = "mutation($q: String!){bulkOperationRunQuery(query: $q){bulkOperation{id} userErrors{message}}}"
    bulk = ask(run, q="{products{edges{node{id media{edges{node{id}}}}}}}")["bulkOperationRunQuery"]
    assert bulk["userErrors"] == []
    found = ask(
        "query($id: ID!){node(id: $id){... on BulkOperation{status url}}}",
        **{"id": bulk["bulkOperation"]["id"]},
    )
    written = requests.get(found["node"]["url"], timeout=20).text.splitlines()
    assert json.loads(written[0])["id"].startswith("gid://shopify/Product/")


def test_scopes_are_kept_without_a_published_file_too(own: ShopifySandbox) -> None:
    south = own.site.open_shop(f"south-{next(_NUMBERS)}")
    own.site.install(south, ("write_files",))
    headers = {"X-Shopify-Access-Token": own.site.token(south)["access_token"]}
    address = f"{own.api_root.replace('{shop}', south)}api/2026-10/graphql.json"
    told = requests.post(
        address, json={"query": "{products(first: 1){nodes{id}}}"}, headers=headers, timeout=20
    ).json()
    assert told["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"


def test_webhooks_go_out_by_themselves(own: ShopifySandbox, web: Any) -> None:
    web.pages["/hook"] = (200, {}, b"")
    arrived, before = threading.Event(), own.site.access.app
    own.site.access.app = before.hearing(f"{web.url}/hook", "products/create")
    web.before_answer = arrived.set
    try:
        own.site.catalogue.create(NORTH, {"title": "Told"})
        assert arrived.wait(10)
    finally:
        own.site.access.app = before


def test_a_demo_fills_its_shop_in_silence(own: ShopifySandbox, web: Any) -> None:
    before = own.site.access.app
    own.site.access.app = before.hearing(f"{web.url}/hook", "products/create")
    try:
        with own.site.hooks.silence():
            own.site.catalogue.create(NORTH, {"title": "There from the start"})
        own.site.hooks.deliver_due()
    finally:
        own.site.access.app = before
    assert web.hooks() == []
