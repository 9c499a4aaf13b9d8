"""How a shop gives its access: names that may go into an address, signed queries, and the token endpoint.

https://shopify.dev/docs/apps/build/authentication-authorization. Access tokens end after an hour, and the refresh token
that brings the next pair is exchanged with it: whoever refreshes stores both at once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from connectors.base import Settings
from connectors.errors import AuthExpired, NeedsReauth, NotJson, Rejected
from connectors.http import Http
from connectors.scrubbing import Scrubber
from connectors.shopify.shops import admin_root, shop_name
from connectors.types import Credentials

__all__ = [
    "SCOPES",
    "Exchange",
    "authorize_url",
    "comma_list",
    "missing_scopes",
    "query_is_signed",
    "shop_name",
]

# Writing implies reading. None of them opens anything of a customer.
SCOPES = ("write_products", "write_files")
# As the official libraries have it: an address that somebody kept does not open the door later.
QUERY_GOOD_FOR_S = 90

_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105
_OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
# RFC 6749, 5.2, and RFC 8693, 2.2.2, as Shopify answers them: what we hold is worth nothing any more.
_GIVE_ANEW = frozenset({"invalid_grant", "invalid_subject_token"})
_NOT_THIS_APP = frozenset({"invalid_client", "unauthorized_client", "application_cannot_be_found"})


def comma_list(scopes: Sequence[str] | str) -> str:
    """Scopes as Shopify writes them."""
    return scopes if isinstance(scopes, str) else ",".join(scopes)


def missing_scopes(granted: str, wanted: Iterable[str] = SCOPES) -> tuple[str, ...]:
    """Those of `wanted` that `granted` (``write_files,read_products``) does not cover."""
    have = {scope.strip() for scope in granted.split(",")}
    have |= {f"read_{scope.removeprefix('write_')}" for scope in have if scope.startswith("write_")}
    return tuple(scope for scope in wanted if scope not in have)


def query_is_signed(
    query: Mapping[str, str] | Iterable[tuple[str, str]],
    secrets: Sequence[str],
    *,
    now: dt.datetime | None = None,
) -> bool:
    """True if Shopify signed this query (decoded, as a view gets it) with one of the secrets, not long ago.

    The signature is hexadecimal HMAC-SHA256 over the sorted rest of the query. A name that comes twice makes it false:
    it would be read one way here and another way there.
    """
    pairs = _pairs(query)
    fields = dict(pairs)
    if len(fields) != len(pairs) or not all(isinstance(value, str) for value in fields.values()):
        return False
    claimed = fields.pop("hmac", "")
    fields.pop("signature", None)  # an older one, over less
    if not claimed or not _is_recent(fields.get("timestamp", ""), now):
        return False
    # Every secret is tried, so that the time taken does not tell which one it was.
    signatures = [sign_query(fields, secret) for secret in secrets if secret]
    return any([hmac.compare_digest(claimed.encode("utf-8", "replace"), s.encode()) for s in signatures])  # noqa: C419


def _pairs(query: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    lists = getattr(query, "lists", None)  # a mapping that keeps every value, as web frameworks have them
    if callable(lists):
        return [(name, value) for name, values in lists() for value in values]
    return list(query.items() if isinstance(query, Mapping) else query)


def sign_query(fields: Mapping[str, str], secret: str) -> str:
    """The ``hmac`` of a query of these fields."""
    message = urlencode(sorted(fields.items()), errors="replace")
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def _is_recent(timestamp: str, now: dt.datetime | None) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs((now or dt.datetime.now(dt.UTC)).timestamp() - int(timestamp)) <= QUERY_GOOD_FOR_S


def authorize_url(
    shop: str,
    *,
    client_id: str,
    scopes: Sequence[str] | str,
    redirect_url: str,
    state: str,
    api_root: str = "",
) -> str:
    """The shop's page on which a merchant approves; the browser comes back to `redirect_url` with ``code`` and `state`.
    Without a mode in it, the access is the shop's and not the merchant's own. Raises Rejected for what is no shop."""
    asked = {
        "client_id": client_id,
        "scope": comma_list(scopes),
        "redirect_uri": redirect_url,
        "state": state,
    }
    return f"{admin_root(shop, api_root)}oauth/authorize?{urlencode(asked)}"


class Exchange:
    """The token endpoint of shops, for one app. Each call gives a whole new set of credentials.

    Raises NeedsReauth where the merchant has to open the app anew, Rejected where this app is refused or what was sent
    is, else what a call raises. Not thread-safe; cheap to make.
    """

    def __init__(
        self, settings: Settings, *, client_id: str, secret: str, api_root: str = "", http: Http | None = None
    ) -> None:
        self._settings, self._http = settings, http
        self._client_id, self._secret, self._api_root = client_id, secret, api_root

    def code(self, shop: str, code: str) -> Credentials:
        """For the code that the browser brought from the page that asks. A code is good once, so a lost answer is
        OutcomeUnknown: the merchant is sent there again."""
        return self._post(shop, {"code": code, "expiring": "1"}, hidden=code)

    def session(self, shop: str, session_token: str) -> Credentials:
        """For the session token of an embedded page. It may be exchanged again as long as it is good."""
        asked = {
            "grant_type": _EXCHANGE,
            "subject_token": session_token,
            "subject_token_type": _ID_TOKEN,
            "requested_token_type": _OFFLINE,
            "expiring": "1",
        }
        return self._post(shop, asked, hidden=session_token, repeats=True)

    def refresh(self, shop: str, refresh_token: str) -> Credentials:
        """The next pair. Until that is used the old refresh token may be exchanged again, so a lost answer loses
        nothing."""
        asked = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self._post(shop, asked, hidden=refresh_token, repeats=True)

    def migrate(self, shop: str, token: str) -> Credentials:
        """A pair that ends for a token that does not, which dies by it."""
        asked = {
            "grant_type": _EXCHANGE,
            "subject_token": token,
            "subject_token_type": _OFFLINE,
            "requested_token_type": _OFFLINE,
            "expiring": "1",
        }
        return self._post(shop, asked, hidden=token)

    def _post(
        self, shop: str, asked: Mapping[str, str], *, hidden: str, repeats: bool = False
    ) -> Credentials:
        address = f"{admin_root(shop, self._api_root)}oauth/access_token"
        http = self._http or Http(self._settings, scrubber=Scrubber((self._secret, hidden)))
        body = {"client_id": self._client_id, "client_secret": self._secret, **asked}
        asked_at = dt.datetime.now(dt.UTC)
        try:
            answer = http.request_json("POST", address, json=body, repeats=repeats)
        except (AuthExpired, Rejected) as error:
            failure = _refused(error)
        else:
            return _credentials(answer.json(), asked_at)
        finally:
            if self._http is None:
                http.close()
        raise failure


def _refused(error: AuthExpired | Rejected) -> AuthExpired | Rejected:
    if error.code in _GIVE_ANEW:
        return NeedsReauth(error.detail, status=error.status, code=error.code)
    if error.code in _NOT_THIS_APP or error.status in {401, 403}:
        # Nothing that the merchant could put right.
        return Rejected(
            "Shopify does not know this app by its client id and secret; whoever runs this server checks both",
            status=error.status,
            code=error.code or "invalid_client",
        )
    return error


def _credentials(data: Any, asked_at: dt.datetime) -> Credentials:
    told = data if isinstance(data, dict) else {}
    token, refresh_token = told.get("access_token"), told.get("refresh_token") or ""
    if not isinstance(token, str) or not token or not isinstance(refresh_token, str):
        raise NotJson("an answer without a token in it")
    scope = told.get("scope")
    return Credentials(
        token=token,
        refresh_token=refresh_token,
        expires_at=_after(asked_at, told.get("expires_in")),
        refresh_expires_at=_after(asked_at, told.get("refresh_token_expires_in")) if refresh_token else "",
        scope=scope if isinstance(scope, str) else "",
    )


def _after(asked_at: dt.datetime, seconds: Any) -> str:
    """The moment, counted from before the question, so that it is never later than Shopify's; "" for never."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e9:
        return ""
    return (asked_at + dt.timedelta(seconds=seconds)).isoformat(timespec="seconds")
