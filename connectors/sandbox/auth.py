"""Who is calling: consumer keys and application passwords, each under their own platform's rules."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from dataclasses import dataclass
from urllib.parse import quote, unquote

from flask import request

from connectors.sandbox.address import BY_QUERY
from connectors.sandbox.site import Site, app_password_hash
from connectors.sandbox.wire import WpError

OAUTH_WINDOW_S = 15 * 60
_BAD = "woocommerce_rest_authentication_error"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})

CAPABILITIES = {
    "administrator": frozenset({"manage_woocommerce", "upload_files", "edit_others_posts"}),
    "shop_manager": frozenset({"manage_woocommerce", "upload_files", "edit_others_posts"}),
    "author": frozenset({"upload_files"}),
    "customer": frozenset[str](),
}
_REFUSALS = {
    "view": "Sorry, you cannot list resources.",
    "create": "Sorry, you are not allowed to create resources.",
    "edit": "Sorry, you are not allowed to edit this resource.",
    "delete": "Sorry, you are not allowed to delete this resource.",
    "batch": "Sorry, you are not allowed to batch manipulate this resource.",
}


@dataclass(frozen=True)
class Caller:
    """The user behind a request. `app_password_id` is set when one was used."""

    user_id: int
    login: str
    role: str
    app_password_id: str = ""

    def can(self, capability: str) -> bool:
        """True if the caller's role has this capability."""
        return capability in CAPABILITIES.get(self.role, frozenset())


class Auth:
    """Checks requests of one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._nonces: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def require_manager(self, action: str) -> Caller:
        """The caller of a wc/v3 route, who must manage the shop to view, create, edit, delete or batch."""
        caller = self._wc_caller()
        if caller is not None and caller.can("manage_woocommerce"):
            return caller
        status = 401 if caller is None else 403
        raise WpError(status, f"woocommerce_rest_cannot_{action}", _REFUSALS[action])

    def wp_caller(self) -> Caller | None:
        """The caller of a wp/v2 route. Consumer keys mean nothing here: they are taken for a user name."""
        pair = _basic()
        if pair is None or not self._app_passwords_work():
            return None
        caller = self._by_app_password(*pair)
        if caller is None:
            known = self._site.state.row("SELECT 1 FROM users WHERE login = ?", pair[0])
            if known:
                raise WpError(
                    401, "incorrect_password", "The provided password is an invalid application password."
                )
            raise WpError(
                401,
                "invalid_username",
                "<strong>Error:</strong> Unknown username. Check again or try your email address.",
            )
        return caller

    def _wc_caller(self) -> Caller | None:
        if BY_QUERY in request.environ and not self._knows_its_api_by_query():
            # WooCommerce does not see that the request is for it, so only WordPress looks at who asks.
            pair = _basic()
            return self._by_app_password(*pair) if pair and self._app_passwords_work() else None
        if not self._secure():
            if "oauth_consumer_key" in request.args:
                return self._by_oauth()
            pair = _basic()
            return self._by_app_password(*pair) if pair and self._app_passwords_work() else None
        pair = _basic() or _query_pair()
        if pair is None:
            return None
        row = self._key(pair[0])
        if row is None:
            return self._by_app_password(*pair)
        if not hmac.compare_digest(row["consumer_secret"].encode(), pair[1].encode()):
            raise WpError(401, _BAD, "Consumer secret is invalid.")
        return self._by_key(row)

    def _by_key(self, row: dict[str, str]) -> Caller | None:
        needed = "read" if request.method in _READS else "write"
        if needed not in row["permissions"]:
            raise WpError(401, _BAD, f"The API key provided does not have {needed} permissions.")
        return self._user(int(row["user_id"]))

    def _by_oauth(self) -> Caller | None:
        given = request.args
        if any(not given.get(f"oauth_{n}") for n in ("timestamp", "nonce", "signature", "signature_method")):
            raise WpError(
                401, "woocommerce_rest_authentication_missing_parameter", "Missing OAuth parameters."
            )
        row = self._key(given["oauth_consumer_key"])
        if row is None:
            raise WpError(401, _BAD, "Consumer key is invalid.")
        if not hmac.compare_digest(
            self._signature(row["consumer_secret"]), given["oauth_signature"].replace(" ", "+")
        ):
            raise WpError(401, _BAD, "Invalid signature - provided signature does not match.")
        self._check_nonce(row["consumer_key"], given["oauth_nonce"], given["oauth_timestamp"])
        return self._by_key(row)

    def _signature(self, secret: str) -> str:
        """OAuth 1.0a as WooCommerce does it: one secret, parameters of the query only, encoded twice."""
        methods = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
        method = methods.get(request.args["oauth_signature_method"])
        if method is None:
            raise WpError(401, _BAD, "Invalid signature - signature method is invalid.")
        params = sorted((k, v) for k, v in request.args.items() if k != "oauth_signature")
        joined = "%26".join(f"{_twice(key)}%3D{_twice(value)}" for key, value in params)
        base = quote(f"{self._site.url}{request.path}", safe="")
        text = f"{request.method}&{base}&{joined}"
        return base64.b64encode(hmac.new(f"{secret}&".encode(), text.encode(), method).digest()).decode()

    def _check_nonce(self, key: str, nonce: str, timestamp: str) -> None:
        now = time.time()
        if not timestamp.isdigit() or abs(now - int(timestamp)) > OAUTH_WINDOW_S:
            raise WpError(401, _BAD, "Invalid timestamp.")
        with self._lock:
            self._nonces = (
                {k: at for k, at in self._nonces.items() if now - at < OAUTH_WINDOW_S}
                if len(self._nonces) > 10_000
                else self._nonces
            )
            if (key, nonce) in self._nonces:
                raise WpError(401, _BAD, "Invalid nonce - nonce has already been used.")
            self._nonces[key, nonce] = now

    def _by_app_password(self, login: str, password: str) -> Caller | None:
        if not self._app_passwords_work():
            return None
        row = self._site.state.row(
            "SELECT p.uuid, p.user_id FROM app_passwords p JOIN users u ON u.id = p.user_id"
            " WHERE u.login = ? AND p.password = ?",
            *(login, app_password_hash(password)),
        )
        return self._user(row["user_id"], row["uuid"]) if row else None

    def _knows_its_api_by_query(self) -> bool:
        """Since WooCommerce 11.1 consumer keys open the API at `?rest_route=` too."""
        major, minor = (int(part) for part in self._site.options.wc_version.split(".")[:2])
        return (major, minor) >= (11, 1)

    def _app_passwords_work(self) -> bool:
        if not self._site.options.app_passwords:
            return False
        return self._secure() or self._site.options.environment == "local"

    def _secure(self) -> bool:
        return request.is_secure and self._site.options.notices_tls

    def _key(self, consumer_key: str) -> dict[str, str] | None:
        row = self._site.state.row("SELECT * FROM api_keys WHERE consumer_key = ?", consumer_key)
        return dict(row) if row else None

    def _user(self, user_id: int, app_password_id: str = "") -> Caller | None:
        row = self._site.state.row("SELECT * FROM users WHERE id = ?", user_id)
        return Caller(row["id"], row["login"], row["role"], app_password_id) if row else None


def _basic() -> tuple[str, str] | None:
    given = request.authorization
    if given is None or given.type != "basic" or given.username is None:
        return None
    return given.username, given.password or ""


def _query_pair() -> tuple[str, str] | None:
    key, secret = request.args.get("consumer_key"), request.args.get("consumer_secret")
    return (key, secret) if key and secret else None


def _twice(text: str) -> str:
    return quote(unquote(text), safe="").replace("%", "%25")
