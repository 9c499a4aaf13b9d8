"""What tests of jobs begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from apps.review.models import Item
    from tests.shopkeeping import Shop


@pytest.fixture
def doubted(shop: Shop) -> Item:
    """A render that policy left for a person."""
    # Not at the top: this file is read before Django is set up where this folder is named on the command line.
    from apps.review.models import Decision, Item, ItemState

    shop.sell()
    shop.deliver()
    shop.work()
    Item.objects.update(state=ItemState.PENDING, verdict="review")
    Decision.objects.all().delete()
    shop.wire.clear()
    [item] = shop.items()
    return item


@pytest.fixture
def full_shop(shop: Shop) -> Shop:
    """Six products that were mirrored, none of them worked on."""
    from tests.jobs.regenerating import colour, sync_catalogue
    from tests.shopkeeping import photo

    for number in range(6):
        shop.remote.add_product(
            f"Mug {number}",
            (photo(colour(number)),),
            categories=("Mugs" if number < 5 else "Lamps",),
            vendor="Kiln & Co" if number % 2 else "",
        )
    sync_catalogue(shop)
    return shop
