"""``python -m connectors.woocommerce.probe URL --key ck_… --secret cs_…``: what works on a store, as a table.

Usable on any store, live ones too: it reads, and asks for one change that changes nothing (an empty batch). Secrets can
come from the environment (WOO_KEY, WOO_SECRET, WOO_USER, WOO_APP_PASSWORD), where no process list shows them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

from rich.console import Console
from rich.table import Table

from connectors.base import Opening, Settings
from connectors.errors import ConnectorError, Unsupported
from connectors.types import Credentials, Found, StoreInfo
from connectors.woocommerce.connector import WooCommerceConnector
from connectors.woocommerce.discovery import discover


class Works(StrEnum):
    YES = "yes"
    NO = "no"
    UNTRIED = "not tried"


@dataclass(frozen=True)
class Row:
    """One line of the table. `words` tell what was seen, or what to change."""

    what: str
    works: Works
    words: str = ""


def probe(typed: str, credentials: Credentials, settings: Settings) -> list[Row]:
    """Every line, in the order in which a store is connected. Raises nothing that a store could cause."""
    try:
        found = discover(typed, settings)
    except ConnectorError as error:
        return [Row("address", Works.NO, error.detail)]
    rows = _address(found)
    if not found.can_connect:
        return rows
    connector = WooCommerceConnector(Opening(found.url, credentials, settings, api_root=found.api_root))
    if not (credentials.key or credentials.user):
        return [*rows, Row("keys", Works.UNTRIED, "none were given; see --help")]
    try:
        info = connector.check()
    except ConnectorError as error:
        return [*rows, Row("read products", Works.NO, error.message)]
    return [*rows, *_granted(connector, info)]


def _address(found: Found) -> list[Row]:
    rows = [
        Row("address", Works.YES if found.api_root else Works.NO, found.url),
        Row("API", Works.YES if found.api_root else Works.NO, found.api_root),
        Row("application passwords", Works.YES if found.password_page else Works.NO, found.password_page),
    ]
    return rows[: 3 if found.api_root else 1] + [
        Row(finding.code.replace("_", " "), Works.NO if finding.stops else Works.YES, finding.sentence)
        for finding in found.findings
        if finding.code != "no_app_passwords"
    ]


def _granted(connector: WooCommerceConnector, info: StoreInfo) -> list[Row]:
    def yes(can: bool) -> Works:
        return Works.YES if can else Works.NO

    version = f"WooCommerce {info.platform_version}" if info.platform_version else "its version is not told"
    return [
        Row("shop", Works.YES, f"{info.name}, {version}"),
        Row("read products", yes(info.can_read), _tried(lambda: _first_page(connector))),
        Row("write products", yes(info.can_write), "an empty batch was taken" if info.can_write else ""),
        Row("upload pictures", yes(info.can_upload), "media library" if info.can_upload else ""),
        Row("webhooks", yes(info.can_webhook), "" if info.can_webhook else "the store is polled instead"),
        Row("way to write", yes(info.can_write), _way(info)),
    ]


def _first_page(connector: WooCommerceConnector) -> str:
    page = connector.products()
    pictures = [image.src for product in page.products for image in product.images]
    if not pictures:
        return f"{page.total} products, no picture among the first {len(page.products)}"
    return f"{page.total} products; one picture has {len(connector.fetch(pictures[0])):,} bytes"


def _way(info: StoreInfo) -> str:
    if not info.can_write:
        return "none: the keys may only read. Give keys of a shop manager with read/write"
    if info.can_upload:
        return "pictures are uploaded into the media library, then the product is told their ids"
    return "pictures are handed over by address, for the store to load from this server"


def _tried(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except Unsupported as error:
        return error.detail
    except ConnectorError as error:
        return error.message


def main(argv: list[str] | None = None) -> int:
    """Prints the table; 0 where the store can be connected with what was given."""
    parser = argparse.ArgumentParser(
        prog="python -m connectors.woocommerce.probe", description="What works on a WooCommerce store."
    )
    add, env = parser.add_argument, os.environ
    add("url", help="the shop's address, in any form")
    add("--key", default=env.get("WOO_KEY", ""), help="consumer key (ck_…)")
    add("--secret", default=env.get("WOO_SECRET", ""), help="its secret (cs_…)")
    add("--user", default=env.get("WOO_USER", ""), help="user name of an application password")
    add("--app-password", default=env.get("WOO_APP_PASSWORD", ""), help="an application password")
    add(
        "--allow",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="a host of your own network to call",
    )
    add("--ca-file", default="", help="certificates to trust for those hosts")
    add("--json", action="store_true", help="as JSON")
    given = parser.parse_args(argv)
    rows = probe(
        given.url,
        Credentials(given.key, given.secret, given.user, given.app_password),
        Settings(allow_private_hosts=frozenset(given.allow), ca_file=given.ca_file),
    )
    if given.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows]) + "\n")
    else:
        _print(rows)
    return 0 if all(row.works is not Works.NO for row in rows if row.what in _NEEDED) else 1


_NEEDED = ("address", "API", "read products", "write products")


def _print(rows: list[Row]) -> None:
    table = Table("", "works", "", show_lines=False, box=None, pad_edge=False)
    styles = {Works.YES: "green", Works.NO: "red", Works.UNTRIED: "dim"}
    for row in rows:
        table.add_row(row.what, f"[{styles[row.works]}]{row.works}[/]", row.words)
    Console(file=sys.stdout).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
