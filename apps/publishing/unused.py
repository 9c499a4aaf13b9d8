"""Files of ours in a store's media library that no product shows any more, as far as is known here."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.catalog.models import Photo, Variant
from apps.jobs.models import Render
from apps.lib.work import WorkState
from apps.publishing.models import Cleaned, Publication, Snapshot, Undo
from apps.stores.models import WrittenMedia
from apps.stores.selectors import ORIGINAL_PREFIX


def unused(store: int) -> QuerySet[WrittenMedia]:
    """In the order of the ledger. Never the merchant's own: neither their files nor originals that were put back; and
    never what the undo of a live publication would show again, or what is on its way into the store or out of it.
    """
    media = OuterRef("media_id")
    shown = Photo.objects.filter(product__store=store, media_id=media, present=True)
    of_variant = Variant.objects.filter(product__store=store, media_id=media)
    wanted = Snapshot.objects.filter(publication__store=store, publication__undone_at=None, replaced_id=media)
    undo = Undo.objects.filter(publication=OuterRef("pk"))
    # What is live is unused where somebody took it off the product. Of products that are in the trash or gone nobody
    # knows what they show.
    taken_off = Q(~Exists(undo), published_at__isnull=False, product__present=True)
    over = Publication.objects.filter(
        Q(undone_at__isnull=False) | taken_off, pk=OuterRef("publication"), work_state=WorkState.DONE
    )
    return (
        WrittenMedia.objects.filter(Exists(over), store=store, photo__isnull=False)
        .exclude(stem__startswith=ORIGINAL_PREFIX)
        .exclude(Exists(Cleaned.objects.filter(written=OuterRef("pk"), deleted=True)))
        .exclude(Exists(shown))
        .exclude(Exists(of_variant))
        .exclude(Exists(wanted))
        .order_by("pk")
    )


def size_bytes(store: int) -> int:
    """Of all of them together, without the small copies that the store made."""
    publications = unused(store).values("publication")
    renders = Render.objects.filter(publication__in=Publication.objects.filter(pk__in=publications))
    return sum(
        f.get("size_bytes", 0)
        for files in renders.values_list("files", flat=True).iterator()
        for f in files
        if f["name"] == "main"
    )


def why(publication: Publication) -> str:
    """Why nobody uses its file."""
    if publication.undone_at is None:
        return "Somebody took it off the product."
    return "It was taken back." if publication.published_at else "It was uploaded and never shown."
