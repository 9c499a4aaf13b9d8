"""Addresses of stored files that a store may load without logging in: signed, expiring, ending in a real file name."""

from __future__ import annotations

from django.conf import settings
from django.core import signing

_SALT = "vitrine.files"
MAX_AGE_S = 3600


def file_url(key: str, filename: str) -> str:
    """WooCommerce takes the name from the path and wants an image extension there, so the name comes last."""
    return f"{settings.PUBLIC_URL}/files/{signing.dumps(key, salt=_SALT)}/{filename}"


def key_of(token: str) -> str | None:
    """The storage key, or None for a forged or expired token."""
    try:
        return signing.loads(token, salt=_SALT, max_age=MAX_AGE_S)
    except signing.BadSignature:
        return None
