"""What every connector promises of writing lists and files, run over Shopify on the sandbox.

Left out: a store's own library key, a title of a file's own, and a second file of the same name, which there never is.
A list is written in several changes: `test_writing.py` loses the answer to each.
"""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Settings
from tests.connectors.shopify.bench import ShopifyBench
from tests.connectors.test_contract import (
    test_a_file_of_the_media_library_tells_its_name,
    test_a_write_that_fails_halfway_leaves_the_product_alone_and_an_orphan_behind,
    test_a_written_list_replaces_the_old_one_in_its_order,
    test_alt_text_of_a_kept_image_changes_only_when_given,
    test_an_empty_list_clears_the_photos,
    test_an_unknown_media_id_is_refused_with_the_stores_words,
    test_an_upload_is_found_again_by_its_stem_and_by_no_other,
    test_an_upload_whose_answer_was_lost_is_found_instead_of_repeated,
    test_deleted_media_leaves_every_product_and_may_be_deleted_twice,
    test_the_same_address_twice_makes_two_images,
)

__all__ = [
    "test_a_file_of_the_media_library_tells_its_name",
    "test_a_write_that_fails_halfway_leaves_the_product_alone_and_an_orphan_behind",
    "test_a_written_list_replaces_the_old_one_in_its_order",
    "test_alt_text_of_a_kept_image_changes_only_when_given",
    "test_an_empty_list_clears_the_photos",
    "test_an_unknown_media_id_is_refused_with_the_stores_words",
    "test_an_upload_is_found_again_by_its_stem_and_by_no_other",
    "test_an_upload_whose_answer_was_lost_is_found_instead_of_repeated",
    "test_deleted_media_leaves_every_product_and_may_be_deleted_twice",
    "test_the_same_address_twice_makes_two_images",
]


@pytest.fixture
def bench(shopify: Any, loopback: Settings, web: Any) -> ShopifyBench:
    return ShopifyBench(shopify, loopback, web)
