"""``python -m connectors.sandbox --platform shopify``: what its options mean."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from connectors.sandbox.server import TlsFiles
from connectors.sandbox.shopify.cost import RATES
from connectors.sandbox.shopify.server import ShopifySandbox
from connectors.sandbox.shopify.site import Options


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that only this platform has."""
    add = parser.add_argument
    add("--shop", action="append", help="name of a shop, without .myshopify.com; may be given again")
    add("--plan", choices=tuple(RATES), default=Options.plan, help="how many points a second come back")
    add("--products", type=int, default=0, help="each shop has so many made-up products")
    add("--photos", type=int, default=3, help="and each of those so many photos")
    add("--client-id", default=Options.client_id, help="the app's")
    secret = os.environ.get("SANDBOX_CLIENT_SECRET", "")
    add(
        "--client-secret", default=secret, help="fixed instead of random; or in SANDBOX_CLIENT_SECRET, unseen"
    )
    add("--app-url", default="", help="the app's page, shown in Admin's frame")
    add("--app-file", default="", help="shopify.app.toml, deployed at the start")
    add("--schemas", type=Path, help="folder of the published schemas; without it a part of them is played")
    add("--installed", action="store_true", help="the app is installed in every shop from the start")
    add(
        "--clock-speed",
        type=float,
        default=Options.clock_speed,
        help="how fast its clock goes; 1 as ours does",
    )
    add("--token-life-s", type=float, default=Options.token_life_s, help="how long an access token lives")
    add("--media-ready-s", type=float, default=Options.media_ready_s, help="how long a picture is processed")
    add("--bulk-s", type=float, default=Options.bulk_s, help="how long a bulk operation takes at least")
    add("--webhook-interval-s", type=float, default=0.2, help="how long webhooks wait")


def sandbox(given: argparse.Namespace, tls: TlsFiles | None) -> ShopifySandbox:
    """The platform that the options describe, not started."""
    options = Options(
        shops=tuple(given.shop or Options.shops),
        plan=given.plan,
        client_id=given.client_id,
        client_secret=given.client_secret,
        app_url=given.app_url,
        app_file=given.app_file,
        schemas=given.schemas,
        clock_speed=given.clock_speed,
        token_life_s=given.token_life_s,
        media_ready_s=given.media_ready_s,
        bulk_s=given.bulk_s,
        webhook_interval_s=given.webhook_interval_s,
        ca_file=given.ca_file,
        admin_token=given.admin_token,
    )
    made = ShopifySandbox(
        given.data, options, bind=given.bind, port=given.port, public_url=given.public_url, tls=tls
    )
    for name in options.shops:
        if given.products:
            made.site.fill(name, given.products, given.photos)
        if given.installed:
            made.site.install(name)
    return made
