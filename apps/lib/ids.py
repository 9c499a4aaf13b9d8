"""Random names that nobody can guess, and stable ones that anybody can recompute."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any


def token(length_bytes: int = 24) -> str:
    """An unguessable, URL-safe token."""
    return secrets.token_urlsafe(length_bytes)


def canonical(value: Any) -> bytes:
    """The same bytes for equal JSON values: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest(value: Any) -> str:
    """SHA-256 over the canonical form of a JSON value."""
    return sha256_hex(canonical(value))
