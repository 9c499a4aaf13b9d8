"""Syncs of the mirror, and originals fetched once. How one product is mirrored stands in `mirroring`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.audit import services as audit
from apps.catalog.mirroring import Mirrored, add, gone, mirror
from apps.catalog.models import Photo, Product, Sync
from apps.lib import blobs
from apps.lib.work import WorkState
from apps.stores.models import Store
from connectors.base import Connector
from connectors.types import RemoteProduct
from gpu_worker import pixels

__all__ = ["Mirrored", "add", "gone", "mirror"]


def keep_original(photo: Photo, connector: Connector) -> Photo:
    """Fetch the photo's bytes unless we have them. Raises ConnectorError."""
    if photo.key:
        return photo
    data = connector.fetch(photo.src)
    store = photo.product.store
    key, sha256 = blobs.put(data, workspace=store.workspace_id, store=store.pk, kind="originals")
    width_px, height_px = _size(data)
    kept = {"key": key, "sha256": sha256, "bytes": len(data), "width_px": width_px, "height_px": height_px}
    # Only where the store still shows the same address: a newer revision must fetch its own.
    Photo.objects.filter(pk=photo.pk, src=photo.src).update(**kept)
    for name, value in kept.items():
        setattr(photo, name, value)
    return photo


def _size(data: bytes) -> tuple[int, int]:
    """(width, height) as it will be seen; zeros where the header can't be read: whoever renders it says why."""
    try:
        told = pixels.describe(data)
    except pixels.BadImage:
        return 0, 0
    return told.width_px, told.height_px


# A watermark is read with this overlap: the store's clock and its transactions may lag behind what it told us.
OVERLAP = dt.timedelta(minutes=10)
# A webhook about a change that a sync found no longer ago than this was late, not lost.
LATE = dt.timedelta(hours=1)
UNMET_AT_ONCE = 200
KEEP_SYNCS = dt.timedelta(days=90)
_OPEN = [WorkState.WAITING, WorkState.RUNNING]


@transaction.atomic
def ask_sync(
    store: Store, *, by: str, changes_only: bool = False, start_work: bool | None = None
) -> tuple[Sync, bool]:
    """The open sync of a store, and whether it is new: two at once would do the same work twice.

    `start_work`: whether photos that are new start work; unless said, they do when the store was read before. An open
    sync of changes becomes one of everything where that is asked for, or is followed by one when it has begun.
    """
    store = Store.objects.select_for_update().get(pk=store.pk)
    there = Sync.objects.filter(store=store, work_state__in=_OPEN).first()
    if there:
        _widen(there, full=not changes_only, start_work=bool(start_work))
        return there, False
    first = store.watermark is None
    since = store.watermark - OVERLAP if changes_only and store.watermark else None
    work = not first if start_work is None else start_work
    return (
        Sync.objects.create(store=store, since=since, start_work=work, first=first, requested_by=by),
        True,
    )


def _widen(there: Sync, *, full: bool, start_work: bool) -> None:
    rows = Sync.objects.filter(pk=there.pk)
    if start_work:
        rows.update(start_work=True)
    if full and there.since is not None:
        not_begun = rows.filter(work_state=WorkState.WAITING, started_at=None)
        if not not_begun.update(since=None):
            rows.update(then_full=True)
    there.refresh_from_db()


def unmet(sync: Sync) -> Iterator[str]:
    """Products that a full sync did not meet: perhaps deleted. In batches; one that was asked for is met afterwards."""
    if sync.since is not None:
        return
    last = 0
    while True:
        unseen = Product.objects.filter(store=sync.store_id, present=True, pk__gt=last).exclude(
            last_sync=sync.pk
        )
        rows = list(unseen.order_by("pk").values_list("pk", "external_id")[:UNMET_AT_ONCE])
        for _, external_id in rows:
            yield external_id
        if not rows:
            return
        last = rows[-1][0]


# Stores date a save by the whole second, and their clocks are not ours.
SAME_MOMENT = dt.timedelta(seconds=2)


def lists_hide(store: Store, remote: RemoteProduct) -> bool:
    """Whether a list tells too little of a product: its variants by id only, and it was saved since we saw them.

    One that was saved in the very moment in which we looked may have been saved once more within its second.
    """
    if remote.variants_told:
        return False
    known = Product.objects.filter(
        store=store, external_id=remote.id, present=True, modified_at=remote.modified_at
    )
    return not known.filter(seen_at__gt=remote.modified_at + SAME_MOMENT).exists()


def met(sync: Sync, external_id: str) -> None:
    """The sync looked at this product."""
    Product.objects.filter(store=sync.store_id, external_id=external_id).update(last_sync=sync.pk)


def count_drift(sync: Sync, seen: Mirrored) -> None:
    """A product was not as the store has it, and no webhook is on its way to tell so."""
    if sync.first:
        return
    Sync.objects.filter(pk=sync.pk).update(
        drift_new=F("drift_new") + int(seen.created),
        drift_changed=F("drift_changed") + int(not seen.created),
        drift_photos=F("drift_photos") + seen.photos_differing,
    )
    Product.objects.filter(pk=seen.product.pk).update(counted_by=sync.pk)


def count_gone(sync: Sync, product: Product) -> None:
    """A product was deleted and no webhook told."""
    if sync.first:
        return
    Sync.objects.filter(pk=sync.pk).update(drift_gone=F("drift_gone") + 1)
    Product.objects.filter(pk=product.pk).update(counted_by=sync.pk)


def told(store: Store, external_id: str, *, news: bool) -> None:
    """A webhook about this product came. Where it is no news because a sync was just faster, it was late, not lost."""
    product = Product.objects.filter(store=store, external_id=external_id).exclude(counted_by=0).first()
    if product is None:
        return
    mine = Product.objects.filter(pk=product.pk, counted_by=product.counted_by).update(counted_by=0)
    if mine and not news:
        lately = Sync.objects.filter(pk=product.counted_by, created_at__gte=timezone.now() - LATE)
        lately.update(came_late=F("came_late") + 1)


@transaction.atomic
def end_sync(sync: Sync) -> Sync | None:
    """Close a sync that read its last page, and move the store's watermark to when it began.

    Returns the sync of everything that was asked for meanwhile.
    """
    Store.objects.filter(pk=sync.store_id).update(watermark=sync.created_at)
    sync.finish(finished_at=timezone.now())
    sync.refresh_from_db()
    audit.record(
        "store.synced",
        workspace=sync.store.workspace_id,
        actor=sync.requested_by,
        subject=f"store:{sync.store_id}",
        products=sync.products,
        drift=sync.drift,
    )
    return ask_sync(sync.store, by=sync.requested_by)[0] if sync.then_full else None


def full_sync_due(store: Store, every: dt.timedelta) -> bool:
    """Whether the store was read before, but not all of it for `every`."""
    since = timezone.now() - every
    done = Sync.objects.filter(store=store, since=None, work_state=WorkState.DONE, created_at__gte=since)
    return store.watermark is not None and not done.exists()


def forget_syncs() -> int:
    """Drop rows of syncs that ended long ago. Returns how many."""
    old = Sync.objects.filter(created_at__lt=timezone.now() - KEEP_SYNCS).exclude(work_state__in=_OPEN)
    return old.delete()[0]
