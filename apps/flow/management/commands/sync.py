"""`manage.py sync STORE`: read a store's catalogue now, in this process, and say how true the mirror was."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.catalog import services as catalog
from apps.catalog.models import Product, Sync
from apps.flow import drift, flow
from apps.flow.management.door import Door, store_from
from apps.lib.work import WorkState
from apps.stores import presence


class Command(Door):
    help = (
        "Read a store's whole catalogue, or with --changes what changed since the last time; says what no webhook "
        "had told."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("store", help="id, address or name")
        parser.add_argument("--changes", action="store_true", help="only what changed since the last sync")
        parser.add_argument(
            "--start-work",
            action="store_true",
            default=None,
            help="let rules act on what is new although the store is read for the first time",
        )

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        store = store_from(options["store"])
        presence.forget(store.pk)  # a person asks: whether it is away is to be seen now
        sync, _ = catalog.ask_sync(
            store, by=self.actor, changes_only=options["changes"], start_work=options["start_work"]
        )
        flow.synced(sync.pk)
        sync.refresh_from_db()
        if sync.work_state == WorkState.RUNNING:
            raise CommandError(f"{store.name} is being read just now (sync {sync.pk}). Try again in a while.")
        if sync.error:
            raise CommandError(sync.error)
        known = Product.objects.filter(store=store, present=True).count()
        return (
            {
                "store": store.pk,
                "read": sync.products,
                "state": sync.work_state,
                "run": drift.run_as_json(sync),
                "keeping": drift.as_json(drift.of_store(store)),
                "products": known,
            },
            f"Read {sync.products} products of {store.name}; {known} are there. {_words(sync)}",
        )


def _words(sync: Sync) -> str:
    if sync.first:
        return "It was the first reading."
    if not sync.drift:
        return "Everything was known."
    return (
        f"No webhook had told of {sync.drift_changed} changed, {sync.drift_new} new and {sync.drift_gone} deleted "
        f"products; {sync.drift_photos} photos differed."
    )
