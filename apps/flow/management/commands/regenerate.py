"""`manage.py regenerate STORE`: a job for every photo of a store."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.flow import flow
from apps.flow.management.door import Door, store_from
from apps.lib import ids
from apps.recipes import selectors as recipes


class Command(Door):
    help = "Render every photo of a store again, as one batch in the bulk lane."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("store", help="id, address or name")
        parser.add_argument("--recipe", help="name; otherwise the automatic recipe")
        parser.add_argument("--key", help="idempotency key: the same key is the same batch")
        parser.add_argument("--name", default="Regenerate catalogue")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        store = store_from(options["store"])
        version = (
            recipes.newest(store.workspace_id, options["recipe"])
            if options["recipe"]
            else recipes.automatic(store.workspace_id)
        )
        if version is None:
            raise CommandError("There is no such recipe. Name one with --recipe.")
        batch, added = flow.regenerate(
            store, version, name=options["name"], key=options["key"] or ids.token(8), by=self.actor
        )
        return (
            {"batch": batch.pk, "jobs": added, "recipe": str(version)},
            f"Batch {batch.pk}: {added} jobs with {version}.",
        )
