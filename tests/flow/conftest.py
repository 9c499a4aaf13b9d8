"""What tests of undo and clean-up begin with, and the fault matrix as a table at the end. Imports of Django stand
inside: this file is read before it is set up.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def shopfront(
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
    from tests.connected_shop import connect_a_shop

    settings.ALLOW_PRIVATE_HOSTS = ["127.0.0.1"]
    with Sandbox(tmp_path / "shop", environment="local", webhook_interval_s=None) as site:
        opened = connect_a_shop(site, f"file://{storage_root}")
        on_the_wire(opened.shop, monkeypatch)
        yield opened


@pytest.fixture
def shopify_front(
    db: None,
    storage_root: Path,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: Any,
) -> Iterator[Any]:
    """A Shopify shop, connected, with one product of three photos that nobody has read yet."""
    from connectors.sandbox.shopify.server import ShopifySandbox
    from connectors.sandbox.shopify.site import Options
    from tests.conftest import on_the_wire
    from tests.flow.shopifyfront import connect_a_shopify_shop
    from tests.flow.shopifymatrix import NAME

    options = Options(shops=(NAME,), plan="enterprise", webhook_interval_s=None, media_ready_s=0.0, job_s=0.0)
    with ShopifySandbox(tmp_path / "shopify", options) as platform:
        opened = connect_a_shopify_shop(platform, f"file://{storage_root}", settings)
        on_the_wire(opened.shop, monkeypatch)
        yield opened


@pytest.fixture
def published(shopfront: Any) -> Any:
    """All three photos have their finished pictures in the shop, and nothing starts by itself any more."""
    from apps.automation.models import Rule

    shopfront.read()
    Rule.objects.update(on=False)
    assert [p.live for p in shopfront.publications()] == [True] * 3, [
        p.error for p in shopfront.publications()
    ]
    return shopfront


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A row per step, a column per fault."""
    told: dict[tuple[str, str], dict[str, str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", ()):
                if name == "fault_matrix":
                    way, step, fault, became = value
                    told.setdefault((way, step), {})[fault] = became
    if not told:
        return
    faults = list(dict.fromkeys(fault for row in told.values() for fault in row))
    first = max(len(f"{way}: {step}") for way, step in told)
    terminalreporter.section("fault matrix")
    terminalreporter.write_line(" " * first + "  " + "  ".join(faults))
    for (way, step), row in told.items():
        cells = "  ".join(row.get(fault, "-").ljust(len(fault)) for fault in faults)
        terminalreporter.write_line(f"{f'{way}: {step}'.ljust(first)}  {cells}")
