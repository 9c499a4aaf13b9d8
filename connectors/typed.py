"""An address as people type or paste it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from connectors.errors import Rejected


def address(typed: str) -> str:
    """``https://host[:port]/path`` of what somebody typed; http only where they wrote it. No slash at the end.

    Raises Rejected with what an address looks like; what was typed is repeated only where it can't hold a password.
    """
    text = typed.strip().strip("<>\"'").replace("\\", "/")
    if "://" not in text:
        text = f"https://{text.lstrip('/')}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise (_carries_a_name() if "@" in text else _none(typed)) from None
    if "@" in parts.netloc:
        raise _carries_a_name()
    # A name without a dot is a machine of one's own network, which whoever runs this server may have allowed.
    if parts.scheme not in {"http", "https"} or not host or re.search(r"\s", parts.netloc):
        raise _none(typed)
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    return urlunsplit((parts.scheme, netloc, re.sub(r"/{2,}", "/", parts.path).rstrip("/"), "", ""))


def _carries_a_name() -> Rejected:
    return Rejected("an address has no user name or password in it; they would end up in logs")


def _none(typed: str) -> Rejected:
    return Rejected(f"{typed.strip()[:100]!r} is not an address. It looks like https://shop.example.com")
