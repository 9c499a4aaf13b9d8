"""Two merchants who must not see each other's rows, and somebody of each role who is logged in.

Imports of Django stand inside: this file is read before the tests' settings are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def merchant(db: None, storage_root: Path) -> Any:
    from tests.dashboard.merchants import open_for_business

    return open_for_business("Northlight")


@pytest.fixture
def neighbour(db: None, storage_root: Path) -> Any:
    from tests.dashboard.merchants import open_for_business

    return open_for_business("Other people")


@pytest.fixture
def owner(merchant: Any) -> Any:
    from tests.dashboard.merchants import log_in

    return log_in(merchant.workspace, "owner")


@pytest.fixture
def reviewer(merchant: Any) -> Any:
    from tests.dashboard.merchants import log_in

    return log_in(merchant.workspace, "reviewer")


@pytest.fixture
def viewer(merchant: Any) -> Any:
    from tests.dashboard.merchants import log_in

    return log_in(merchant.workspace, "viewer")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(certificate, key) of localhost, and the file of the CA that signed them."""
    from connectors.sandbox.tls import throw_away_certificate

    folder = tmp_path_factory.mktemp("ca")
    return throw_away_certificate(folder), str(folder / "ca.pem")


@pytest.fixture
def open_shop(tmp_path: Path, settings: Any, tls: Any) -> Iterator[Any]:
    """Opens WooCommerce stores on https, as told; this server is on https at a public address."""
    from connectors.sandbox.server import Sandbox
    from tests.dashboard.approving import HERE

    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = HERE, ["*"]
    settings.ALLOW_PRIVATE_HOSTS, settings.STORE_CA_FILE = ["localhost", "127.0.0.1"], tls[1]
    with ExitStack() as stack:

        def opened(**how: Any) -> Any:
            how = {"webhook_interval_s": None, "tls": tls[0], "name": "Tea & Co"} | how
            folder = tmp_path / f"shop{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(Sandbox(folder, **how))

        yield opened


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> list[tuple[str, Any]]:
    """What control workers were asked to do, and did not do yet."""
    from apps.flow import hints

    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(hints, "hint", lambda task, *args: sent.append((task, args[0])))
    return sent
