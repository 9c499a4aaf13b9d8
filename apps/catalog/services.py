"""Keep the mirror true, and fetch originals once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.audit import services as audit
from apps.catalog.models import Photo, Product, Sync, Variant
from apps.lib import blobs, ids
from apps.lib.insert_once import insert_once
from apps.lib.update_row import update_row
from apps.lib.work import WorkState
from apps.stores import selectors as stores
from apps.stores.models import Store
from connectors.base import Connector
from connectors.types import RemoteImage, RemoteProduct
from gpu_worker import pixels


@dataclass(frozen=True)
class Mirrored:
    """What looking at a product again brought. `new` and `replaced` are merchant's photos: first seen, or other bytes.

    `differed`: the merchant changed something that we did not know. `touched`: the store saved it since we last
    looked, whatever for. `images_changed`: its image list is another one, perhaps by our own doing.
    """

    product: Product
    created: bool = False
    new: tuple[Photo, ...] = ()
    replaced: tuple[Photo, ...] = ()
    other_photos: int = 0
    images_changed: bool = False
    differed: bool = False
    touched: bool = False
    tags_added: tuple[str, ...] = ()
    back_in_stock: bool = False

    @property
    def fresh(self) -> list[Photo]:
        """Photos that there is work for."""
        return [*self.new, *self.replaced]

    @property
    def photos_differing(self) -> int:
        """Merchant's photos that were added, exchanged, taken off or put back."""
        return len(self.new) + len(self.replaced) + self.other_photos


@dataclass
class _Photos:
    """How a product's photos moved. `by_us`: a picture of ours stands where none stood, so other changes are ours."""

    new: list[Photo]
    replaced: list[Photo]
    back: int = 0
    lost: int = 0
    by_us: bool = False


def fingerprint(images: tuple[RemoteImage, ...]) -> str:
    """Equal for equal image lists: ids, addresses and order, not alt texts or prices."""
    return ids.digest([[i.id, i.src] for i in images])


@transaction.atomic
def mirror(store: Store, remote: RemoteProduct, *, as_of: dt.datetime | None = None) -> Mirrored:
    """Bring one product up to date. Idempotent; two at once take turns on the product's row.

    `as_of` is when the store was asked (now unless said). Answers may overtake each other: one to a question that was
    asked before that of the answer we know changes nothing. Whatever a webhook tells of was there when we asked for it.
    """
    as_of = as_of or timezone.now()
    values, now = _values(remote), fingerprint(remote.images)
    dated = {"modified_at": remote.modified_at, "fingerprint": now, "seen_at": as_of}
    known = Product.objects.select_for_update().filter(store=store, external_id=remote.id)
    product = known.first()
    if product is None:
        product = Product(store=store, external_id=remote.id, **values, **dated)
        if insert_once(product):
            _mirror_variants(product, remote, [])
            photos = _mirror_photos(product, remote.images, [])
            return Mirrored(
                product, created=True, new=tuple(photos.new), images_changed=True, differed=True, touched=True
            )
        product = known.get()
    if product.seen_at > as_of:
        return Mirrored(product)
    before = {name: getattr(product, name) for name in values}
    touched = product.modified_at != remote.modified_at
    images_changed = product.fingerprint != now
    _change(product, values | dated)
    variants_differ = _mirror_variants(product, remote, product.variants.all())
    photos = _mirror_photos(product, remote.images, product.photos.all())
    return Mirrored(
        product,
        new=tuple(photos.new),
        replaced=tuple(photos.replaced),
        other_photos=photos.back + photos.lost,
        images_changed=images_changed,
        differed=variants_differ
        or (images_changed and not photos.by_us)
        or any(before[name] != value and before[name] is not None for name, value in values.items()),
        touched=touched,
        tags_added=tuple(tag for tag in remote.tags if tag not in before["tags"]),
        back_in_stock=before["in_stock"] is False and remote.in_stock is True,
    )


def _values(remote: RemoteProduct) -> dict[str, Any]:
    return {
        "title": remote.title[:300] or f"Product {remote.id}",
        "url": remote.url[:500],
        "status": remote.status[:20],
        "type": remote.type[:20],
        "sku": remote.sku[:120],
        "vendor": remote.vendor[:200],
        "categories": list(remote.categories),
        "tags": list(remote.tags),
        "in_stock": remote.in_stock,
        "present": True,
    }


