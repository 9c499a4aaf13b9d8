"""Read a store page by page: what webhooks told is there already, what they did not tell is found, and counted."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils import timezone

from apps.catalog import services as catalog
from apps.catalog.models import Sync
from apps.flow.lookagain import Notice, fetch, stumble
from apps.ingest import selectors as ingest
from apps.publishing.services import turns
from apps.stores.connect import open_store
from apps.stores.models import Store, StoreState
from connectors.base import Connector
from connectors.errors import ConnectorError, NotFound
from connectors.types import RemoteProduct

RENEW_EVERY = 25


def sync(pk: int, *, notice: Notice) -> Sync | None:
    """Read a store; an interruption goes on at the page where it was. Returns a sync that shall follow at once."""
    row = Sync.claim(pk)
    if row is None:
        return None
    if row.store.state == StoreState.DISCONNECTED:
        row.give_up("The store is disconnected.")
        return None
    row.renew(started_at=row.started_at or timezone.now())
    connector = open_store(row.store)
    try:
        _read_pages(row, connector, notice)
        for nth, external_id in enumerate(catalog.unmet(row), start=1):
            _ask_for(row, connector, external_id, notice)
            if nth % RENEW_EVERY == 0:
                row.renew()
        return catalog.end_sync(row)
    except ConnectorError as error:
        stumble(row, row.store, error)
        return None


def _read_pages(row: Sync, connector: Connector, notice: Notice) -> None:
    """A page is counted when all of it is mirrored, so one that is read twice counts once."""
    while row.page != Sync.READ:
        asked_at = timezone.now()
        page = connector.products(modified_after=row.since, page=row.page or None)
        for remote in page.products:
            _mirror_listed(row, connector, remote, notice, as_of=asked_at)
        # A page that went well makes earlier stumbles good.
        row.renew(
            products=row.products + len(page.products), page=page.next or Sync.READ, total=page.total, tries=1
        )


def _mirror_listed(
    row: Sync, connector: Connector, remote: RemoteProduct, notice: Notice, *, as_of: dt.datetime
) -> None:
    if turns.open_for(row.store_id, remote.id):
        catalog.met(row, remote.id)
        return
    if catalog.lists_hide(row.store, remote):
        try:
            remote = connector.with_variants(remote)
        except NotFound:
            return  # deleted since: it stays unmet
    _found(row, remote, notice, as_of=as_of)


@transaction.atomic
def _found(row: Sync, remote: RemoteProduct, notice: Notice, *, as_of: dt.datetime) -> None:
    seen = catalog.mirror(row.store, remote, as_of=as_of)
    if seen.differed and not row.first and not ingest.on_its_way(row.store_id, remote.id):
        catalog.count_drift(row, seen)
    if row.start_work or _came_after_us(row.store, remote):
        notice(seen, seen.created)
    catalog.met(row, remote.id)


def _ask_for(row: Sync, connector: Connector, external_id: str, notice: Notice) -> None:
    """Not listed is not deleted: it may have fallen between two pages."""
    asked_at = timezone.now()
    remote = fetch(connector, external_id)
    if remote is not None:
        _found(row, remote, notice, as_of=asked_at)
        return
    with transaction.atomic():
        product = catalog.gone(row.store, external_id, as_of=asked_at)
        if product and not ingest.on_its_way(row.store_id, external_id):
            catalog.count_gone(row, product)


def _came_after_us(store: Store, remote: RemoteProduct) -> bool:
    """A product made since the store was connected is new to the merchant too, whoever tells of it first.

    Stores keep whole seconds.
    """
    return bool(remote.created_at and remote.created_at >= store.created_at - dt.timedelta(seconds=1))
