"""Where the demo's programs are, and the demo's own app at its Shopify: chosen once, written down, in force for all."""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass

from django.core.management.base import CommandError

from apps.config import group

DEFAULT_PORT = 8000


@dataclass(frozen=True)
class Ports:
    """Of the dashboard, the WooCommerce storefront and the Shopify one; 0 where none was chosen yet."""

    web: int
    shop: int
    shopify: int


def agree(wanted: int) -> Ports:
    """The ports of the last time where they are free; `wanted` is the dashboard's, 0 for any. Where what is in force is
    something else, the command starts again with it. Raises CommandError for a port that is taken."""
    kept = _kept()
    ports = _chosen(wanted, kept)
    values = _settings(ports, kept)
    changed = group.remember(values)
    if changed or any(os.environ.get(name) != value for name, value in values.items()):
        os.environ.update(values)
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - ourselves, with new settings
    return ports


def _kept() -> dict[str, str]:
    """What was written down the last time."""
    file = group.environment_file()
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _chosen(wanted: int, kept: dict[str, str]) -> Ports:
    web = wanted or _port(kept.get("PUBLIC_URL", "").rpartition(":")[2]) or group.free_port(DEFAULT_PORT)
    if not group.port_is_free(web):
        if wanted:
            raise CommandError(f"Port {web} is taken. Choose another with PORT=.")
        web = group.free_port(web + 1)
    shop = _port(kept.get("DEMO_SHOP_PORT", "")) or group.free_port(web + 1)
    shopify = _port(kept.get("DEMO_SHOPIFY_PORT", "")) or group.free_port(max(web, shop) + 1)
    for port, whose in ((shop, "storefront"), (shopify, "Shopify")):
        if not group.port_is_free(port):
            raise CommandError(
                f"Port {port}, where the demo's {whose} lives, is taken. "
                "End what uses it, or run `make clean-demo`."
            )
    return Ports(web, shop, shopify)


def _port(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _settings(ports: Ports, kept: dict[str, str]) -> dict[str, str]:
    """For every program and every command. An app that an operator has at the real Shopify is not the demo's."""
    shopify = f"127.0.0.1:{ports.shopify}"
    return {
        "PUBLIC_URL": f"http://127.0.0.1:{ports.web}",
        "ALLOW_PRIVATE_HOSTS": f"127.0.0.1:{ports.shop},{shopify}",
        "DEMO_SHOP_PORT": str(ports.shop),
        "DEMO_SHOPIFY_PORT": str(ports.shopify),
        "SHOPIFY_API_KEY": kept.get("SHOPIFY_API_KEY") or secrets.token_hex(16),
        "SHOPIFY_API_SECRET": kept.get("SHOPIFY_API_SECRET") or f"shpss_{secrets.token_hex(16)}",
        "SHOPIFY_API_ROOT": f"http://{shopify}/{{shop}}/admin/",
    }
