"""Every delivery means "look again": refetch the product, mirror it, hand on the photos that are new."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.db import transaction

from apps.catalog import services as catalog
from apps.catalog.models import Photo, Product, Sync
from apps.ingest.models import Delivery
from apps.lib.work import backoff_s
from apps.publishing.services import turns
from apps.stores import services as stores
from apps.stores.connect import open_store
from apps.stores.models import Store, StoreState
from connectors.base import Connector
from connectors.errors import ConnectorError, NotFound, RateLimited
from connectors.types import Kind, RemoteProduct

log = structlog.get_logger(__name__)

Start = Callable[[list[Photo]], None]

MAX_TRIES = 10
# A delivery for a product that we are writing to waits for the write to end.
WAIT_FOR_WRITE_S = 1.0


def delivery(pk: int, *, start: Start) -> None:
    """Handle one delivery. `start` gets new photos in the transaction that mirrors them, so none is lost between."""
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
        row.finish(outcome=_mirror(store, row.external_id, remote, start))


def _fetch(connector: Connector, external_id: str) -> RemoteProduct | None:
    try:
        remote = connector.product(external_id)
    except NotFound:
        return None
    return None if remote.status == "trash" else remote


def _mirror(store: Store, external_id: str, remote: RemoteProduct | None, start: Start) -> str:
    if remote is None:
        return "the product is gone" if catalog.gone(store, external_id) else "a product we never saw"
    seen = catalog.mirror(store, remote)
    start(seen.fresh)
    if seen.fresh:
        return f"{len(seen.fresh)} new photo{'s' if len(seen.fresh) > 1 else ''}"
    return "images changed, no new photo" if seen.changed else "nothing new"


def _stumble(row: Delivery | Sync, store: Store, error: ConnectorError) -> None:
    stores.note_error(store, error)
    if error.retry and row.tries < MAX_TRIES:
        row.later(
            error.retry_after_s if isinstance(error, RateLimited) else backoff_s(row.tries), error.message
        )
    else:
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
        if row.start_work:
            start(seen.fresh)
    Product.objects.filter(store=row.store_id, external_id=remote.id).update(last_sync=row.pk)
