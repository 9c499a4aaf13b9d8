"""Every delivery means "look again": refetch the product, mirror it, hand on the photos that are new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import structlog
from django.db import transaction
from django.utils import timezone

from apps.catalog import services as catalog
from apps.catalog.models import Product, Sync
from apps.catalog.services import Mirrored
from apps.flow import appnews
from apps.ingest.models import Delivery
from apps.publishing.services import turns
from apps.stores import services as stores
from apps.stores.connect import open_store
from apps.stores.models import Store, StoreState
from connectors.base import Connector
from connectors.errors import ConnectorError, NotFound
from connectors.types import Kind, RemoteProduct

log = structlog.get_logger(__name__)

# (what was seen, whether the product itself is news) → photos that a rule now waits for.
Notice = Callable[[Mirrored, bool], int]

MAX_TRIES = 10
# Of the machines that take deliveries in and those that look at products.
CLOCKS_DIFFER = dt.timedelta(seconds=1)
BLINDED = (
    "The store's webhooks come without content: the person whose keys we use may no longer manage the shop. Give them "
    "the role of shop manager again, or connect the store with keys of somebody who has it. Until then it is polled."
)
# A delivery for a product that we are writing to waits for the write to end.
WAIT_FOR_WRITE_S = 1.0


def delivery(pk: int, *, notice: Notice) -> None:
    """Handle one delivery. `notice` gets what is new in the transaction that mirrors it, so nothing is lost between."""
    row = Delivery.claim(pk)
    if row is None:
        return
    store = row.store
    if store.state == StoreState.DISCONNECTED:
        row.finish(outcome="the store is disconnected")
        return
    if row.kind in appnews.HANDLED:
        appnews.handle(row)
        return
    if row.kind == Kind.BLINDED:
        stores.note_problem(store, BLINDED, broken=False)
        row.finish(outcome="the store may not tell us what changed")
        return
    if not row.external_id or row.kind == Kind.OTHER:
        row.finish(outcome="names no product; the next reading finds out")
        return
    if _looked_since(row):
        with transaction.atomic():
            catalog.told(store, row.external_id, news=False)
            row.finish(outcome="already seen")
        return
    if turns.open_for(store.pk, row.external_id):
        row.later(WAIT_FOR_WRITE_S, a_try=False)
        return
    asked_at = timezone.now()
    try:
        remote = fetch(open_store(store), row.external_id)
    except ConnectorError as error:
        stumble(row, store, error)
        return
    if store.problem == BLINDED:
        stores.note_problem(store, "", broken=False)
    with transaction.atomic():
        outcome, changed = _told(row, remote, notice, as_of=asked_at)
        catalog.told(store, row.external_id, news=changed)
        row.finish(outcome=outcome, changed=changed)


def _looked_since(row: Delivery) -> bool:
    """Whether the store was asked for this product after the delivery came: what it tells of was there by then.

    A new product is looked at in any case: a reading that starts no work may have met it.
    """
    if row.kind == Kind.PRODUCT_CREATED:
        return False
    return Product.objects.filter(
        store=row.store_id, external_id=row.external_id, seen_at__gt=row.received_at + CLOCKS_DIFFER
    ).exists()


def fetch(connector: Connector, external_id: str) -> RemoteProduct | None:
    """The product as the store has it; None where it is gone or in the trash."""
    try:
        remote = connector.product(external_id)
    except NotFound:
        return None
    return None if remote.status == "trash" else remote


def _told(
    row: Delivery, remote: RemoteProduct | None, notice: Notice, *, as_of: dt.datetime
) -> tuple[str, bool]:
    """Bring the mirror up to date and hand on what is new; in words, what that was, and whether it was any news.

    A new product may have been met by a sync that starts no work, so all its photos are handed on: once is enough.
    """
    if remote is None:
        gone = catalog.gone(row.store, row.external_id, as_of=as_of)
        return ("the product is gone", True) if gone else ("a product we never saw", False)
    seen, news = catalog.mirror(row.store, remote, as_of=as_of), row.kind == Kind.PRODUCT_CREATED
    return _words(seen, notice(seen, news), news=news), seen.differed


def _words(seen: Mirrored, waiting: int, *, news: bool) -> str:
    fresh = len(seen.fresh)
    if waiting:
        return _count(waiting, "new photo" if fresh or news else "photo to work on")
    if fresh:
        return f"{_count(fresh, 'new photo')}, no rule asks for that"
    return "images changed, no new photo" if seen.images_changed else "nothing new"


def _count(n: int, what: str) -> str:
    """``2 new photos``"""
    return f"{n} {what.replace('photo', 'photos' if n > 1 else 'photo')}"


def stumble(row: Delivery | Sync, store: Store, error: ConnectorError) -> None:
    """The store did not answer: later again, or given up where that can't help."""
    stores.note_error(store, error)
    if not stores.put_off(row, error, store=store.pk, most_tries=MAX_TRIES):
        row.give_up(error.message)


def product(pk: int, *, notice: Notice) -> None:
    """Look at one product again, after we changed it."""
    row = Product.objects.select_related("store").filter(pk=pk).first()
    if row is None or turns.open_for(row.store_id, row.external_id):
        return
    asked_at = timezone.now()
    try:
        remote = fetch(open_store(row.store), row.external_id)
    except ConnectorError as error:
        # Its webhook, or the next poll, will show it.
        log.info("look_again_failed", product=pk, error=error.message)
        return
    with transaction.atomic():
        if remote is None:
            catalog.gone(row.store, row.external_id, as_of=asked_at)
        else:
            notice(catalog.mirror(row.store, remote, as_of=asked_at), False)
