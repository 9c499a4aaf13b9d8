"""Every delivery means "look again": refetch the product, mirror it, hand on the photos that are new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import structlog
from django.db import transaction

from apps.catalog import services as catalog
from apps.catalog.models import Photo, Product, Sync
from apps.catalog.selectors import source_photos
from apps.ingest.models import Delivery
from apps.publishing.services import turns
from apps.stores import services as stores
from apps.stores.connect import open_store
from apps.stores.models import Store, StoreState
from connectors.base import Connector
from connectors.errors import ConnectorError, NotFound
from connectors.types import Kind, RemoteProduct

log = structlog.get_logger(__name__)

Start = Callable[[list[Photo]], int]

MAX_TRIES = 10
# A delivery for a product that we are writing to waits for the write to end.
WAIT_FOR_WRITE_S = 1.0


def delivery(pk: int, *, start: Start) -> None:
    """Handle one delivery. `start` gets new photos in the transaction that mirrors them, so none is lost between.

    It returns how many of them it had not been given before.
    """
    row = Delivery.claim(pk)
    if row is None:
        return
    store = row.store
    if not row.external_id or row.kind == Kind.OTHER:
        row.finish(outcome="nothing to look at")
        return
    if store.state == StoreState.DISCONNECTED:
        row.finish(outcome="the store is disconnected")
        return
    if turns.open_for(store.pk, row.external_id):
        row.later(WAIT_FOR_WRITE_S, a_try=False)
        return
    try:
        remote = _fetch(open_store(store), row.external_id)
    except ConnectorError as error:
        _stumble(row, store, error)
        return
    with transaction.atomic():
        new = row.kind == Kind.PRODUCT_CREATED
        row.finish(outcome=_mirror(store, row.external_id, remote, start, new_product=new))


def _fetch(connector: Connector, external_id: str) -> RemoteProduct | None:
    try:
        remote = connector.product(external_id)
    except NotFound:
        return None
    return None if remote.status == "trash" else remote


def _mirror(
    store: Store, external_id: str, remote: RemoteProduct | None, start: Start, *, new_product: bool = False
) -> str:
    """Bring the mirror up to date and hand photos on; in words, what that was.

    A new product may have been met by a sync that starts no work, so all its photos are handed on: once is enough.
    """
    if remote is None:
        return "the product is gone" if catalog.gone(store, external_id) else "a product we never saw"
    seen = catalog.mirror(store, remote)
    started = start(source_photos(seen.product) if new_product else seen.fresh)
    if started:
        return f"{started} new photo{'s' if started > 1 else ''}"
    return "images changed, no new photo" if seen.changed else "nothing new"


def _stumble(row: Delivery | Sync, store: Store, error: ConnectorError) -> None:
    stores.note_error(store, error)
    if not stores.put_off(row, error, most_tries=MAX_TRIES):
        row.give_up(error.message)


def product(pk: int, *, start: Start) -> None:
    """Look at one product again, after we changed it."""
    row = Product.objects.select_related("store").filter(pk=pk).first()
    if row is None or turns.open_for(row.store_id, row.external_id):
        return
    try:
        remote = _fetch(open_store(row.store), row.external_id)
    except ConnectorError as error:
        # Its webhook, or the next poll, will show it.
        log.info("look_again_failed", product=pk, error=error.message)
        return
    with transaction.atomic():
        _mirror(row.store, row.external_id, remote, start)


def sync(pk: int, *, start: Start) -> None:
    """Read a store page by page; an interruption goes on at the page where it was."""
    row = Sync.claim(pk)
    if row is None:
        return
    connector = open_store(row.store)
    try:
        while True:
            page = connector.products(modified_after=row.since, page=row.page or None)
            for remote in page.products:
                _mirror_listed(row, remote, start)
            row.products += len(page.products)
            row.page, row.total = page.next or "", page.total
            row.save(update_fields=["products", "page", "total"])
            row.renew()
            if not page.next:
                break
        for external_id in catalog.unmet(row):
            # Not listed is not deleted: ask for each before it is marked.
            _mirror(row.store, external_id, _fetch(connector, external_id), start)
        catalog.end_sync(row)
    except ConnectorError as error:
        _stumble(row, row.store, error)


@transaction.atomic
def _mirror_listed(row: Sync, remote: RemoteProduct, start: Start) -> None:
    if not turns.open_for(row.store_id, remote.id):
        seen = catalog.mirror(row.store, remote)
        if row.start_work or _came_after_us(row.store, remote):
            start(seen.fresh)
    Product.objects.filter(store=row.store_id, external_id=remote.id).update(last_sync=row.pk)


def _came_after_us(store: Store, remote: RemoteProduct) -> bool:
    """A product made since the store was connected is new to the merchant too, whoever tells of it first.

    Stores keep whole seconds.
    """
    return bool(remote.created_at and remote.created_at >= store.created_at - dt.timedelta(seconds=1))
