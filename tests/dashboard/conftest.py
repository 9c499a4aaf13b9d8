"""Two merchants who must not see each other's rows, and somebody of each role who is logged in.

Imports of Django stand inside: this file is read before the tests' settings are there.
"""

from __future__ import annotations

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
