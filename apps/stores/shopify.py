"""Our app at Shopify, as the operator set it up: its secrets, its addresses, and what they prove."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

from django.conf import settings

from apps.lib.errors import BadRequest
from apps.stores.connect import connector_settings
from connectors.shopify import appconfig, oauth
from connectors.shopify import session as session_tokens
from connectors.shopify.session import EXPIRED as EXPIRED
from connectors.shopify.session import Session as Session
from connectors.shopify.shops import admin_root
from connectors.types import Found

PLATFORM = "shopify"
# Whoever exchanges holds the row of a store: nobody waits for it longer than this.
EXCHANGE_TIMEOUT_S = 20.0


class NotSetUp(BadRequest):
    """Shopify stores can't be connected here yet: whoever runs this server has to set SHOPIFY_API_KEY and
    SHOPIFY_API_SECRET."""


def is_set_up() -> bool:
    return bool(settings.SHOPIFY_API_KEY and settings.SHOPIFY_API_SECRET)


def secrets() -> tuple[str, ...]:
    """The app's secret, and while it is changed the one before it."""
    return tuple(filter(None, (settings.SHOPIFY_API_SECRET, settings.SHOPIFY_API_SECRET_OLD)))


def session(token: str) -> Session:
    """Who a session token says is there. Raises Rejected; its code is EXPIRED for one that was good once."""
    return session_tokens.verify(token, client_id=settings.SHOPIFY_API_KEY, secrets=secrets())


def shop_name(text: str) -> str:
    """``name.myshopify.com``. Raises Rejected for anything else."""
    return oauth.shop_name(text)


def query_is_signed(pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether Shopify made this query for our app, just now."""
    return oauth.query_is_signed(list(pairs), secrets())


def exchange() -> oauth.Exchange:
    """The token endpoint. Raises NotSetUp."""
    if not is_set_up():
        raise NotSetUp
    return oauth.Exchange(
        replace(connector_settings(), read_timeout_s=EXCHANGE_TIMEOUT_S, write_timeout_s=EXCHANGE_TIMEOUT_S),
        client_id=settings.SHOPIFY_API_KEY,
        secret=settings.SHOPIFY_API_SECRET,
        api_root=settings.SHOPIFY_API_ROOT,
    )


def missing_scopes(granted: str) -> tuple[str, ...]:
    """What our app needs and was not given."""
    return oauth.missing_scopes(granted)


def found(shop: str) -> Found:
    """A shop, as it would have been found by its address."""
    return Found(f"https://{shop}", admin_root(shop, settings.SHOPIFY_API_ROOT), shop.partition(".")[0])


def approval_page(shop: str, *, state: str, back: str) -> str:
    """The shop's page on which access is approved; it leads to `back`. Raises NotSetUp."""
    if not is_set_up():
        raise NotSetUp
    return oauth.authorize_url(
        shop,
        client_id=settings.SHOPIFY_API_KEY,
        scopes=oauth.SCOPES,
        redirect_url=back,
        state=state,
        api_root=settings.SHOPIFY_API_ROOT,
    )


def page_inside(shop: str) -> str:
    """Our app in the shop's administration."""
    if settings.SHOPIFY_API_ROOT:
        return f"{admin_root(shop, settings.SHOPIFY_API_ROOT)}apps/{settings.SHOPIFY_API_KEY}"
    return f"https://admin.shopify.com/store/{shop.partition('.')[0]}/apps/{settings.SHOPIFY_API_KEY}"


def script(name: str) -> str:
    """Where Shopify has its scripts for pages in its administration: ``app-bridge.js``, ``polaris.js``."""
    if settings.SHOPIFY_API_ROOT:
        parts = urlsplit(settings.SHOPIFY_API_ROOT)
        return f"{parts.scheme}://{parts.netloc}/_static/{name}"
    return f"https://cdn.shopify.com/shopifycloud/{name}"


def front(shop: str) -> str:
    """The shop as shoppers see it."""
    if settings.SHOPIFY_API_ROOT:
        return admin_root(shop, settings.SHOPIFY_API_ROOT).removesuffix("admin/")
    return f"https://{shop}"


def app_file(*, home: str, back: str, hook: str) -> str:
    """The text of shopify.app.toml for these paths of ours. Raises NotSetUp without a client id."""
    if not settings.SHOPIFY_API_KEY:
        raise NotSetUp
    here = settings.PUBLIC_URL
    return appconfig.toml(
        client_id=settings.SHOPIFY_API_KEY,
        name=settings.SHOPIFY_APP_NAME,
        app_url=f"{here}{home}",
        redirect_urls=[f"{here}{back}"],
        webhook_url=f"{here}{hook}",
    )
