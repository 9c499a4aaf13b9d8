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
