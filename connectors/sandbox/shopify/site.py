"""The platform: its options, its shops, and the rooms that share its memory."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.sandbox.faults import Faults
from connectors.sandbox.remote import Remote
from connectors.sandbox.shopify.access import Access
from connectors.sandbox.shopify.appfile import AppFile, read
from connectors.sandbox.shopify.billing import Billing
from connectors.sandbox.shopify.bulk import Bulk
from connectors.sandbox.shopify.catalogue import Catalogue
from connectors.sandbox.shopify.clock import Clock
from connectors.sandbox.shopify.cost import RATES, Bucket
from connectors.sandbox.shopify.engine import Call, rules
from connectors.sandbox.shopify.hooks import REDACT_AFTER_S, Hooks
from connectors.sandbox.shopify.jobs import Jobs
from connectors.sandbox.shopify.media import Media
from connectors.sandbox.shopify.memory import Memory
from connectors.sandbox.shopify.payloads import Payloads

DOMAIN = ".myshopify.com"
STATES = {"open": 200, "frozen": 402, "locked": 423, "closed": 404}


@dataclass(frozen=True)
class Options:
    """What kind of platform this is. Times are seconds of its clock, and `Clock.advance` makes them pass."""

    shops: tuple[str, ...] = ("sandbox",)
    plan: str = "standard"
    client_id: str = "sandbox-app"
    client_secret: str = ""  # "": made, and kept
    app_url: str = ""
    app_file: str = ""  # a path to shopify.app.toml, deployed at the start
    versions: tuple[str, ...] = ("2026-07", "2026-10")
    schemas: Path | None = None  # the published schemas; None: the part that lies here
    expiring_only: bool = (
        True  # calls with a token that never ends are refused, as of 2027 for every public app
    )
    clock_speed: float = 1.0
    token_life_s: float = 3600.0
    media_ready_s: float = 0.4
    job_s: float = 0.2
    bulk_s: float = 0.0
    bulk_most: int = 5
    webhook_interval_s: float | None = 0.2  # None: nothing is delivered until `Hooks.deliver_due` is called
    deliver_to_loopback: bool = True
    ca_file: str = ""
    admin_token: str = ""


class Site:
    """Shopify, as far as one app knows it."""

    def __init__(self, data: Path, url: str, options: Options) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.url, self.options = url.rstrip("/"), options
        self.memory, self.clock = Memory(data / "shopify.sqlite3"), Clock(options.clock_speed)
        self.faults = Faults()
        app = AppFile(options.client_id, application_url=options.app_url, api_version=options.versions[-1])
        self.access = Access(self.memory, self.clock, app, options.client_secret, options.token_life_s)
        remote = Remote(
            self.url, loopback=options.deliver_to_loopback, timeout_s=5.0, ca_file=options.ca_file
        )
        self.media = Media(
            data / "files", self.memory, self.clock, self.url, ready_s=options.media_ready_s, remote=remote
        )
        payloads = Payloads(self.memory, self.clock, self.media)
        self.hooks = Hooks(self.memory, self.clock, self.access, remote, payloads, options.webhook_interval_s)
        self.catalogue = Catalogue(self.memory, self.clock, self.media, self.hooks)
        self.hooks.product = self.catalogue.product
        self.billing = Billing(self)
        self.jobs = Jobs(self, options.job_s)
        self.bulk = Bulk(self, data / "bulk", takes_s=options.bulk_s, most=options.bulk_most)
        self.admin_token = options.admin_token or self.memory.kept("admin_token", secrets.token_urlsafe(24))
        self._buckets: dict[str, Bucket] = {}
        for name in options.shops:
            self.open_shop(name, plan=options.plan)
        deployed = self.memory.option("app_file")
        if options.app_file:
            deployed = Path(options.app_file).read_text(encoding="utf-8")
        if deployed:
            self.deploy(deployed)

    def start(self) -> None:
        """Begin to deliver, and go on with what a killed sandbox was at."""
        self.hooks.start()
        self.bulk.resume()

    def close(self) -> None:
        """End the background's work and close the memory."""
        self.faults.release()
        self.bulk.stop()
        self.hooks.stop()
        self.memory.close()

    # -- shops ----------------------------------------------------------------------------------------------

    def open_shop(self, name: str, *, plan: str = "standard", title: str = "") -> str:
        """A new shop, not there yet; its full name."""
        shop = full_name(name)
        title = title or f"{shop.removesuffix(DOMAIN).replace('-', ' ').capitalize()} shop"
        self.memory.run(
            "INSERT OR IGNORE INTO shops (domain, id, title, plan, state) VALUES (?, ?, ?, ?, 'open')",
            *(shop, self.memory.next_id(), title, plan),
        )
        return shop

    def shop(self, name: str) -> sqlite3.Row:
        """A shop's row. Raises `KeyError`."""
        row = self.memory.row("SELECT * FROM shops WHERE domain = ?", full_name(name))
        if row is None:
            raise KeyError(name)
        return row

    def names(self) -> list[str]:
        """The full names of all shops."""
        return [row["domain"] for row in self.memory.rows("SELECT domain FROM shops ORDER BY id")]

    def set_state(self, name: str, state: str) -> None:
        """Freeze a shop that did not pay, lock it, close it, open it again (`STATES`)."""
        if state not in STATES:
            raise ValueError(f"a shop is one of {', '.join(STATES)}")
        self.memory.run("UPDATE shops SET state = ? WHERE domain = ?", state, full_name(name))

    def fill(self, name: str, products: int, photos: int = 3) -> None:
        """A large catalogue, beside what is there."""
        self.memory.set_large(full_name(name), products, photos)

    def bucket(self, shop: str) -> Bucket:
        """The app's points in a shop."""
        if shop not in self._buckets:
            self._buckets[shop] = Bucket(self.clock.now, RATES[self.shop(shop)["plan"]])
        return self._buckets[shop]

    # -- the app, and its merchants -------------------------------------------------------------------------

    def deploy(self, text: str) -> AppFile:
        """`shopify app deploy`: the app is what this file says; installed shops get its scopes. Raises `BadAppFile`."""
        app = read(text)
        before, self.access.app = self.access.app.scopes, app
        self.memory.set_option("app_file", text)
        if app.scopes != before:
            for row in self.memory.rows("SELECT shop FROM installs"):
                self.change_scopes(row["shop"], app.scopes)
        return app

    def install(self, name: str, scopes: tuple[str, ...] | None = None) -> str:
        """The merchant installs the app; Shopify does it by itself, and the app hears nothing of it."""
        shop = full_name(name)
        self.access.install(shop, scopes)
        self.hooks.forget(shop, "shop/redact")
        return shop

    def uninstall(self, name: str, *, tell: bool = True) -> None:
        """The merchant removes the app: its tokens die at once, and it is told; two days later to forget the shop."""
        shop = full_name(name)
        self.access.uninstall(shop)
        self.billing.end_all(shop)
        if tell:
            self.hooks.tell(shop, "app/uninstalled", {})
            self.hooks.tell(shop, "shop/redact", {}, due_in_s=REDACT_AFTER_S)

    def change_scopes(self, name: str, scopes: tuple[str, ...]) -> None:
        """The app may do something else from now on, and is told."""
        shop = full_name(name)
        before = self.access.scopes(shop)
        self.access.install(shop, scopes)
        about = {"previous": sorted(before), "current": sorted(scopes), "updated_at": self.clock.stamp()}
        self.hooks.tell(shop, "app/scopes_update", {"id": self.shop(shop)["id"], **about})

    def redact(self, name: str) -> None:
        """Everything of this shop is to be forgotten, now."""
        self.hooks.tell(full_name(name), "shop/redact", {})

    def customer_asks(self, name: str, what: str, customer: Mapping[str, Any] | None = None) -> None:
        """A customer wants to know (`data_request`) or to be forgotten (`redact`)."""
        who = dict(customer or {"id": 191167, "email": "john@example.com", "phone": "555-625-1199"})
        more = {"data_request": {"orders_requested": [], "data_request": {"id": self.memory.next_id()}}}
        about = {"customer": who, **more.get(what, {"orders_to_redact": []})}
        self.hooks.tell(full_name(name), f"customers/{what}", about)

    def token(self, name: str, **how: Any) -> dict[str, Any]:
        """A token as the endpoint gives one, the app installed where it was not."""
        shop = full_name(name)
        if not self.access.installed(shop):
            self.install(shop)
        return self.access.issue(shop, **how)

    def session_token(self, name: str, user_id: str = "1001", **how: Any) -> str:
        """What App Bridge gives a page of the app (`Access.session_token`)."""
        return self.access.session_token(full_name(name), user_id, **how)

    def told_when_ready(self, shop: str, product_id: int) -> None:
        """Media that got ready is another change of its product."""
        self.hooks.tell_later(shop, product_id, self.clock.now() + self.options.media_ready_s)

    # -- the API --------------------------------------------------------------------------------------------

    def served(self, asked: str) -> str | None:
        """The version that answers: a retired one falls forward to the oldest that lives; None for none."""
        oldest, *_ = versions = sorted(self.options.versions)
        if asked in versions:
            return asked
        quarter = len(asked) == 7 and asked[:4].isdigit() and asked[4:] in {"-01", "-04", "-07", "-10"}
        return oldest if quarter and asked < oldest else None

    def call(self, shop: str, granted: tuple[str, ...], version: str) -> Call:
        """A question of the app."""
        return Call(self, shop, granted, version, rules(version, self.options.schemas), self.bucket(shop))


def full_name(name: str) -> str:
    """``name.myshopify.com`` for either form."""
    return name if name.endswith(DOMAIN) else f"{name}{DOMAIN}"
