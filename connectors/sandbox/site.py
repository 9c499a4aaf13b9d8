"""One sandbox store: its options and the rooms that share its state."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.faults import Faults
from connectors.sandbox.hooks import Hooks
from connectors.sandbox.media import Library
from connectors.sandbox.remote import Remote
from connectors.sandbox.shapes import Shapes
from connectors.sandbox.state import State, stamp
from connectors.types import Credentials

WC_VERSION = "10.5.0"
WP_VERSION = "7.1"
DEFAULT_USER = "admin"


@dataclass(frozen=True)
class Options:
    """What kind of store this is. The defaults make a strict one; each switch loosens what it names."""

    name: str = "Sandbox shop"
    environment: str = "production"  # "local" lets application passwords work over plain http
    deliver_to_loopback: bool = False  # webhooks and image downloads may go to this machine, on any port
    accept_http_callbacks: bool = False  # addresses for the approval flows may start with http
    notices_tls: bool = True  # False: TLS ends at a proxy and WordPress thinks it is on http
    folder: str = ""  # such as "/shop": where the site is installed below its host
    permalinks: str = "pretty"  # "plain": the API is at /?rest_route=/ only
    one_host: bool = False  # every other host name is redirected to the site's own, whatever is asked
    woocommerce: bool = True  # False: WordPress alone, the plugin is not active
    wc_version: str = WC_VERSION
    app_passwords: bool = True  # False: a security plugin has switched them off
    approver_role: str = "administrator"  # who is logged in where an approval page is opened
    open_index: bool = True  # False: a plugin shows the API to nobody who is not logged in
    gmt_offset_h: float = 0.0
    webhook_interval_s: float | None = 0.5  # None: nothing is delivered until `Hooks.deliver_due` is called
    ca_file: str = ""  # trusted when the store itself calls out
    consumer_key: str = ""
    consumer_secret: str = ""
    app_password: str = ""
    admin_token: str = ""


class Site:
    """A store under one address."""

    def __init__(self, data: Path, url: str, options: Options) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.url = url.rstrip("/")
        self.options = options
        self.state = State(data / "store.sqlite3")
        self.media_library = Library(data / "uploads", self.state)
        self.shapes = Shapes(self.url, self.state, options.gmt_offset_h)
        self.remote = Remote(self.url, loopback=options.deliver_to_loopback, ca_file=options.ca_file)
        self.hooks = Hooks(self.state, self.shapes, self.remote, options.webhook_interval_s)
        self.faults = Faults()
        self.admin_token = options.admin_token or self.state.kept("admin_token", secrets.token_urlsafe(24))
        self.credentials = self._first_credentials()

    @property
    def gives_app_passwords(self) -> bool:
        """Whether WordPress has application passwords here: over https, or where it calls its environment local."""
        secure = self.url.startswith("https") and self.options.notices_tls
        return (secure or self.options.environment == "local") and self.options.app_passwords

    def approver(self) -> tuple[str, str]:
        """Login and role of whoever is logged in where an approval page is opened."""
        role = self.options.approver_role
        login = DEFAULT_USER if role == "administrator" else f"a-{role}"
        if login != DEFAULT_USER:
            self.add_user(login, role)
        return login, role

    def close(self) -> None:
        """Stop deliveries and close the state."""
        self.faults.release()
        self.hooks.stop()
        self.state.close()

    def add_key(
        self, permissions: str = "read_write", login: str = DEFAULT_USER, pair: tuple[str, str] | None = None
    ) -> tuple[str, str]:
        """A consumer key and secret acting as `login`; made anew unless given."""
        key, secret = pair or (f"ck_{secrets.token_hex(20)}", f"cs_{secrets.token_hex(20)}")
        self.state.run(
            "INSERT OR REPLACE INTO api_keys (consumer_key, consumer_secret, user_id, permissions)"
            " VALUES (?, ?, ?, ?)",
            *(key, secret, self.user_id(login), permissions),
        )
        return key, secret

    def revoke_key(self, key: str) -> None:
        """Delete a consumer key; the webhooks made with it go on delivering, as in WooCommerce."""
        self.state.run("DELETE FROM api_keys WHERE consumer_key = ?", key)

    def add_app_password(self, login: str = DEFAULT_USER, name: str = "Vitrine", password: str = "") -> str:
        """An application password for `login`; only its hash is kept."""
        password = password or secrets.token_hex(12)
        self.state.run(
            "INSERT INTO app_passwords (uuid, user_id, name, password, created) VALUES (?, ?, ?, ?, ?)",
            *(str(uuid.uuid4()), self.user_id(login), name, app_password_hash(password), stamp()),
        )
        return password

    def add_user(self, login: str, role: str) -> int:
        """A user with one of WordPress's roles; an existing one gets the role."""
        found = self.state.row("SELECT id FROM users WHERE login = ?", login)
        if found:
            self.state.run("UPDATE users SET role = ? WHERE id = ?", role, found["id"])
            return int(found["id"])
        return self.state.run("INSERT INTO users (login, role) VALUES (?, ?)", login, role)

    def user_id(self, login: str) -> int:
        """The id of a user. Raises `KeyError`."""
        found = self.state.row("SELECT id FROM users WHERE login = ?", login)
        if found is None:
            raise KeyError(login)
        return int(found["id"])

    def _first_credentials(self) -> Credentials:
        """The keys in the port file: the same after a restart, or the given ones."""
        given = self.options
        key = given.consumer_key or self.state.kept("consumer_key", f"ck_{secrets.token_hex(20)}")
        secret = given.consumer_secret or self.state.kept("consumer_secret", f"cs_{secrets.token_hex(20)}")
        password = given.app_password or self.state.kept("app_password", secrets.token_hex(12))
        self.add_key(pair=(key, secret))
        known = "SELECT 1 FROM app_passwords WHERE password = ?"
        if not self.state.row(known, app_password_hash(password)):
            self.add_app_password(password=password)
        return Credentials(key=key, secret=secret, user=DEFAULT_USER, app_password=password)


def app_password_hash(password: str) -> str:
    """WordPress shows application passwords in groups of four and ignores the spaces."""
    return hashlib.sha256("".join(c for c in password if c.isalnum()).encode()).hexdigest()
