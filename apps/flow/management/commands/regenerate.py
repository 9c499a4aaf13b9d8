"""`manage.py regenerate STORE`: a job for every photo of a store, or for those that a filter means."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.flow import batching
from apps.flow.management.door import Door, cap_from, recipe_from, share_from, store_from
from apps.jobs.filters import Filter
from apps.jobs.preflight import Preflight
from apps.jobs.services.creating import Pilot
from apps.lib import ids
from apps.recipes import selectors as recipes


class Command(Door):
    help = "Render every photo of a store again, or those that --filter means, as one batch in the bulk lane."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("store", help="id, address or name")
        parser.add_argument("--recipe", help="name; otherwise the automatic recipe")
        parser.add_argument("--key", help="idempotency key: the same key is the same batch")
        parser.add_argument("--name", default="Regenerate catalogue")
        parser.add_argument("--filter", default="{}", help='JSON such as {"categories": ["Mugs"]}')
        parser.add_argument("--pilot", help="photos to render first: a number, or a part such as 2%%")
        parser.add_argument("--seed", type=int, default=0, help="which pilot is drawn")
        parser.add_argument("--go-at", help="go on by itself when such a part of the pilot is approved: 95%%")
        parser.add_argument("--cap", help="what it may cost at most, such as 25.00")
        parser.add_argument("--dry-run", action="store_true", help="only say what it would do")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        store = store_from(options["store"])
        version = (
            recipe_from(store.workspace_id, options["recipe"])
            if options["recipe"]
            else recipes.automatic(store.workspace_id)
        )
        if version is None:
            raise CommandError("There is no such recipe. Name one with --recipe.")
        only, pilot = _filter(options["filter"]), _pilot(options)
        asked = batching.wish(store, version, only=only, cap_micros=cap_from(options["cap"]))
        if options["dry_run"]:
            found = batching.look_ahead(asked)
            return found.as_json(), _words(found)
        batch, added = batching.start(
            asked, name=options["name"], key=options["key"] or ids.token(8), by=self.actor, pilot=pilot
        )
        first = getattr(batch, "pilot", None)
        answer = {"batch": batch.pk, "jobs": added, "recipe": str(version)}
        words = f"Batch {batch.pk}: {added} jobs with {version}."
        if first:
            answer["pilot"] = first.pk
            words += f" Its pilot is batch {first.pk}; `manage.py batch {batch.pk} go` starts the rest."
        return answer, words


def _filter(text: str) -> Filter:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise CommandError(f"--filter is not JSON: {error}") from error
    return Filter.from_json(data)


def _pilot(options: dict[str, Any]) -> Pilot | None:
    wanted, go_at = options["pilot"], share_from("--go-at", options["go_at"])
    if not wanted:
        if go_at is not None:
            raise CommandError("--go-at needs a --pilot.")
        return None
    return Pilot.of(wanted, go_at_share=go_at, seed=options["seed"])


def _words(found: Preflight) -> str:
    left_out = "".join(f", {n} left out ({code.replace('_', ' ')})" for code, n in found.skipped.items())
    hours = (
        f"{found.seconds / 3600:.1f} hours" if found.seconds is not None else "unknown: no worker is running"
    )
    return (
        f"{found.photos} photos: {found.to_render} to render, {found.cached} from the cache{left_out}. "
        f"Expected cost {found.cost_micros / 1e6:.2f}, expected time {hours}."
    )
