"""Whether stores can call this installation: what keys by wc-auth, webhooks and pictures by address need."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings

from connectors.addresses import is_public
from connectors.types import Here

# Names that only a network of one's own knows (RFC 6761, RFC 6762, RFC 8375, and the usual ones beside them).
_OWN_NETWORK = (
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "test",
    "invalid",
    "home.arpa",
)


def here() -> Here:
    """This installation by its PUBLIC_URL. STORES_REACH_US says better where the address itself can't tell: a tunnel,
    or a store on the same network whose WordPress was told to call it."""
    told = settings.STORES_REACH_US
    return Here(settings.PUBLIC_URL, looks_public(settings.PUBLIC_URL) if told is None else told)


def looks_public(url: str) -> bool:
    """False for loopback, private addresses and names of an own network. Nothing is looked up: a name that we resolve
    to an inner address may well lead here from outside."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return is_public(ipaddress.ip_address(host))
    except ValueError:
        return "." in host and not any(host.endswith(f".{name}") for name in _OWN_NETWORK)
