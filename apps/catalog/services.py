"""Keep the mirror true, and fetch originals once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction

from apps.audit import services as audit
from apps.catalog.models import Photo, Product, Sync, Variant
from apps.lib import blobs, ids
from apps.lib.work import WorkState
from apps.stores import selectors as stores
from apps.stores.models import Store
from connectors.base import Connector
from connectors.types import RemoteImage, RemoteProduct
from gpu_worker import pixels


@dataclass(frozen=True)
class Mirrored:
    """`fresh` are merchant's photos that are new, or show other bytes than before: there is work for them."""

    product: Product
    fresh: list[Photo]
    changed: bool


def fingerprint(images: tuple[RemoteImage, ...]) -> str:
    """Equal for equal image lists: ids, addresses and order, not alt texts or prices."""
    return ids.digest([[i.id, i.src] for i in images])


@transaction.atomic
def mirror(store: Store, remote: RemoteProduct) -> Mirrored:
    """Bring one product up to date. Idempotent; two at once take turns on the product's row."""
    values = {
        "title": remote.title[:300] or f"Product {remote.id}",
        "url": remote.url[:500],
        "status": remote.status[:20],
        "type": remote.type[:20],
        "sku": remote.sku[:120],
        "vendor": remote.vendor[:200],
        "categories": list(remote.categories),
        "tags": list(remote.tags),
        "present": True,
        "modified_at": remote.modified_at,
    }
    product, _ = Product.objects.get_or_create(store=store, external_id=remote.id, defaults=values)
    product = Product.objects.select_for_update().get(pk=product.pk)
    for name, value in values.items():
        setattr(product, name, value)
    now = fingerprint(remote.images)
    changed = product.fingerprint != now
    product.fingerprint = now
    product.save()
    _mirror_variants(product, remote)
    return Mirrored(product, _mirror_photos(product, remote.images), changed)


def _mirror_variants(product: Product, remote: RemoteProduct) -> None:
    for variant in remote.variants:
        Variant.objects.update_or_create(
            product=product,
            external_id=variant.id,
            defaults={
                "title": variant.title[:300],
                "sku": variant.sku[:120],
                "media_id": variant.image.id if variant.image else "",
            },
        )


def _mirror_photos(product: Product, images: tuple[RemoteImage, ...]) -> list[Photo]:
    """Add, move and mark photos; returns those that want work. Our own media is kept in view but never worked on."""
    ours = stores.ours(product.store_id, [i.id for i in images])
    have = {p.media_id: p for p in product.photos.all()}
    fresh: list[Photo] = []
    for position, image in enumerate(images):
        photo = have.get(image.id)
        mine = image.id in ours
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
                fresh.append(photo)
            continue
        if photo.src != image.src and not mine:
            photo.revision += 1
            photo.sha256 = photo.key = ""
            photo.width_px = photo.height_px = 0
            fresh.append(photo)
        photo.position, photo.src, photo.alt, photo.name = position, image.src, image.alt, image.name
        photo.present, photo.ours = True, mine
        photo.save()
    product.photos.exclude(media_id__in=[i.id for i in images]).update(present=False)
    return fresh


@transaction.atomic
def gone(store: Store, external_id: str) -> Product | None:
    """The store no longer has this product. Its photos and history stay; nothing more is written to it."""
    product = Product.objects.filter(store=store, external_id=external_id, present=True).first()
    if product is None:
        return None
    Product.objects.filter(pk=product.pk).update(present=False)
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


@transaction.atomic
def ask_sync(
    store: Store, *, by: str, changes_only: bool = False, start_work: bool = False
) -> tuple[Sync, bool]:
    """The open sync of a store, and whether it is new: two at once would do the same work twice."""
    Store.objects.select_for_update().get(pk=store.pk)
    there = Sync.objects.filter(store=store, work_state__in=[WorkState.WAITING, WorkState.RUNNING]).first()
    if there:
        return there, False
    since = store.watermark - OVERLAP if changes_only and store.watermark else None
    return Sync.objects.create(store=store, since=since, start_work=start_work, requested_by=by), True


def unmet(sync: Sync) -> list[str]:
    """Products that a full sync did not meet although they are older than it: perhaps deleted."""
    if sync.since is not None:
        return []
    unseen = Product.objects.filter(store=sync.store, present=True).exclude(last_sync=sync.pk)
    # What appeared while we read may have fallen between two pages: the next sync tells.
    return list(unseen.filter(modified_at__lt=sync.created_at).values_list("external_id", flat=True))


@transaction.atomic
def end_sync(sync: Sync) -> None:
    """Close a sync that read its last page, and move the store's watermark to when it began."""
    Store.objects.filter(pk=sync.store_id).update(watermark=sync.created_at)
    sync.finish()
    audit.record(
        "store.synced",
        workspace=sync.store.workspace_id,
        actor=sync.requested_by,
        subject=f"store:{sync.store_id}",
        products=sync.products,
    )
