"""Raw calls to a sandbox, as a script with an application password would make them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from connectors.sandbox.server import Sandbox

Raw = Callable[..., requests.Response]


def raw_caller(shop: Sandbox, verify: str | bool = True) -> Raw:
    session = requests.Session()
    session.trust_env = False
    c = shop.credentials
    ways = {"app": (c.user, c.app_password), "key": (c.key, c.secret), "none": None}

    def call(method: str, path: str, json: Any = None, auth: Any = "app", **more: Any) -> requests.Response:
        who = ways[auth] if isinstance(auth, str) else auth
        return session.request(
            method,
            f"{shop.url}{path}",
            json=json,
            auth=who,
            timeout=20,
            verify=verify,
            allow_redirects=False,
            **more,
        )

    return call


@pytest.fixture
def raw(shop: Sandbox) -> Raw:
    return raw_caller(shop)


@pytest.fixture
def call_to() -> Callable[..., Raw]:
    """Makes such a caller for a sandbox that a test starts itself."""
    return raw_caller
