"""Keep the mirror true: one product as the store has it, its variants, and the pictures of both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.catalog.models import Photo, Product, Variant
from apps.lib import ids
from apps.lib.insert_once import insert_all_once
from apps.lib.update_row import update_row
from apps.stores import selectors as stores
from apps.stores import services as stores_ledger
from apps.stores.models import Store
from connectors.types import RemoteImage, RemoteProduct, RemoteVariant


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
    """How a product's photos moved. `ours`: media ids that we wrote. `by_us`: a picture of ours stands where none
    stood, so other changes are ours."""

    ours: set[str]
    new: list[Photo] = field(default_factory=list)
    replaced: list[Photo] = field(default_factory=list)
    back: int = 0
    lost: int = 0
    by_us: bool = False


@dataclass(frozen=True)
class _Shown:
    """A picture that the store shows of a product: in its gallery, or of the variant with this id only."""

    image: RemoteImage
    variant: str = ""


def fingerprint(gallery: Iterable[RemoteImage], beyond: Iterable[_Shown] = ()) -> str:
    """Equal for equal pictures: ids, addresses and order, not alt texts or prices.

    `beyond`: what variants show and the gallery does not.
    """
    return ids.digest(
        [[i.id, i.src] for i in gallery] + [[s.image.id, s.image.src, s.variant] for s in beyond]
    )


@transaction.atomic(savepoint=False)
def mirror(
    store: Store,
    remote: RemoteProduct,
    *,
    as_of: dt.datetime | None = None,
    met_by: int | None = None,
    is_new: bool = False,
    ours: set[str] | None = None,
) -> Mirrored:
    """Bring one product up to date. Idempotent; two at once take turns on the product's row.

    `as_of` is when the store was asked (now unless said). Answers may overtake each other: one to a question that was
    asked before that of the answer we know changes nothing. Whatever a webhook tells of was there when we asked for it.

    For who reads many: `met_by` is the sync that looked at it, `is_new` says that it was not known a moment ago, and
    `ours` holds the pictures of it that we wrote, as the ledger had them after the store was asked.
    """
    as_of = as_of or timezone.now()
    values = _values(remote)
    dated: dict[str, Any] = {"modified_at": remote.modified_at, "seen_at": as_of}
    met = {} if met_by is None else {"last_sync": met_by}
    known = Product.objects.select_for_update().filter(store=store, external_id=remote.id)
    product = None if is_new else known.first()
    if product is None:
        [added] = add(store, [remote], as_of=as_of, met_by=met_by, ours=ours)
        if added is not None:
            return added
        product = known.get()
    if product.seen_at > as_of:
        _change(product, met)
        return Mirrored(product)
    have_photos = {p.media_id: p for p in product.photos.all()}
    have_variants = {v.external_id: v for v in product.variants.all()}
    shown = _shown(remote, have_photos, have_variants)
    dated["fingerprint"] = _fingerprint(remote, shown)
    before = {name: getattr(product, name) for name in values}
    touched = product.modified_at != remote.modified_at
    images_changed = product.fingerprint != dated["fingerprint"]
    _change(product, values | dated | met)
    photos = _mirror_photos(product, shown, have_photos, ours)
    variants_differ = _mirror_variants(product, remote, have_variants, photos.ours)
    return Mirrored(
        product,
        new=tuple(photos.new),
        replaced=tuple(photos.replaced),
        other_photos=photos.back + photos.lost,
        images_changed=images_changed,
        differed=variants_differ
        or (images_changed and not photos.by_us)
        or any(before[n] != v and before[n] is not None for n, v in values.items() if n not in _PRICES),
        touched=touched,
        tags_added=tuple(tag for tag in remote.tags if tag not in before["tags"]),
        back_in_stock=before["in_stock"] is False and remote.in_stock is True,
    )


@transaction.atomic(savepoint=False)
def add(
    store: Store,
    remotes: Sequence[RemoteProduct],
    *,
    as_of: dt.datetime,
    met_by: int | None = None,
    ours: set[str] | None = None,
) -> list[Mirrored | None]:
    """As `mirror`, for many that were not known a moment ago, with as many statements as for one. None for one that is
    known by now."""
    shown = [_shown(remote, {}, {}) for remote in remotes]
    met = {} if met_by is None else {"last_sync": met_by}
    rows = [
        Product(
            store=store,
            external_id=remote.id,
            modified_at=remote.modified_at,
            seen_at=as_of,
            fingerprint=_fingerprint(remote, pictures),
            **_values(remote),
            **met,
        )
        for remote, pictures in zip(remotes, shown, strict=True)
    ]
    are_new = insert_all_once(rows, key=["external_id"])
    added = [
        one for one, is_new in zip(zip(rows, remotes, shown, strict=True), are_new, strict=True) if is_new
    ]
    mine = _ours(store.pk, {m: one for _, _, pictures in added for m, one in pictures.items()}, {}, ours)
    photos = {
        row.pk: [
            Photo(product=row, media_id=media_id, **_told_of_photo(position, one, media_id in mine))
            for position, (media_id, one) in enumerate(pictures.items())
        ]
        for row, _, pictures in added
    }
    Photo.objects.bulk_create([photo for of_one in photos.values() for photo in of_one])
    Variant.objects.bulk_create(
        Variant(product=row, external_id=variant.id, **_told_of_variant(variant))
        for row, remote, _ in added
        for variant in {v.id: v for v in remote.variants}.values()
    )
    return [
        Mirrored(
            row,
            created=True,
            new=tuple(p for p in photos[row.pk] if not p.ours),
            images_changed=True,
            differed=True,
            touched=True,
        )
        if is_new
        else None
        for row, is_new in zip(rows, are_new, strict=True)
    ]


# Shops change prices by the hour, and sales begin and end by the clock: that alone is no news of a product's pictures.
_PRICES = frozenset({"price", "regular_price", "sale_price", "on_sale"})


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
        "attributes": {name: list(options) for name, options in remote.attributes.items()},
        "price": remote.price[:40],
        "regular_price": remote.regular_price[:40],
        "sale_price": remote.sale_price[:40],
        "on_sale": remote.on_sale,
        "in_stock": remote.in_stock,
        "present": True,
    }


def _shown(
    remote: RemoteProduct, photos: Mapping[str, Photo], variants: Mapping[str, Variant]
) -> dict[str, _Shown]:
    """By media id: the gallery in its order, then what variants show beyond it, each once.

    Where a list tells of variants only that they are there, they show what they showed when we last knew.
    """
    found: dict[str, _Shown] = {}
    for image in remote.images:
        found.setdefault(image.id, _Shown(image))
    for variant in remote.variants:
        own = variant.image
        if not remote.variants_told and variant.id in variants:
            photo = photos.get(variants[variant.id].media_id)
            own = RemoteImage(photo.media_id, photo.src, photo.alt, photo.name) if photo else None
        if own is not None and own.id:
            found.setdefault(own.id, _Shown(own, variant.id[:64]))
    return found


def _fingerprint(remote: RemoteProduct, shown: Mapping[str, _Shown]) -> str:
    return fingerprint(remote.images, [s for s in shown.values() if s.variant])


def _mirror_variants(
    product: Product, remote: RemoteProduct, have: Mapping[str, Variant], ours: set[str]
) -> bool:
    """Add, change and drop variants; returns whether any differed. A list that knows ids only leaves the rest alone.

    A variant without a picture of its own shows the main one, so it may show one of `ours`: that is no news.
    """
    left, added, differed = dict(have), list[Variant](), False
    for variant in {v.id: v for v in remote.variants}.values():
        told = _told_of_variant(variant)
        row = left.pop(variant.id, None)
        if row is None:
            added.append(Variant(product=product, external_id=variant.id, **told))
        elif remote.variants_told:
            changes = {name: value for name, value in told.items() if getattr(row, name) != value}
            _change(row, changes)
            differed |= bool(changes.keys() - {"media_id"}) or changes.get("media_id", "") not in {"", *ours}
    if added:
        # A picture may be known by now that was not when another process read the same list.
        Variant.objects.bulk_create(added, ignore_conflicts=True)
    if left:
        Variant.objects.filter(pk__in=[v.pk for v in left.values()]).delete()
    return differed or bool(added) or bool(left)


def _told_of_variant(variant: RemoteVariant) -> dict[str, Any]:
    return {
        "title": variant.title[:300],
        "sku": variant.sku[:120],
        "media_id": variant.image.id if variant.image else "",
    }


def _mirror_photos(
    product: Product, shown: Mapping[str, _Shown], have: Mapping[str, Photo], ours: set[str] | None
) -> _Photos:
    """Add, move and mark photos. Our own media is kept in view but never worked on."""
    found = _Photos(_ours(product.store_id, shown, have, ours))
    added = []
    for position, (media_id, one) in enumerate(shown.items()):
        image, photo, mine = one.image, have.get(media_id), media_id in found.ours
        if mine and (photo is None or not photo.present):
            found.by_us = True
        told = _told_of_photo(position, one, mine)
        if photo is None:
            added.append(Photo(product=product, media_id=media_id, **told))
            continue
        changed: dict[str, Any] = {}
        if photo.src != image.src and not mine:
            changed = _exchanged(photo)
            found.replaced.append(photo)
        elif not photo.present and not mine:
            found.back += 1
        _change(photo, changed | told | {"present": True})
    if added:
        Photo.objects.bulk_create(added)
        found.new = [p for p in added if not p.ours]
    gone = [p for p in have.values() if p.present and p.media_id not in shown]
    if gone:
        Photo.objects.filter(pk__in=[p.pk for p in gone]).update(present=False)
    found.lost = 0 if found.by_us else sum(not p.ours for p in gone)
    return found


def _told_of_photo(position: int, one: _Shown, mine: bool) -> dict[str, Any]:
    image = one.image
    return {
        "position": position,
        "variant": one.variant,
        "src": image.src,
        "alt": image.alt,
        "name": image.name,
        "ours": mine,
    }


def _ours(
    store: int, shown: Mapping[str, _Shown], have: Mapping[str, Photo], ours: set[str] | None
) -> set[str]:
    """Which of these pictures we wrote; `ours` is what the ledger said, where it was asked already."""
    if ours is None:
        ours = stores.ours(store, shown) if shown else set()
    strange = {m: one.image.src for m, one in shown.items() if m not in ours and m not in have}
    return ours | _written_after_all(store, strange)


def _written_after_all(store: int, files: Mapping[str, str]) -> set[str]:
    """Pictures of ours that came by a write that nobody counted on any more; the ledger learns of them."""
    known = stores.ours_by_name(store, files)
    for media_id, row in known.items():
        stores_ledger.wrote(
            row.store,
            media_id=media_id,
            stem=row.stem,
            sha256=row.sha256,
            publication=row.publication or 0,
            photo=row.photo,
        )
    return set(known)


def _exchanged(photo: Photo) -> dict[str, Any]:
    """What else of a photo is another one now that its bytes are."""
    unknown = {"sha256": "", "key": "", "width_px": 0, "height_px": 0}
    return {"revision": photo.revision + 1, "replaced_at": timezone.now(), **unknown}


def _change(row: Product | Photo | Variant, told: Mapping[str, Any]) -> None:
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
