"""`manage.py shopifyapp [--write FILE]`: the app configuration that Shopify gets with `shopify app deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.urls import reverse

from apps.flow.management.door import Door
from apps.lib.errors import BadRequest
from apps.stores import shopify


class Command(Door):
    help = (
        "Print shopify.app.toml for this installation: its addresses, the rights it asks for, and its webhooks. Put it "
        "into an empty folder and run `shopify app deploy` there."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--write", metavar="FILE", help="write it into this file instead, such as shopify.app.toml"
        )

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        if not settings.PUBLIC_URL.startswith("https://"):
            raise BadRequest(
                f"Shopify opens apps by https only, and PUBLIC_URL is {settings.PUBLIC_URL}. Set it to the https "
                "address of this server."
            )
        text = shopify.app_file(
            home=reverse("shopify-home"), back=reverse("shopify-callback"), hook=reverse("shopify-hook")
        )
        if not options["write"]:
            return {"toml": text}, text
        try:
            Path(options["write"]).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{options['write']} can't be written: {error.strerror}.") from error
        return {
            "file": options["write"],
            "toml": text,
        }, f"Wrote {options['write']}. Run `shopify app deploy` beside it."
