"""Which platforms there are. A new one is a folder and one line here."""

from __future__ import annotations

from importlib import import_module

from connectors.base import Connector
from connectors.errors import Unsupported

# platform -> "module:class"; imported on first use, so that a platform's needs are paid only by its users.
_PLATFORMS = {
    "woocommerce": "connectors.woocommerce.connector:WooCommerceConnector",
    "shopify": "connectors.shopify.connector:ShopifyConnector",
    "fake": "connectors.fake:FakeConnector",
}


def platforms() -> tuple[str, ...]:
    """The names that `get` knows."""
    return tuple(_PLATFORMS)


def get(platform: str) -> type[Connector]:
    """The connector class of `platform`. Raises `Unsupported`."""
    try:
        module, _, name = _PLATFORMS[platform].partition(":")
    except KeyError:
        raise Unsupported(f"no connector for {platform!r}; there are: {', '.join(_PLATFORMS)}") from None
    found: type[Connector] = getattr(import_module(module), name)
    return found
