"""Which platforms there are. A new one is a folder and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from connectors.base import Connector
from connectors.billing import Billing
from connectors.errors import Unsupported

# platform -> "module:class"; imported on first use, so that a platform's needs are paid only by its users.
_PLATFORMS = {
    "woocommerce": "connectors.woocommerce.connector:WooCommerceConnector",
    "shopify": "connectors.shopify.connector:ShopifyConnector",
    "fake": "connectors.fake:FakeConnector",
}


# Platforms that take merchants' money for us.
_BILLING = {"shopify": "connectors.shopify.billing:ShopifyBilling"}


def platforms() -> tuple[str, ...]:
    """The names that `get` knows."""
    return tuple(_PLATFORMS)


def get(platform: str) -> type[Connector]:
    """The connector class of `platform`. Raises `Unsupported`."""
    try:
        found: type[Connector] = _named(_PLATFORMS[platform])
    except KeyError:
        raise Unsupported(f"no connector for {platform!r}; there are: {', '.join(_PLATFORMS)}") from None
    return found


def billing(platform: str) -> type[Billing]:
    """The class through which this platform bills. Raises `Unsupported`."""
    try:
        found: type[Billing] = _named(_BILLING[platform])
    except KeyError:
        raise Unsupported(f"{platform!r} takes no money for us") from None
    return found


def _named(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
