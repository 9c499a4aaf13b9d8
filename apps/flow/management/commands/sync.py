"""`manage.py sync STORE`: read a store's catalogue now, in this process, with progress."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.catalog import services as catalog
from apps.catalog.models import Product
from apps.flow import flow
from apps.flow.management.door import Door, store_from


class Command(Door):
    help = "Read a store's whole catalogue, or with --changes what changed since the last time."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("store", help="id, address or name")
        parser.add_argument("--changes", action="store_true", help="only what changed since the last sync")
        parser.add_argument("--start-work", action="store_true", help="render photos that are new")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        store = store_from(options["store"])
        sync, _ = catalog.ask_sync(
            store, by=self.actor, changes_only=options["changes"], start_work=options["start_work"]
        )
        flow.synced(sync.pk)
        sync.refresh_from_db()
        if sync.error:
            raise CommandError(sync.error)
        known = Product.objects.filter(store=store, present=True).count()
        return (
            {"store": store.pk, "read": sync.products, "products": known, "state": sync.work_state},
            f"Read {sync.products} products of {store.name}; {known} are there.",
        )
