"""The way of one photo, top to bottom. This file orders and decides nothing; the rooms it calls never import it.

Each function ends by handing the next step on: in the same transaction where the step is ours, as a hint after the
commit where a worker or a store has to act.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import transaction

from apps.automation.services import acting, noticing, ruling
from apps.catalog import services as catalog
from apps.catalog.services import Mirrored
from apps.flow import batching, hints, lookagain, reconcile, takingback
from apps.jobs.filters import Filter
from apps.jobs.models import Batch, Job, Preparation
from apps.jobs.services import leases, planning, results, twins
from apps.jobs.services.again import Marks
from apps.jobs.services.creating import Pilot
from apps.lib import wire
from apps.lib.errors import Retry
from apps.lib.work import backoff_s
from apps.publishing.models import Publication, Undo
from apps.publishing.services import asking, reversing, turns, undoing, writing
from apps.recipes.models import RecipeVersion
from apps.review import services as review
from apps.review.models import Item, ItemState
from apps.storage import selectors as storage
from apps.stores import approving
from apps.stores import services as stores
from apps.stores.connect import open_store
from apps.stores.models import Store
from connectors.errors import ConnectorError
from gpu_worker.contract import TASK_RESULTS, JobResult

MAX_PREPARE_TRIES = 6
# Work that needs room in a storage that is full, or away, looks again after so long.
WAIT_FOR_ROOM_S = 60.0
# Results of one transaction, and of one task: other tasks wait meanwhile.
RESULTS_AT_ONCE, MOST_RESULTS = 50, 1000


# 1. A store gave us access, a webhook came, or a store was read.


def approved(approval_id: int) -> None:
    """What a store handed over is tried there; where it works, the store is connected."""
    approving.settle(approval_id, then=connected)


def received(delivery_id: int) -> None:
    lookagain.delivery(delivery_id, notice=noticed)


def connected(store: Store, *, by: str) -> None:
    ruling.standard(store)
    sync, new = catalog.ask_sync(store, by=by)
    if new:
        hints.hint("flow.sync", sync.pk)


def synced(sync_id: int) -> None:
    following = reconcile.sync(sync_id, notice=noticed)
    if following:
        hints.hint("flow.sync", following.pk)


# 2. Something happened to photos: the store's rules say what comes of it, and when.


def noticed(seen: Mirrored, news: bool) -> int:
    """Keep what happened for the rules. Returns how many photos one of them waits for."""
    waiting = noticing.notice(seen, news=news)
    if waiting:
        hints.hint("flow.act", seen.product.store_id)
    return waiting


def acted(store_id: int) -> None:
    """One job per photo that is due, by the first rule that fits it."""
    done = acting.act(store_id)
    for job in done.jobs:
        hints.hint("flow.prepare", job.preparation.pk)
    if done.more:
        hints.hint("flow.act", store_id)


def regenerate(
    store: Store,
    version: RecipeVersion,
    *,
    name: str,
    key: str,
    by: str,
    only: Filter | None = None,
    pilot: Pilot | None = None,
    cap_micros: int | None = None,
) -> tuple[Batch, int]:
    """A batch over the photos of a store that `only` means; returns it with the number of jobs that were added."""
    asked = batching.wish(store, version, only=only, cap_micros=cap_micros)
    return batching.start(asked, name=name, key=key, by=by, pilot=pilot)


def prepared(preparation_id: int) -> None:
    """Fetch what a job needs; the dispatcher takes it from there, unless the cache had the answer."""
    preparation = Preparation.claim(preparation_id)
    if preparation is None:
        return
    preparation.job = planning.to_prepare(preparation)
    store = preparation.job.store
    room = storage.level(store.workspace_id)
    if room.stops:
        preparation.later(min(WAIT_FOR_ROOM_S, settings.BACKOFF_CAP_S), room.sentence, a_try=False)
        return
    try:
        last = preparation.tries >= MAX_PREPARE_TRIES
        planning.prepare(preparation, open_store(store), then=rendered, last_try=last)
    except Retry as error:
        preparation.later(backoff_s(preparation.tries), error.message, a_try=False)
    except ConnectorError as error:
        stores.note_error(store, error)
        if stores.put_off(preparation, error, store=store.pk, most_tries=MAX_PREPARE_TRIES):
            return
        with transaction.atomic():
            preparation.give_up(error.message)
            planning.unusable(preparation.job, code="photo_not_fetched", message=error.message)


# 3. A worker rendered, or a lease ended and its manifest was found.


def resulted(message: dict[str, Any]) -> None:
    results.accept(JobResult.from_dict(message), then=rendered)


def results_came() -> int:
    """Take in what waits, many at once. Returns how many results there were."""
    taken = 0
    while taken < MOST_RESULTS and (texts := wire.take_results(RESULTS_AT_ONCE)):
        results.accept_all(results.understood(texts), then=rendered)
        taken += len(texts)
    if taken >= MOST_RESULTS:
        hints.hint(TASK_RESULTS)
    return taken


def expired() -> int:
    return leases.expire(then=rendered)


def answered() -> int:
    """Jobs that waited for the same picture as another one, which was rendered meanwhile."""
    return twins.settle(then=rendered)


# 4. Policy judges; a person decides what it will not.


def rendered(jobs: Sequence[Job]) -> None:
    items = review.judge(jobs)
    _reviewed(
        [i for i in items if i.state == ItemState.APPROVED and asking.at_once(i)],
        by=review.POLICY,
    )


def reviewed(item: Item, *, by: str, mode: str = "") -> Publication:
    """`mode` is what a person wants the picture to do to the product, where it is not what the recipe says."""
    [publication] = _reviewed([item], by=by, mode=mode)
    return publication


def _reviewed(items: Sequence[Item], *, by: str, mode: str = "") -> list[Publication]:
    publications = [publication for publication, _ in asking.publish_all(items, by=by, mode=mode)]
    for publication in publications:
        hints.hint("flow.publish", publication.pk)
    return publications


def marked(item: Item, marks: Marks, *, by: str) -> Job:
    """A person showed where the product is: back to 2. with one urgent job, and from there to the person again."""
    job, new = review.ask_again(item, marks, by=by)
    if new:
        hints.hint("flow.prepare", job.preparation.pk)
    return job


# 5. Into the store, and back.


def published(publication_id: int) -> None:
    for publication in writing.write(publication_id):
        turn_ended(publication.product_id)


def undo(publication: Publication, *, by: str) -> Undo:
    wish, now = asking.undo(publication, by=by)
    if now:
        hints.hint("flow.undo", wish.pk)
    return wish


def undone(undo_id: int) -> None:
    """All undos that wait for the product go together, so its turn ends once."""
    taken = undoing.write(undo_id)
    if not taken:
        return
    publication = taken[0].publication
    turn_ended(publication.product_id)
    for reversal in reversing.running(publication.store_id):
        takingback.go_on(reversal)


def turn_ended(product_id: int) -> None:
    """What waited for this product goes now, and we look at what the store shows."""
    publications, undos = turns.waiting_for(product_id)
    for pk in publications:
        hints.hint("flow.publish", pk)
    for pk in undos:
        hints.hint("flow.undo", pk)
    lookagain.product(product_id, notice=noticed)
