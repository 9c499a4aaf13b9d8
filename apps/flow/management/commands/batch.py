"""`manage.py batch BATCH [what]`: look at a batch, or pause, resume, cancel, retry, release, cap and clone it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.flow import batching
from apps.flow.management.door import Door, cap_from, recipe_from
from apps.jobs import progress
from apps.jobs.models import Batch
from apps.jobs.services import batches
from apps.lib import ids

ACTIONS = ("show", "go", "pause", "resume", "cancel", "retry", "cap", "clone")


class Command(Door):
    help = "Look at a batch of regenerated photos, or move it: go on after its pilot, pause, resume, cancel, and more."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("batch", type=int, help="its number, as `regenerate` told it")
        parser.add_argument("action", nargs="?", choices=ACTIONS, default="show")
        parser.add_argument("--cap", help="with cap: what it may cost at most, such as 25.00, or none")
        parser.add_argument("--recipe", help="with clone: the name of the other recipe")
        parser.add_argument("--key", help="with clone: idempotency key")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        batch = (
            Batch.objects.select_related("store", "recipe_version__recipe")
            .filter(pk=options["batch"])
            .first()
        )
        if batch is None:
            raise CommandError(f"There is no batch {options['batch']}.")
        done: dict[str, Any] = getattr(self, f"_{options['action']}")(batch, options)
        batch.refresh_from_db()
        counted = progress.counts([batch.pk])[batch.pk]
        pace = progress.pace(batch, counted)
        answer = {
            "batch": batch.pk,
            "state": batch.state,
            "cap_micros": batch.cap_micros,
            "progress": counted.as_json(),
            "per_minute": pace.per_minute,
            "left_s": pace.left_s,
            **done,
        }
        words = (
            f"Batch {batch.pk} “{batch.name}” is {batch.get_state_display()}: {counted.ended} of {counted.total} done, "
            f"{counted.failed} failed, cost so far {counted.cost_micros / 1e6:.2f}."
        )
        return answer, words + "".join(f" {name}: {value}." for name, value in done.items())

    def _show(self, batch: Batch, options: dict[str, Any]) -> dict[str, Any]:
        return {}

    def _go(self, batch: Batch, options: dict[str, Any]) -> dict[str, Any]:
        batching.go(batch, by=self.actor)
        return {}

    def _pause(self, batch: Batch, options: dict[str, Any]) -> dict[str, Any]:
        batches.pause(batch, by=self.actor)
        return {}

    def _resume(self, batch: Batch, options: dict[str, Any]) -> dict[str, Any]:
        batching.resume(batch, by=self.actor)
        return {}

    def _cancel(self, batch: Batch, options: dict[str, Any]) -> dict[str, Any]:
        return {"stopped": batches.cancel(batch, by=self.actor)[1]}

    def _retry(self, batch: Batch, options: dict[str, Any]) -> dict[str, Any]:
        return {"retried": batches.retry_failed(batch, by=self.actor)}

    def _cap(self, batch: Batch, options: dict[str, Any]) -> dict[str, Any]:
        if not options["cap"]:
            raise CommandError("Say what it may cost: --cap 25.00, or --cap none.")
        batches.set_cap(batch, None if options["cap"] == "none" else cap_from(options["cap"]), by=self.actor)
        return {}

    def _clone(self, batch: Batch, options: dict[str, Any]) -> dict[str, Any]:
        version = recipe_from(batch.workspace_id, options["recipe"]) if options["recipe"] else None
        if version is None:
            raise CommandError("There is no such recipe. Name one with --recipe.")
        name, key = f"{batch.name} with {version.recipe}"[:120], options["key"] or ids.token(8)
        clone, added = batching.clone(batch, version, name=name, key=key, by=self.actor)
        return {"clone": clone.pk, "jobs": added}
