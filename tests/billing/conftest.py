"""One Shopify for all tests of a file, and a shop of its own that pays for each of them.

Imports of Django stand inside: this is read before the tests' settings are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.shopify.server import ShopifySandbox


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopifySandbox]:
    folder = tmp_path_factory.mktemp("shopify")
    with ShopifySandbox(folder, shops=(), webhook_interval_s=None, media_ready_s=0.0) as running:
        yield running


@pytest.fixture
def payer(
    platform: ShopifySandbox,
    db: None,
    storage_root: Path,
    redis_url: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Came in just now; a plan is offered, and nobody agreed to it."""
    from tests.billing import paying as hands
    from tests.conftest import on_the_wire

    hands.set_up(platform, settings)
    platform.faults.clear()
    hands.offer()
    found = hands.come_in(platform, f"file://{storage_root}")
    on_the_wire(found.shop, monkeypatch)
    return found
