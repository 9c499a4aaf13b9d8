"""`manage.py undo PUBLICATION…`, `undo --batch ID`, `undo --store S --since ISO`: put the originals back, now, in this
process. Of many it first says what would come of it; `--yes` does it."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from apps.flow import flow, takingback
from apps.flow.management.door import Door, store_from
from apps.jobs import pace, windows
from apps.jobs.models import Batch
from apps.lib import ids
from apps.publishing import counting, words
from apps.publishing.foresight import Scope, foresee
from apps.publishing.models import Publication, Reversal, Undo
from apps.publishing.reversals import ReversalState
from apps.publishing.services import reversing
from apps.recipes.models import Recipe

# Without any progress for so long this process leaves the rest to the workers.
PATIENCE_S = 30.0
LOOK_EVERY_S = 1.0


class Command(Door):
    help = (
        "Put the originals back, list, order and bytes: one by one, of a whole batch, or all since a moment."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("publications", nargs="*", type=int)
        parser.add_argument(
            "--batch", type=int, help="everything of this batch; what it still has open is cancelled"
        )
        parser.add_argument("--store", help="with --since: id, address or name")
        parser.add_argument(
            "--since", help="such as 2026-11-26T09:30, in the workspace's time zone unless it names one"
        )
        parser.add_argument("--recipe", help="with --since: only pictures made with this recipe")
        parser.add_argument("--note", default="", help="why, for the trail")
        parser.add_argument("--key", help="idempotency key: the same key is the same reversal")
        parser.add_argument(
            "--yes", action="store_true", help="do it; without it only say what would come of it"
        )

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        many = options["batch"] is not None or options["since"] is not None
        if many == bool(options["publications"]):
            raise CommandError("Name publications, or --batch ID, or --store STORE --since WHEN.")
        return self._many(options) if many else self._some(options["publications"])

    def _some(self, publications: list[int]) -> tuple[dict[str, Any], str]:
        done = []
        for pk in publications:
            publication = Publication.objects.filter(pk=pk).first()
            if publication is None:
                raise CommandError(f"There is no publication {pk}.")
            wish = flow.undo(publication, by=self.actor)
            flow.undone(wish.pk)
            wish = Undo.objects.get(pk=wish.pk)
            done.append(
                {
                    "publication": pk,
                    "state": wish.work_state,
                    "outcome": wish.outcome or wish.error,
                    "sha256": wish.restored_sha256,
                }
            )
        return {"undone": done}, "\n".join(
            f"publication {d['publication']}: {d['state']}. {d['outcome']}" for d in done
        )

    def _many(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        scope = _scope(options)
        ahead = foresee(scope)
        if not options["yes"]:
            would = (
                f"{words.counted(ahead.pictures, 'picture')} in {words.counted(ahead.products, 'product')}"
            )
            lines = [f"Would be taken back: {would}.", *words.foreseen(ahead), "Add --yes to do it."]
            return {"ahead": ahead.as_json()}, "\n".join(lines)
        key = options["key"] or ids.token(8)
        row, _ = takingback.start(scope, key=key, by=self.actor, note=options["note"], ahead=ahead)
        self._carry_out(row)
        row.refresh_from_db()
        told = counting.counts(row)
        sentence = (
            f"Reversal {row.pk} is {row.get_state_display()}: {told.done} pictures taken back, "
            f"{told.withdrawn} withdrawn before they were written, {told.failed} failed, {told.open + told.left} left."
        )
        if row.state == ReversalState.RUNNING:
            sentence += " The rest goes on by itself while the workers run."
        return {"reversal": row.pk, "state": row.state, "progress": told.as_json()}, sentence

    def _carry_out(self, row: Reversal) -> None:
        """In this process, beside the workers where they run: who claims an undo does it."""
        ended, since = -1, time.monotonic()
        while Reversal.objects.filter(pk=row.pk, state=ReversalState.RUNNING).exists():
            takingback.go_on(row.pk)
            mine = Undo.objects.filter(Undo.free(), publication__reversed_by__reversal=row)
            for pk in list(mine.order_by("pk").values_list("pk", flat=True)[: 2 * reversing.AT_ONCE]):
                flow.undone(pk)
            now = counting.counts(row).ended
            if now != ended:
                ended, since = now, time.monotonic()
            elif time.monotonic() - since > PATIENCE_S:
                return
            else:
                time.sleep(LOOK_EVERY_S)


def _scope(options: dict[str, Any]) -> Scope:
    if options["batch"] is not None:
        if options["since"] or options["recipe"]:
            raise CommandError("A batch is taken back as a whole: leave --since and --recipe out.")
        batch = Batch.objects.select_related("store", "pilot_of").filter(pk=options["batch"]).first()
        if batch is None:
            raise CommandError(f"There is no batch {options['batch']}.")
        return Scope(batch.store, batch=batch)
    if not options["store"]:
        raise CommandError("Say of which store: --store STORE --since WHEN.")
    store = store_from(options["store"])
    recipe = None
    if options["recipe"]:
        recipe = Recipe.objects.filter(workspace=store.workspace_id, name=options["recipe"]).first()
        if recipe is None:
            raise CommandError(f"There is no recipe {options['recipe']!r}.")
    return Scope(store, since=_moment(options["since"], store.workspace_id), recipe=recipe)


def _moment(text: str, workspace: int) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--since {text!r} is not a moment such as 2026-11-26T09:30.") from error
    if timezone.is_naive(found):
        found = found.replace(tzinfo=windows.zone(pace.of_workspace(workspace).time_zone))
    return found
