"""Shopify as our app meets it, in memory: what it signs, the tokens it gives out and takes back, and stores that open with
them. What it sells is the twin's (`connectors.fake`).

Imports of Django stand inside: conftest reads this before the tests' settings are there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jwt

from connectors.errors import ConnectorError, NeedsReauth, Unavailable
from connectors.fake import FakeConnector, FakeStore
from connectors.shopify import oauth, webhooks
from connectors.types import Credentials, WebhookEvent

KEY, SECRET, OLD = (
    "a1b2c3d4e5f6a7b8c9d0",
    "shpss_the-secret-of-this-app-" + "0123456789" * 4,
    "shpss_the-one-before-" + "9876543210" * 5,
)
SHOP, OTHER = "teahouse.myshopify.com", "rivals.myshopify.com"
HERE = "https://photos.example.com"
SCOPE = ",".join(oauth.SCOPES)
ANNA, BEN = "101", "202"


# -- what it signs -----------------------------------------------------------------------------------------------


def session_token(
    shop: str = SHOP, user: str = ANNA, *, secret: str = SECRET, algorithm: str = "HS256", **claims: Any
) -> str:
    """As App Bridge gives it to a page; a claim of None is left out."""
    now = int(time.time())
    told = {
        "iss": f"https://{shop}/admin",
        "dest": f"https://{shop}",
        "aud": KEY,
        "sub": user,
        "exp": now + 60,
        "nbf": now - 1,
        "iat": now - 1,
        "jti": "f8912129-1af6-4cad-9ca3-76b0f7621087",
        "sid": "aaea182f2732d44c23057c0fea584021a4485b2bd25d3eb7fd349313ad24c685",
    } | claims
    return jwt.encode({k: v for k, v in told.items() if v is not None}, secret, algorithm=algorithm)


def signed_query(secret: str = SECRET, **fields: str) -> dict[str, str]:
    """A query as Shopify's browser redirects have it."""
    told = {"timestamp": str(int(time.time())), **fields}
    return told | {"hmac": oauth.sign_query(told, secret)}


def delivery(
    topic: str,
    body: Mapping[str, Any] | bytes,
    *,
    shop: str = SHOP,
    webhook_id: str = "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    secret: str = SECRET,
    at: dt.datetime | None = None,
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a webhook."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raw, {
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": webhooks.sign(raw, secret),
        "X-Shopify-Shop-Domain": shop,
        "X-Shopify-API-Version": "2026-10",
        "X-Shopify-Webhook-Id": webhook_id,
        "X-Shopify-Triggered-At": (at or dt.datetime.now(dt.UTC)).isoformat(),
    }


# -- the tokens that it gives out ----------------------------------------------------------------------------------


@dataclass
class AtShopify:
    """A shop over there. `live`: the token that opens it now, none once the app is off."""

    installed: bool = True
    scope: str = SCOPE
    live: str = ""
    refreshes: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    lasts_s: int = 3600


class Shopify:
    """The token endpoint of all shops, as `oauth.Exchange`."""

    def __init__(self) -> None:
        self.shops: dict[str, AtShopify] = {}
        self.numbers = itertools.count(1)
        self.takes_s = 0.0
        self.failing: ConnectorError | None = None
        self.lock = threading.Lock()

    def shop(self, name: str = SHOP) -> AtShopify:
        return self.shops.setdefault(name, AtShopify())

    def take_off(self, name: str = SHOP) -> None:
        """The merchant uninstalls the app: its tokens die at once."""
        there = self.shop(name)
        there.installed, there.live, there.refreshes = False, "", set()

    def revoke(self, name: str = SHOP) -> None:
        """Tokens die, the app stays."""
        there = self.shop(name)
        there.live, there.refreshes = "", set()

    def session(self, shop: str, session_token: str) -> Credentials:
        return self._given(shop, "session")

    def code(self, shop: str, code: str) -> Credentials:
        if code != "a-code":
            raise NeedsReauth("the code is not known", code="invalid_grant")
        return self._given(shop, "code")

    def refresh(self, shop: str, refresh_token: str) -> Credentials:
        if refresh_token not in self.shop(shop).refreshes:
            self.shop(shop).asked.append("refused")
            raise NeedsReauth("this refresh token is not good any more", code="invalid_grant")
        return self._given(shop, "refresh")

    def migrate(self, shop: str, token: str) -> Credentials:
        return self._given(shop, "migrate")

    def _given(self, shop: str, how: str) -> Credentials:
        time.sleep(self.takes_s)
        with self.lock:
            there = self.shop(shop)
            there.asked.append(how)
            if self.failing is not None:
                raise self.failing
            if how in {"session", "code"}:
                there.installed = True
            number = next(self.numbers)
            there.live = f"shpat_{number}"
            there.refreshes.add(f"shprt_{number}")
            now = dt.datetime.now(dt.UTC)
            return Credentials(
                token=there.live,
                refresh_token=f"shprt_{number}",
                expires_at=(now + dt.timedelta(seconds=there.lasts_s)).isoformat(),
                refresh_expires_at=(now + dt.timedelta(days=90)).isoformat(),
                scope=there.scope,
            )


class TwinConnector(FakeConnector):
    """A store of Shopify's with the twin's goods: it opens with the token that is good over there."""

    platform: ClassVar[str] = "shopify"
    house: ClassVar[Shopify]

    @classmethod
    def verify(cls, *, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        return webhooks.verify(headers=headers, body=body, secret=secret)

    @classmethod
    def parse(cls, *, headers: Mapping[str, str], body: bytes) -> WebhookEvent:
        return webhooks.parse(headers=headers, body=body)

    @contextlib.contextmanager
    def _failing(self, name: str) -> Iterator[None]:
        live = self.house.shop(self.opening.url.partition("://")[2]).live
        access, token = self.opening.access, self.opening.credentials.token
        if access is not None and (token := access()) != live:
            token = access(renew=True)
            live = self.house.shop(self.opening.url.partition("://")[2]).live
        if not token or token != live:
            raise NeedsReauth("the token is not known here", status=401)
        self.opening.credentials = self.store.credentials
        with super()._failing(name):
            yield


def open_house(settings: Any, monkeypatch: Any) -> Shopify:
    """Our app is set up at a Shopify in memory, with one shop that has something to sell."""
    from apps.stores import shopify
    from connectors import registry

    settings.SHOPIFY_API_KEY, settings.SHOPIFY_API_SECRET, settings.SHOPIFY_API_SECRET_OLD = KEY, SECRET, ""
    settings.PUBLIC_URL = HERE
    settings.ALLOWED_HOSTS = ["photos.example.com", "testserver"]
    TwinConnector.house = house = Shopify()
    monkeypatch.setattr(shopify, "exchange", lambda: house)
    monkeypatch.setitem(registry._PLATFORMS, "shopify", "tests.shopify_app:TwinConnector")
    for shop in (SHOP, OTHER):
        FakeStore(f"https://{shop}")
    return house


def sign_in(shop: str = SHOP, user: str = ANNA) -> Any:
    """Somebody opens Vitrine in the administration of their shop."""
    from apps.flow import signingin
    from apps.stores import shopify

    token = session_token(shop, user)
    return signingin.arrive(shopify.session(token), token)


def unavailable() -> ConnectorError:
    return Unavailable("it does not answer", status=503)
