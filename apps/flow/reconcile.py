"""Read a store page by page: what webhooks told is there already, what they did not tell is found, and counted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from apps.catalog import services as catalog
from apps.catalog.models import Product, Sync
from apps.catalog.services import Mirrored
from apps.flow.lookagain import Notice, fetch, stumble
from apps.ingest import selectors as ingest
from apps.publishing.services import turns
from apps.stores.connect import open_store
from apps.stores.models import Store, StoreState
from apps.stores.selectors import ours
from connectors.base import Connector
from connectors.errors import ConnectorError, NotFound
from connectors.types import Page, RemoteProduct

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
        listed = _Listed.now(row.store, page)
        for at in range(0, len(page.products), RENEW_EVERY):
            few = page.products[at : at + RENEW_EVERY]
            for remote in _added(row, few, notice, listed, as_of=asked_at):
                _mirror_listed(row, connector, remote, notice, listed, as_of=asked_at)
            row.renew()  # a page full of variants takes minutes where the store is slow
        # A page that went well makes earlier stumbles good.
        row.renew(
            products=row.products + len(page.products), page=page.next or Sync.READ, total=page.total, tries=1
        )


@dataclass(frozen=True)
class _Listed:
    """What is asked of the database once for a whole page: which of its products are known, which pictures are ours.

    Of a picture of ours the ledger knew before any product showed it, so it says so after the page was asked for.
    """

    known: frozenset[str]
    ours: frozenset[str]

    @classmethod
    def now(cls, store: Store, page: Page) -> _Listed:
        products = Product.objects.filter(store=store, external_id__in=[p.id for p in page.products])
        return cls(
            frozenset(products.values_list("external_id", flat=True)),
            frozenset(ours(store.pk, [i.id for p in page.products for i in p.images])),
        )


def _added(
    row: Sync, few: Sequence[RemoteProduct], notice: Notice, listed: _Listed, *, as_of: dt.datetime
) -> list[RemoteProduct]:
    """Mirror together those that nobody knew a moment ago and of which the list tells all. Returns the others."""
    # A store may tell of a product twice while it is being changed.
    unknown = {remote.id: remote for remote in few if remote.id not in listed.known}
    new = [remote for remote in unknown.values() if remote.variants_told]
    left = [remote for remote in few if remote.id in listed.known or not remote.variants_told]
    if not new:
        return left
    with _unhurried():
        added = catalog.add(row.store, new, as_of=as_of, met_by=row.pk, ours=set(listed.ours))
        for remote, seen in zip(new, added, strict=True):
            if seen is None:
                left.append(remote)
            else:
                _tell(row, remote, seen, notice)
    return left


def _mirror_listed(
    row: Sync,
    connector: Connector,
    remote: RemoteProduct,
    notice: Notice,
    listed: _Listed,
    *,
    as_of: dt.datetime,
) -> None:
    is_new = remote.id not in listed.known
    if not is_new and turns.open_for(row.store_id, remote.id):
        catalog.met(row, remote.id)
        return
    # Of the pictures that only variants show the page knew nothing.
    known_ours = set(listed.ours) if remote.variants_told else None
    if catalog.lists_hide(row.store, remote):
        try:
            remote = connector.with_variants(remote)
        except NotFound:
            return  # deleted since: it stays unmet
    _found(row, remote, notice, as_of=as_of, is_new=is_new, ours=known_ours)


def _found(
    row: Sync,
    remote: RemoteProduct,
    notice: Notice,
    *,
    as_of: dt.datetime,
    is_new: bool = False,
    ours: set[str] | None = None,
) -> None:
    with _unhurried():
        seen = catalog.mirror(row.store, remote, as_of=as_of, met_by=row.pk, is_new=is_new, ours=ours)
        _tell(row, remote, seen, notice)


@contextmanager
def _unhurried() -> Iterator[None]:
    """A transaction that does not wait for the disk: the page's own commit comes after it, and without that the page is
    read again."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO off")
        yield


def _tell(row: Sync, remote: RemoteProduct, seen: Mirrored, notice: Notice) -> None:
    """Count what no webhook told, and hand on what there may be work for."""
    if seen.differed and not row.first and not ingest.on_its_way(row.store_id, remote.id):
        catalog.count_drift(row, seen)
    if row.start_work or _came_after_us(row.store, remote):
        notice(seen, seen.created)


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
