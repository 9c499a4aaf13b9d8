"""What a shop is called, and where its Admin is: ``name.myshopify.com`` and nothing else goes into an address."""

from __future__ import annotations

import re

from connectors.errors import Rejected

DOMAIN = ".myshopify.com"
# A label of a host name has at most 63 characters (RFC 1035, 2.3.4).
_SHOP = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\.myshopify\.com")


def is_shop_name(text: str) -> bool:
    """True for ``name.myshopify.com`` in lower case."""
    return bool(_SHOP.fullmatch(text))


def shop_name(text: str) -> str:
    """``name.myshopify.com`` in lower case, of exactly that in any case. Raises Rejected."""
    name = text.lower() if isinstance(text, str) and text.isascii() else ""
    if not is_shop_name(name):
        raise Rejected(
            "that is not the name of a Shopify store; one looks like name.myshopify.com", code="bad_shop"
        )
    return name


def admin_root(shop: str, api_root: str = "") -> str:
    """Where OAuth and the API of a shop are, with a slash at the end. `api_root` is somewhere else, and may have
    ``{shop}`` in it."""
    shop = shop_name(shop)
    return f"{api_root.replace('{shop}', shop).rstrip('/')}/" if api_root else f"https://{shop}/admin/"
