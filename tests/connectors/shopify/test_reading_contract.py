"""What every connector promises of reading, run over Shopify on the sandbox; the writing half is not built yet.

Left out: what goes by keys of a store's own, and that a missing product is told as an error of the call. Shopify answers
with status 200 that there is none, so whoever counts how the store is doing hears of an answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.base import Connector, Heard, Opening, Settings, Throttle
from connectors.shopify.connector import ShopifyConnector
from connectors.types import Credentials
from tests.connectors.shopify.conftest import published
from tests.connectors.test_contract import (
    test_a_listed_product_can_be_asked_for_its_variants,
    test_a_made_up_page_token_is_refused,
    test_a_photo_over_the_cap_is_not_taken_in,
    test_a_product_tells_its_title_and_photos_in_order,
    test_a_product_that_is_not_there_is_said_to_be_gone,
    test_a_trashed_product_leaves_the_catalogue,
    test_an_empty_catalogue_is_one_empty_page,
    test_only_products_changed_strictly_after_the_watermark_come_back,
    test_the_throttle_is_asked_before_each_call,
    test_the_whole_catalogue_is_read_page_by_page_oldest_first,
    test_who_is_told_that_nobody_is_to_ask_now_asks_nobody,
)

__all__ = [
    "test_a_listed_product_can_be_asked_for_its_variants",
    "test_a_made_up_page_token_is_refused",
    "test_a_photo_over_the_cap_is_not_taken_in",
    "test_a_product_tells_its_title_and_photos_in_order",
    "test_a_product_that_is_not_there_is_said_to_be_gone",
    "test_a_trashed_product_leaves_the_catalogue",
    "test_an_empty_catalogue_is_one_empty_page",
    "test_only_products_changed_strictly_after_the_watermark_come_back",
    "test_the_throttle_is_asked_before_each_call",
    "test_the_whole_catalogue_is_read_page_by_page_oldest_first",
    "test_who_is_told_that_nobody_is_to_ask_now_asks_nobody",
]

server = pytest.importorskip("connectors.sandbox.shopify.server", reason="the sandbox speaks no Shopify here")
_NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("shopify")
    with server.ShopifySandbox(folder, shops=(), schemas=published(), webhook_interval_s=None) as running:
        yield running


class ShopifyBench:
    """What the contract needs of a store, done to a shop on the sandbox."""

    def __init__(self, platform: Any, settings: Settings) -> None:
        self.site, self.settings = platform.site, settings
        self.name = platform.site.open_shop(f"contract-{next(_NAMES)}", plan="enterprise")
        platform.site.install(self.name)
        self.opening = Opening(
            f"https://{self.name}",
            Credentials(token=platform.site.token(self.name)["access_token"]),
            settings,
            api_root=platform.api_root,
        )

    def connect(self, **settings: Any) -> Connector:
        return ShopifyConnector(replace(self.opening, settings=replace(self.settings, **settings)))

    def throttled(self, throttle: Throttle, heard: Heard | None = None) -> Connector:
        return ShopifyConnector(replace(self.opening, throttle=throttle, heard=heard))

    def add_product(self, title: str, photos: tuple[bytes, ...] = ()) -> str:
        files = [(f"photo-{n}.jpg", data) for n, data in enumerate(photos)]
        return str(self.site.catalogue.create(self.name, {"title": title}, files)["id"])

    def add_variant(self, product_id: str, option: str, data: bytes) -> str:
        """The first real one takes the place of the one that nobody sees."""
        given = {"title": "x", "option": "Colour", "variants": [{"title": option}]}
        made = self.site.catalogue.create(self.name, given)
        self.site.catalogue.delete(self.name, made["id"])
        doc = self.site.catalogue.product(self.name, int(product_id))
        picture = self.site.media.add(self.name, data, "variant.jpg", at_once=True)
        self.site.catalogue.attach(self.name, doc, [picture])
        variant = {**made["variants"][0], "media": [picture["id"]]}
        self.site.catalogue.save(self.name, {**doc, "options": made["options"], "variants": [variant]})
        return str(variant["id"])

    def add_many(self, count: int) -> None:
        for number in range(count):
            self.add_product(f"Product {number}")

    def date_back(self, product_id: str, modified: str) -> None:
        doc = self.site.catalogue.product(self.name, int(product_id))
        self.site.catalogue._write(self.name, {**doc, "updated": f"{modified}Z"})

    def trash(self, product_id: str) -> None:
        self.site.catalogue.delete(self.name, int(product_id))


@pytest.fixture
def bench(platform: Any, loopback: Settings) -> ShopifyBench:
    return ShopifyBench(platform, loopback)
