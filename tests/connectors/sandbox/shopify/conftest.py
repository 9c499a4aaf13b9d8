"""One platform per test file on the published schema, and a shop of its own for every test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.sandbox.shopify.server import ShopifySandbox

_NAMES = itertools.count(1)


@dataclass
class Shop:
    """A shop with the app installed, and the app's token for it."""

    platform: ShopifySandbox
    name: str
    token: str
    web: requests.Session = field(default_factory=requests.Session)

    @property
    def root(self) -> str:
        return self.platform.api_root.replace("{shop}", self.name)

    def post(self, path: str, json: Any, **more: Any) -> requests.Response:
        headers = {"X-Shopify-Access-Token": self.token, **more.pop("headers", {})}
        return self.web.post(f"{self.root}{path}", json=json, headers=headers, timeout=20, **more)

    def renew(self) -> None:
        """Another token: time passed."""
        self.token = self.platform.site.token(self.name)["access_token"]

    def gql(self, query: str, version: str = "2026-10", **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        answer = self.post(f"api/{version}/graphql.json", {"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def data(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer's data, of a call that went well."""
        told = self.gql(query, **variables)
        assert "errors" not in told, told["errors"]
        return dict(told["data"])

    def errors(self, query: str, **variables: Any) -> list[str]:
        """The words of a call that went wrong."""
        return [error["message"] for error in self.gql(query, **variables)["errors"]]

    def add(self, title: str = "Cup", photos: int = 1, photo: bytes = b"", **given: Any) -> dict[str, Any]:
        """A product as the merchant makes it."""
        files = [(f"{title.lower()}-{n}.jpg", photo) for n in range(photos)]
        return self.platform.site.catalogue.create(self.name, {"title": title, **given}, files)

    def media(self, product_id: int) -> list[int]:
        """The numbers of a product's pictures, in order."""
        found = self.platform.site.catalogue.product(self.name, product_id)
        assert found is not None
        return list(found["media"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, shopify_schemas: Path) -> Iterator[ShopifySandbox]:
    """Webhooks go out and time passes when a test says so."""
    folder = tmp_path_factory.mktemp("shopify")
    with ShopifySandbox(
        folder, shops=(), schemas=shopify_schemas, webhook_interval_s=None, client_id="app-1"
    ) as running:
        running.site.clock.now()
        yield running


@pytest.fixture
def open_shop(platform: ShopifySandbox) -> Callable[..., Shop]:
    """Opens shops; without `installed` the app is not in there."""

    def opened(plan: str = "standard", scopes: tuple[str, ...] | None = None, installed: bool = True) -> Shop:
        name = platform.site.open_shop(f"shop-{next(_NAMES)}", plan=plan)
        token = ""
        if installed:
            platform.site.install(name, scopes)
            token = platform.site.token(name)["access_token"]
        return Shop(platform, name, token)

    return opened


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop()


@pytest.fixture
def frozen(platform: ShopifySandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Time stands still; the answer lets it pass."""
    moment = [platform.site.clock.now()]
    monkeypatch.setattr(platform.site.clock, "now", lambda: moment[0])

    def passes(seconds: float) -> None:
        moment[0] += seconds

    return passes
