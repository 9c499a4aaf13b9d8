"""What tests of undo and clean-up begin with. Imports of Django stand inside: this file is read before it is set up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def front(
    db: None,
    storage_root: Path,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: Any,
) -> Iterator[Any]:
    """A WooCommerce storefront with one product of three photos, connected and not read yet."""
    from connectors.sandbox.server import Sandbox
    from tests.conftest import on_the_wire
    from tests.storefronts import open_storefront

    settings.ALLOW_PRIVATE_HOSTS = ["127.0.0.1"]
    with Sandbox(tmp_path / "shop", environment="local", webhook_interval_s=None) as site:
        opened = open_storefront(site, f"file://{storage_root}")
        on_the_wire(opened.shop, monkeypatch)
        yield opened


@pytest.fixture
def published(front: Any) -> Any:
    """All three photos have their finished pictures in the shop, and nothing starts by itself any more."""
    from apps.automation.models import Rule

    front.read()
    Rule.objects.update(on=False)
    assert [p.live for p in front.publications()] == [True] * 3, [p.error for p in front.publications()]
    return front
