"""``python -m connectors.sandbox``: a storefront on this machine that behaves like WooCommerce, or a Shopify."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from connectors.sandbox.large import fill
from connectors.sandbox.seed import seed
from connectors.sandbox.server import Sandbox, Served, TlsFiles
from connectors.sandbox.site import Options

PLATFORMS = ("woocommerce", "shopify")


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--platform", choices=PLATFORMS, default=PLATFORMS[0])
    platform = first.parse_known_args(argv)[0].platform
    given = _arguments(platform).parse_args(argv)
    sandbox = _woocommerce(given) if platform == "woocommerce" else _shopify(given)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=sandbox.stop).start())
    sandbox.start()
    if given.port_file:
        _write_whole(given.port_file, json.dumps(sandbox.port_file()))
    print(f"Sandbox storefront at {sandbox.url}", flush=True)
    sandbox.wait()
    return 0


def _woocommerce(given: argparse.Namespace) -> Served:
    options = Options(
        name=given.name,
        environment=given.environment,
        deliver_to_loopback=given.deliver_to_loopback,
        accept_http_callbacks=given.accept_http_callbacks,
        notices_tls=not given.tls_unnoticed,
        folder=given.folder,
        permalinks=given.permalinks,
        one_host=given.one_host,
        woocommerce=not given.without_woocommerce,
        wc_version=given.wc_version,
        app_passwords=not given.without_app_passwords,
        approver_role=given.approver_role,
        open_index=not given.closed_index,
        gmt_offset_h=given.gmt_offset_h,
        webhook_interval_s=given.webhook_interval_s,
        ca_file=given.ca_file,
        consumer_key=given.consumer_key,
        consumer_secret=given.consumer_secret,
        app_password=given.app_password,
        admin_token=given.admin_token,
    )
    sandbox = Sandbox(
        given.data,
        options,
        bind=given.bind,
        port=given.port,
        public_url=given.public_url,
        tls=_tls_files(given),
    )
    if given.products and not sandbox.site.state.count("kind = 'product'"):
        fill(sandbox.site, given.products)
    elif not given.seed_empty:
        seed(sandbox.site)
    return sandbox


def _shopify(given: argparse.Namespace) -> Served:
    from connectors.sandbox.shopify import command

    return command.sandbox(given, _tls_files(given))


def _arguments(platform: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox", description=__doc__)
    add = parser.add_argument
    add("--platform", choices=PLATFORMS, default=PLATFORMS[0], help="what it plays; --help knows its options")
    add(
        "--data", type=Path, required=True, help="folder of the store's database and uploads; made if missing"
    )
    add("--bind", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=0, help="0 takes a free one")
    add("--port-file", type=Path, help="where to write address, keys and admin token as JSON")
    add("--public-url", default="", help="address in the store's answers, if it is not the one listened on")
    add(
        "--tls-ca-dir", type=Path, help="serve https with a throw-away CA made in this folder (needs trustme)"
    )
    add("--tls-cert", default="", help="serve https with this certificate chain")
    add("--tls-key", default="", help="its private key")
    add("--ca-file", default="", help="trusted when the store calls out")
    add("--admin-token", default="", help="fixed instead of random")
    if platform == "shopify":
        from connectors.sandbox.shopify import command

        command.arguments(parser)
    else:
        _for_woocommerce(parser)
    return parser


def _for_woocommerce(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--name", default=Options.name, help="the shop's name")
    add("--seed-empty", action="store_true", help="start without products")
    add("--products", type=int, default=0, help="an empty store starts with so many made-up products")
    add("--environment", choices=("production", "local"), default="production")
    add(
        "--deliver-to-loopback",
        action="store_true",
        help="webhooks and image downloads may go to this machine",
    )
    add("--accept-http-callbacks", action="store_true", help="approval flows may call back over plain http")
    add("--webhook-interval-s", type=float, default=0.5, help="how long the cron waits before it delivers")
    add("--gmt-offset-h", type=float, default=0.0, help="the site's time zone")
    add("--tls-unnoticed", action="store_true", help="behave like a site that does not know it is on https")
    add("--folder", default="", help="such as /shop: where the site is installed below its host")
    add(
        "--permalinks",
        choices=("pretty", "plain"),
        default="pretty",
        help="plain: the API is at /?rest_route= only",
    )
    add("--one-host", action="store_true", help="redirect every other host name to the store's own")
    add("--without-woocommerce", action="store_true", help="WordPress alone")
    add("--wc-version", default=Options.wc_version, help="what WooCommerce calls itself and behaves like")
    add("--without-app-passwords", action="store_true", help="as a security plugin leaves it")
    add(
        "--approver-role",
        choices=("administrator", "shop_manager", "author", "customer"),
        default=Options.approver_role,
        help="who is logged in where an approval page is opened",
    )
    add("--closed-index", action="store_true", help="the API's index is for logged-in users only")
    for name in ("--consumer-key", "--consumer-secret", "--app-password"):
        add(name, default="", help="fixed instead of random")


def _tls_files(given: argparse.Namespace) -> TlsFiles | None:
    if given.tls_cert and given.tls_key:
        return given.tls_cert, given.tls_key
    if given.tls_ca_dir is None:
        return None
    try:
        from connectors.sandbox.tls import throw_away_certificate
    except ImportError:
        sys.exit("--tls-ca-dir needs the package trustme (extra dev); or give --tls-cert and --tls-key.")
    return throw_away_certificate(given.tls_ca_dir)


def _write_whole(path: Path, text: str) -> None:
    """Readers see the file complete or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.chmod(0o600)
    part.replace(path)


if __name__ == "__main__":
    raise SystemExit(main())
