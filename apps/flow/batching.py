"""Batches from start to end: what rooms above jobs know is handed down here, and the first work is woken."""

from __future__ import annotations

from apps.accounts.models import Workspace
from apps.flow import hints
from apps.jobs import preflight, progress, selectors
from apps.jobs.filters import Filter
from apps.jobs.models import Batch
from apps.jobs.preflight import Preflight, Wish
from apps.jobs.services import batches, creating, tallies
from apps.jobs.services.creating import Pilot
from apps.lib.errors import BadRequest
from apps.publishing import selectors as publishing
from apps.recipes.models import RecipeVersion
from apps.review import selectors as review
from apps.stores.models import Store
from apps.usage import services as usage

# Hints sent at once for a large batch; the sweeper wakes the rest in its own time.
FIRST_HINTS = 200
RULE = "policy"


def wish(
    store: Store, version: RecipeVersion, *, only: Filter | None = None, cap_micros: int | None = None
) -> Wish:
    """What is asked for, with what review and publishing say of photos."""
    return Wish(
        store=store,
        version=version,
        filter=only or Filter(),
        judged=review.judged,
        hindered={"publication": publishing.being_written()},
        cap_micros=cap_micros,
    )


def look_ahead(asked: Wish) -> Preflight:
    return preflight.preflight(asked)


def start(
    asked: Wish, *, name: str, key: str, by: str, pilot: Pilot | None = None, cloned_from: Batch | None = None
) -> tuple[Batch, int]:
    """The batch of this key, and how many jobs are new: a key that is known starts nothing."""
    there = Batch.objects.filter(workspace=asked.store.workspace_id, idempotency_key=key).first()
    if there:
        return there, 0
    forecast = look_ahead(asked).as_json()
    batch, added = creating.create(
        asked, name=name, key=key, by=by, pilot=pilot, forecast=forecast, cloned_from=cloned_from
    )
    if added:
        wake(Batch.objects.filter(pilot_of=batch).first() or batch)
    return batch, added


def clone(batch: Batch, version: RecipeVersion, *, name: str, key: str, by: str) -> tuple[Batch, int]:
    """The same photos with another recipe, as far as the store still shows them. The cap stays the same."""
    if version.recipe.workspace_id != batch.workspace_id:
        raise BadRequest("There is no such recipe.")
    asked = wish(batch.store, version, only=Filter(of_batch=batch.pk), cap_micros=batch.cap_micros)
    return start(asked, name=name, key=key, by=by, cloned_from=batch)


def go(batch: Batch, *, by: str) -> Batch:
    """A person found the pilot good."""
    batch = batches.go(batch, by=by)
    wake(batch)
    return batch


def resume(batch: Batch, *, by: str) -> Batch:
    batch = batches.resume(batch, by=by)
    wake(batch)
    return batch


def wake(batch: Batch) -> None:
    """Begin with its first jobs now instead of at the sweeper's next round."""
    for preparation in selectors.first_preparations(batch, FIRST_HINTS):
        hints.hint("flow.prepare", preparation)


def tend() -> int:
    """By the clock: let batches go on whose pilots are good enough, fold sums, note levels that budgets reached.

    Returns how many batches went on.
    """
    went = 0
    for held in batches.to_weigh():
        pilot = held.pilot
        if batches.weighs_enough(held, review.approved_of(pilot.pk)):
            go(held, by=RULE)
            went += 1
    tallies.fold()
    usage.fold()
    usage.watch()
    return went


def of(workspace: Workspace, pk: int) -> Batch | None:
    return progress.batches_of(workspace.pk).filter(pk=pk).first()
