"""What every connector promises of reading, run over Shopify on the sandbox.

Left out: what goes by keys of a store's own, and that a missing product is told as an error of the call. Shopify answers
with status 200 that there is none, so whoever counts how the store is doing hears of an answer.
"""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Settings
from tests.connectors.shopify.bench import ShopifyBench
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


@pytest.fixture
def bench(shopify: Any, loopback: Settings) -> ShopifyBench:
    return ShopifyBench(shopify, loopback)
