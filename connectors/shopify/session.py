"""Session tokens: the JWT with which App Bridge tells who is at the other end of an embedded page. Pure functions.

https://shopify.dev/docs/apps/build/authentication-authorization/session-tokens. A token lives about a minute and is
sent with every request of a page, so it may be used until it expires; single use is not what protects here.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from connectors.errors import Rejected
from connectors.shopify.shops import is_shop_name

LEEWAY_S = 10
MAX_TOKEN_CHARS = 8192
BAD, EXPIRED = "bad_session_token", "session_token_expired"

# Only the signature is left to the library: what it says of times, it says of its own clock, and it lets a token pass
# that has no end.
_OPTIONS: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


@dataclass(frozen=True)
class Session:
    """Who is signed in to Shopify's administration, of which shop (``name.myshopify.com``)."""

    shop: str
    user_id: str
    session_id: str
    jti: str
    expires_at: dt.datetime


def verify(token: str, *, client_id: str, secrets: Sequence[str], now: dt.datetime | None = None) -> Session:
    """The session that `token` proves. `secrets`: the app's, and while it is rotated the old one too.

    Raises Rejected; its code is EXPIRED for a token that was good once, BAD for everything else.
    """
    claims = _claims(token, [secret for secret in secrets if secret])
    if not client_id or claims.get("aud") != client_id:
        raise Rejected("the session token is meant for another app", code=BAD)
    shop = _shop(claims)
    user_id = claims.get("sub")
    if not isinstance(user_id, str) or not re.fullmatch(r"[0-9]{1,20}", user_id):
        raise Rejected("the session token names no user", code=BAD)
    expires_s, starts_s = _moment(claims, "exp"), _moment(claims, "nbf")
    now_s = (now or dt.datetime.now(dt.UTC)).timestamp()
    if now_s < starts_s - LEEWAY_S:
        raise Rejected("the session token is not valid yet", code=BAD)
    if now_s >= expires_s + LEEWAY_S:
        raise Rejected("the session token has expired", code=EXPIRED)
    return Session(
        shop=shop,
        user_id=user_id,
        session_id=_word(claims, "sid"),
        jti=_word(claims, "jti"),
        expires_at=dt.datetime.fromtimestamp(expires_s, dt.UTC),
    )


def _claims(token: str, secrets: Sequence[str]) -> Mapping[str, Any]:
    """What the token says, if one of the secrets signed it, with HS256 and nothing else."""
    if not isinstance(token, str) or len(token) > MAX_TOKEN_CHARS:
        raise Rejected("that is no session token", code=BAD)
    for secret in secrets:
        try:
            claims = jwt.decode(token, secret, algorithms=["HS256"], options=_OPTIONS)
        except (jwt.PyJWTError, ValueError, RecursionError, OverflowError):
            continue  # the library's words may quote the token
        return claims
    raise Rejected("the session token is not signed by Shopify for this app", code=BAD)


def _shop(claims: Mapping[str, Any]) -> str:
    """The shop that issued the token, which has to be the one that it is for."""
    issuer, destination = _host(claims.get("iss")), _host(claims.get("dest"))
    if not destination or issuer != destination:
        raise Rejected("issuer and shop of the session token differ", code=BAD)
    return destination


def _host(address: Any) -> str:
    """The shop of ``https://name.myshopify.com/…``, "" for every other address."""
    if not isinstance(address, str) or not address.isprintable():
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    # The netloc as it stands: a port or a user name is none of Shopify's.
    host = parts.netloc.lower()
    return host if parts.scheme == "https" and is_shop_name(host) else ""


def _moment(claims: Mapping[str, Any], name: str) -> float:
    """Seconds since 1970, required."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Rejected(f"the session token has no {name}", code=BAD)
    if not 0 < value < 1e11:
        raise Rejected(f"the {name} of the session token is no moment", code=BAD)
    return float(value)


def _word(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value[:100] if isinstance(value, str) else ""
