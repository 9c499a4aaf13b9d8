"""`manage.py connect woocommerce URL --key K --secret S`: connect a store and read its catalogue."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.flow import flow
from apps.flow.management.door import Door, workspace_from
from apps.lib.errors import BadRequest
from apps.stores import services as stores
from connectors.types import Credentials


class Command(Door):
    help = "Find a store by its address in any form, listen to it and start reading its catalogue."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("platform", choices=["woocommerce"])
        parser.add_argument("url")
        parser.add_argument("--key", default="", help="consumer key, ck_…")
        parser.add_argument("--secret", default="", help="consumer secret, cs_…")
        parser.add_argument("--user", default="", help="WordPress user of the application password")
        parser.add_argument("--app-password", default="", help="application password: lets us upload media")
        parser.add_argument("--workspace", help="id or name, where there are several")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        if not (options["key"] and options["secret"]) and not (options["user"] and options["app_password"]):
            raise BadRequest("Give --key and --secret, or --user and --app-password, or all four.")
        store = stores.connect(
            workspace_from(options),
            platform=options["platform"],
            url=options["url"],
            credentials=Credentials(
                options["key"], options["secret"], options["user"], options["app_password"]
            ),
            by=self.actor,
        )
        flow.connected(store, by=self.actor)
        store.refresh_from_db()
        way = "uploads to the media library" if store.can_upload else "lets the store download pictures"
        return (
            {"store": store.pk, "name": store.name, "can_upload": store.can_upload, "problem": store.problem},
            f"Connected {store.name} as store {store.pk}; it {way}."
            + (f"\n{store.problem}" if store.problem else ""),
        )
