"""Who may do what: installations, codes, tokens that end, session tokens, the app's secrets.

An uninstalled app's tokens are dead at once. A refresh token that was exchanged may be exchanged again until what it
brought was used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from connectors.sandbox.shopify.appfile import AppFile
from connectors.sandbox.shopify.clock import Clock
from connectors.sandbox.shopify.memory import Memory

REFRESH_LIFE_S = 90 * 86400
RETRY_LIFE_S = 30 * 86400
CODE_LIFE_S = 600
SESSION_LIFE_S = 60
ROTATION_S = 3600  # so long after a rotation Shopify may still sign with the old secret


class Refused(Exception):
    """The token endpoint says no: RFC 6749's `error`, and words."""

    def __init__(self, error: str, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.error, self.words, self.status = error, words, status


class Access:
    """The keys of all shops for the one app."""

    def __init__(self, memory: Memory, clock: Clock, app: AppFile, secret: str, token_life_s: float) -> None:
        self._memory, self._clock, self.app = memory, clock, app
        self._token_life_s = token_life_s
        memory.kept("secret", secret or f"shpss_{secrets.token_hex(16)}")
        if secret:
            memory.set_option("secret", secret)

    # -- the app's secrets ----------------------------------------------------------------------------------

    @property
    def secret(self) -> str:
        """The app's client secret, the newest."""
        return self._memory.option("secret")

    def rotate(self, fresh: str = "") -> str:
        """A new secret; the old one stays good until `drop_old_secret`, and signs for an hour more."""
        self._memory.set_option("old_secret", self.secret)
        self._memory.set_option("rotated", str(self._clock.now()))
        self._memory.set_option("secret", fresh or f"shpss_{secrets.token_hex(16)}")
        return self.secret

    def drop_old_secret(self) -> None:
        """The old secret is worth nothing from here on."""
        self._memory.set_option("old_secret", "")

    def accepted_secrets(self) -> tuple[str, ...]:
        """With which the app may show itself."""
        return tuple(s for s in (self.secret, self._memory.option("old_secret")) if s)

    def signing_secret(self) -> str:
        """With which the platform signs now."""
        old, rotated = self._memory.option("old_secret"), float(self._memory.option("rotated") or 0)
        return old if old and self._clock.now() < rotated + ROTATION_S else self.secret

    # -- installations --------------------------------------------------------------------------------------

    def installed(self, shop: str) -> sqlite3.Row | None:
        """The installation (scopes, since), if there is one."""
        return self._memory.row("SELECT * FROM installs WHERE shop = ?", shop)

    def scopes(self, shop: str) -> tuple[str, ...]:
        """What the app may do in this shop."""
        row = self.installed(shop)
        return tuple(json.loads(row["scopes"])) if row else ()

    def install(self, shop: str, scopes: tuple[str, ...] | None = None) -> None:
        """The merchant installs the app, or gives it other scopes."""
        wanted = json.dumps(list(self.app.scopes if scopes is None else scopes))
        since = self.installed(shop)
        moment = since["since"] if since else self._clock.now()
        self._memory.run(
            "INSERT OR REPLACE INTO installs (shop, scopes, since) VALUES (?, ?, ?)", shop, wanted, moment
        )

    def uninstall(self, shop: str) -> None:
        """Installation, codes and tokens are gone at once."""
        with self._memory.change():
            for table in ("installs", "codes", "tokens"):
                self._memory.run(f"DELETE FROM {table} WHERE shop = ?", shop)  # noqa: S608

    def revoke(self, shop: str) -> None:
        """All tokens die, the app stays installed: what happens to a merchant's work when Shopify takes them back."""
        self._memory.run("DELETE FROM tokens WHERE shop = ?", shop)

    # -- tokens ---------------------------------------------------------------------------------------------

    def code(self, shop: str, scopes: tuple[str, ...]) -> str:
        """A code for an approval, good once and for ten minutes."""
        code = secrets.token_hex(16)
        until = self._clock.now() + CODE_LIFE_S
        self._memory.run(
            "INSERT INTO codes (code, shop, scopes, until) VALUES (?, ?, ?, ?)",
            *(code, shop, json.dumps(list(scopes)), until),
        )
        return code

    def by_code(self, shop: str, code: str, *, expiring: bool) -> dict[str, Any]:
        """A token for a code, which installs the app. Raises `Refused`."""
        with self._memory.change():
            row = self._memory.row("SELECT * FROM codes WHERE code = ?", code)
            if row is None or row["shop"] != shop or row["until"] < self._clock.now():
                raise Refused("invalid_request", "The authorization code was not found or was already used")
            self._memory.run("DELETE FROM codes WHERE code = ?", code)
            self.install(shop, tuple(json.loads(row["scopes"])))
            return self.issue(shop, expiring=expiring)

    def by_session(
        self, shop: str, token: str, *, expiring: bool, online: bool, user_id: str
    ) -> dict[str, Any]:
        """A token for a session token of the embedded page. Raises `Refused`."""
        if not self.installed(shop):
            raise Refused("invalid_subject_token", "The app is not installed on this shop")
        return self.issue(shop, expiring=expiring or online, user_id=user_id if online else "")

    def migrate(self, shop: str, token: str) -> dict[str, Any]:
        """A token that ends for one that does not; there is no way back. Raises `Refused`."""
        with self._memory.change():
            row = self._memory.row("SELECT * FROM tokens WHERE access = ? AND shop = ?", token, shop)
            if row is None or row["expires"]:
                raise Refused("invalid_subject_token", "Not a non-expiring offline access token")
            self._memory.run("DELETE FROM tokens WHERE access = ?", token)
            return self.issue(shop, expiring=True)

    def refresh(self, shop: str, refresh_token: str) -> dict[str, Any]:
        """The next pair. Raises `Refused` once what the same token brought before was used."""
        now = self._clock.now()
        with self._memory.change():
            row = self._memory.row("SELECT * FROM tokens WHERE refresh = ? AND shop = ?", refresh_token, shop)
            if not refresh_token or row is None or row["refresh_expires"] < now:
                raise Refused("invalid_grant", "This refresh token is invalid or expired")
            brought = self._memory.row("SELECT * FROM tokens WHERE replaces = ?", refresh_token)
            if brought is None:
                return self.issue(shop, expiring=True, replaces=refresh_token)
            spent = brought["used"] or self._memory.row(
                "SELECT 1 FROM tokens WHERE replaces = ?", brought["refresh"]
            )
            if spent or brought["made"] + RETRY_LIFE_S < now:
                raise Refused("invalid_grant", "This refresh token has already been used")
            if brought["expires"] > now:
                return self._told(brought)
            self._memory.run("DELETE FROM tokens WHERE access = ?", brought["access"])
            return self.issue(shop, expiring=True, replaces=refresh_token)

    def issue(
        self, shop: str, *, expiring: bool = True, user_id: str = "", replaces: str = ""
    ) -> dict[str, Any]:
        """A new token, as the endpoint answers it."""
        now, offline = self._clock.now(), not user_id
        access = f"{'shpat' if offline else 'shpua'}_{secrets.token_hex(16)}"
        refresh = f"shprt_{secrets.token_hex(24)}" if expiring and offline else ""
        expires = now + self._token_life_s if expiring else 0
        ends = now + REFRESH_LIFE_S if refresh else 0
        self._memory.run(
            "INSERT INTO tokens (access, refresh, shop, user_id, expires, refresh_expires, replaces, made)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(access, refresh, shop, user_id, expires, ends, replaces, now),
        )
        row = self._memory.row("SELECT * FROM tokens WHERE access = ?", access)
        assert row is not None
        return self._told(row)

    def opens(self, access: str) -> sqlite3.Row | None:
        """The token's row, marked as used, if it opens its shop now."""
        row = self._memory.row("SELECT * FROM tokens WHERE access = ?", access)
        if row is None or (row["expires"] and row["expires"] <= self._clock.now()):
            return None
        if not row["used"]:
            self._memory.run("UPDATE tokens SET used = 1 WHERE access = ?", access)
        return row if self.installed(row["shop"]) else None

    def _told(self, row: sqlite3.Row) -> dict[str, Any]:
        now = self._clock.now()
        told: dict[str, Any] = {
            "access_token": row["access"],
            "scope": ",".join(sorted(self.scopes(row["shop"]))),
        }
        if row["expires"]:
            told["expires_in"] = int(row["expires"] - now)
        if row["refresh"]:
            told["refresh_token"] = row["refresh"]
            told["refresh_token_expires_in"] = int(row["refresh_expires"] - now)
        if row["user_id"]:
            told["associated_user_scope"] = told["scope"]
            told["associated_user"] = {"id": int(row["user_id"]), "account_owner": True}
        return told

    # -- what the platform signs ----------------------------------------------------------------------------

    def session_token(
        self,
        shop: str,
        user_id: str = "1001",
        *,
        claims: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
        secret: str = "",
    ) -> str:
        """What App Bridge gives a page of the app in Admin. `claims` and `header` change what is said; None leaves a
        claim out."""
        now = int(self._clock.now())
        said: dict[str, Any] = {
            "iss": f"https://{shop}/admin",
            "dest": f"https://{shop}",
            "aud": self.app.client_id,
            "sub": user_id,
            "exp": now + SESSION_LIFE_S,
            "nbf": now,
            "iat": now,
            "jti": secrets.token_hex(16),
            "sid": hashlib.sha256(f"{shop}{user_id}".encode()).hexdigest(),
            **(claims or {}),
        }
        said = {name: value for name, value in said.items() if value is not None}
        parts = [_part({"alg": "HS256", "typ": "JWT", **(header or {})}), _part(said)]
        signature = hmac.new(
            (secret or self.signing_secret()).encode(), ".".join(parts).encode(), hashlib.sha256
        )
        return ".".join([*parts, _base64url(signature.digest())])

    def reads_session(self, shop: str, token: str) -> str:
        """The user that a session token is of. Raises `Refused`."""
        try:
            head, said, signature = token.split(".")
            claims = json.loads(_from_base64url(said))
            given = _from_base64url(signature)
        except (ValueError, TypeError):
            raise Refused("invalid_subject_token", "The session token is malformed") from None
        good = any(
            hmac.compare_digest(
                hmac.new(secret.encode(), f"{head}.{said}".encode(), hashlib.sha256).digest(), given
            )
            for secret in self.accepted_secrets()
        )
        now = self._clock.now()
        fresh = claims.get("nbf", now + 99) <= now + 10 and now < claims.get("exp", 0) + 10
        ours = claims.get("aud") == self.app.client_id and claims.get("dest") == f"https://{shop}"
        if not (good and fresh and ours):
            raise Refused("invalid_subject_token", "The session token is not valid for this app and shop")
        return str(claims.get("sub", ""))

    def sign_query(self, fields: Mapping[str, str]) -> dict[str, str]:
        """The same query, with its `hmac`."""
        message = urlencode(sorted(fields.items()))
        digest = hmac.new(self.signing_secret().encode(), message.encode(), hashlib.sha256).hexdigest()
        return {**fields, "hmac": digest}

    def sign_body(self, body: bytes) -> str:
        """The signature of a webhook."""
        digest = hmac.new(self.signing_secret().encode(), body, hashlib.sha256).digest()
        return base64.b64encode(digest).decode()


def _part(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