def _mirror_variants(product: Product, remote: RemoteProduct, known: Iterable[Variant]) -> bool:
    """Add, change and drop variants; returns whether any differed. A list that knows ids only leaves the rest alone."""
    have = {v.external_id: v for v in known}
    differed = False
    for variant in remote.variants:
        told = {
            "title": variant.title[:300],
            "sku": variant.sku[:120],
            "media_id": variant.image.id if variant.image else "",
        }
        row = have.pop(variant.id, None)
        if row is None:
            Variant.objects.get_or_create(product=product, external_id=variant.id, defaults=told)
            differed = True
        elif any(told.values()) and any(getattr(row, name) != value for name, value in told.items()):
            Variant.objects.filter(pk=row.pk).update(**told)
            differed = True
    if have:
        Variant.objects.filter(pk__in=[v.pk for v in have.values()]).delete()
    return differed or bool(have)


def _mirror_photos(product: Product, images: tuple[RemoteImage, ...], known: Iterable[Photo]) -> _Photos:
    """Add, move and mark photos. Our own media is kept in view but never worked on."""
    ours = stores.ours(product.store_id, [i.id for i in images])
    have = {p.media_id: p for p in known}
    found = _Photos([], [])
    for position, image in enumerate(images):
        photo = have.get(image.id)
        mine = image.id in ours
        if mine and (photo is None or not photo.present):
            found.by_us = True
        if photo is None:
            photo = Photo.objects.create(
                product=product,
                media_id=image.id,
                position=position,
                src=image.src,
                alt=image.alt,
                name=image.name,
                ours=mine,
            )
            if not mine:
                found.new.append(photo)
            continue
        changed: dict[str, Any] = {}
        if photo.src != image.src and not mine:
            changed = _exchanged(photo)
            found.replaced.append(photo)
        elif not photo.present and not mine:
            found.back += 1
        told = {"position": position, "src": image.src, "alt": image.alt, "name": image.name}
        _change(photo, changed | told | {"present": True, "ours": mine})
    listed = {i.id for i in images}
    gone = [p for p in have.values() if p.present and p.media_id not in listed]
    if gone:
        Photo.objects.filter(pk__in=[p.pk for p in gone]).update(present=False)
    found.lost = 0 if found.by_us else sum(not p.ours for p in gone)
    return found


def _exchanged(photo: Photo) -> dict[str, Any]:
    """What else of a photo is another one now that its bytes are."""
    unknown = {"sha256": "", "key": "", "width_px": 0, "height_px": 0}
    return {"revision": photo.revision + 1, "replaced_at": timezone.now(), **unknown}


def _change(row: Product | Photo, told: dict[str, Any]) -> None:
    """Write what differs, if anything does."""
    changes = {name: value for name, value in told.items() if getattr(row, name) != value}
    if changes:
        update_row(type(row), row.pk, changes, where={})
    for name, value in changes.items():
        setattr(row, name, value)


@transaction.atomic
def gone(store: Store, external_id: str, *, as_of: dt.datetime | None = None) -> Product | None:
    """The store no longer has this product. Its photos and history stay; nothing more is written to it.

    `as_of` as for `mirror`: one that was found by asking later is there again. None where nothing was changed.
    """
    as_of = as_of or timezone.now()
    known = Product.objects.select_for_update().filter(
        store=store, external_id=external_id, seen_at__lte=as_of
    )
    product = known.filter(present=True).first()
    if product is None:
        known.update(seen_at=as_of)
        return None
    Product.objects.filter(pk=product.pk).update(present=False, seen_at=as_of)
    product.photos.update(present=False)
    audit.record(
        "product.gone",
        workspace=store.workspace_id,
        subject=f"product:{product.pk}",
        refs={"store": store.pk},
    )
    return product


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


def lists_hide(store: Store, remote: RemoteProduct) -> bool:
    """Whether a list tells too little of a product that was saved since we saw it: variants without their titles."""
    if not remote.variants or any(v.title or v.sku or v.image for v in remote.variants):
        return False
    return not Product.objects.filter(
        store=store, external_id=remote.id, present=True, modified_at=remote.modified_at
    ).exists()


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
