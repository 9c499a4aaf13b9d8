"""Take a publication back: order, links and bytes as they were, whatever happened to the original meanwhile."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.catalog.models import Photo
from apps.lib import blobs, ids
from apps.lib.errors import StorageAway
from apps.lib.signed import file_url
from apps.publishing.models import Publication, Snapshot, Undo
from apps.publishing.services import turns
from apps.stores import services as stores
from apps.stores.connect import open_store
from apps.stores.selectors import STEM_PREFIX
from connectors.base import Connector
from connectors.errors import ConnectorError, NotFound, Rejected
from connectors.types import ImageWrite, RemoteImage, RemoteProduct
from gpu_worker import pixels

AS_IT_WAS = "Everything is as it was before."
MERGED = "The product was changed by somebody else meanwhile; only this picture was taken back."
BY_HAND = "Somebody had already put the original back."
UPLOADED_AGAIN = "The original file was no longer in the store and was uploaded again from our copy."


def write(pk: int) -> Undo | None:
    """Carry out an undo; None when it is not its turn. Resumable: it looks at the store before each step."""
    undo = turns.take_undo(pk)
    if undo is None:
        return None
    publication = Publication.objects.select_related("store", "product", "photo", "snapshot").get(
        pk=undo.publication_id
    )
    try:
        _restore(open_store(publication.store), undo, publication)
    except (ConnectorError, StorageAway) as error:
        turns.stumbled(undo, error)
    return undo


def _restore(connector: Connector, undo: Undo, publication: Publication) -> None:
    snapshot = publication.snapshot
    remote = connector.product(publication.product.external_id)
    wanted, outcome = plan(remote, snapshot, publication.media_id)
    original = ImageWrite(id=snapshot.replaced_id)
    after = remote
    if wanted is not None:
        try:
            after = connector.set_images(remote.id, wanted)
        except (Rejected, NotFound):
            # The store no longer knows the original's id: its bytes go up again.
            original, outcome = _bring_back(connector, publication), UPLOADED_AGAIN
            after = connector.set_images(remote.id, _swap(wanted, snapshot.replaced_id, original))
    undo.renew()
    sha256 = _shown_sha256(connector, after, publication, original)
    if sha256 != snapshot.replaced_sha256 and outcome != UPLOADED_AGAIN:
        original, outcome = _bring_back(connector, publication), UPLOADED_AGAIN
        kept = [ImageWrite(id=i.id) for i in after.images]
        after = connector.set_images(remote.id, _swap(kept, snapshot.replaced_id, original))
        sha256 = _shown_sha256(connector, after, publication, original)
    if sha256 != snapshot.replaced_sha256:
        raise Rejected("the store changes files on upload, so the original's bytes can't be put back")
    _done(undo, publication, outcome, sha256)


def plan(remote: RemoteProduct, snapshot: Snapshot, ours: str) -> tuple[list[ImageWrite] | None, str]:
    """The list that takes our picture back, and in words what it does; None where nothing needs to be written.

    Nobody else changed the list: the snapshot's order, exactly. Otherwise only our picture changes places with the
    original, and what others added, removed or moved stays.
    """
    before = [i["id"] for i in snapshot.images]
    now = [i.id for i in remote.images]
    original = snapshot.replaced_id
    if original in now and ours not in now:
        return None, AS_IT_WAS if now == before else BY_HAND
    if sorted(now) == sorted(ours if i == original else i for i in before):
        return [ImageWrite(id=i) for i in before], AS_IT_WAS
    if ours in now:
        merged = [original if i == ours else i for i in now if i != original]
    else:
        at = min(before.index(original), len(now))
        merged = [*now[:at], original, *now[at:]]
    return [ImageWrite(id=i) for i in merged], MERGED


def _swap(images: list[ImageWrite], old: str, new: ImageWrite) -> list[ImageWrite]:
    return [new if i.id == old else i for i in images]


def _stem(publication: Publication) -> str:
    """The file name under which kept bytes go back: the same at every try, so that a lost answer is found again."""
    return f"{STEM_PREFIX}original-{publication.pk}-{publication.snapshot.replaced_sha256[:10]}"


def _bring_back(connector: Connector, publication: Publication) -> ImageWrite:
    """The kept bytes as an entry of an image list: uploaded, or for the store to download where keys can't upload."""
    snapshot = publication.snapshot
    filename = _stem(publication) + (PurePosixPath(urlsplit(snapshot.replaced_src).path).suffix or ".jpg")
    if not publication.store.can_upload:
        return ImageWrite(
            src=file_url(snapshot.replaced_key, filename),
            alt=publication.photo.alt,
            name=publication.photo.name,
        )
    image = connector.find_upload(_stem(publication))
    if image is None:
        data = blobs.read(snapshot.replaced_key)
        image = connector.upload(
            data=data,
            filename=filename,
            content_type=f"image/{pixels.describe(data).format.lower()}",
            alt=publication.photo.alt,
            title=publication.photo.name,
        )
    _follow(publication, image)
    return ImageWrite(id=image.id)


@transaction.atomic
def _follow(publication: Publication, image: RemoteImage) -> None:
    """The photo lives on under its new id; the ledger knows it, so nobody renders it as if it were new."""
    snapshot = publication.snapshot
    stores.wrote(
        publication.store,
        media_id=image.id,
        stem=_stem(publication),
        sha256=snapshot.replaced_sha256,
        publication=publication.pk,
    )
    Photo.objects.filter(pk=publication.photo_id, media_id=snapshot.replaced_id).update(
        media_id=image.id, src=image.src
    )


def _shown_sha256(
    connector: Connector, after: RemoteProduct, publication: Publication, original: ImageWrite
) -> str:
    """SHA-256 of the bytes that shoppers get where the original belongs."""
    for image in after.images:
        name = PurePosixPath(urlsplit(image.src).path).name
        if image.id == original.id or (original.src and name.startswith(_stem(publication))):
            if original.src:
                _follow(publication, image)
            return ids.sha256_hex(connector.fetch(image.src))
    raise Rejected("the store took the change but does not show the original")


@transaction.atomic
def _done(undo: Undo, publication: Publication, outcome: str, sha256: str) -> None:
    undo.finish(outcome=outcome, restored_sha256=sha256)
    Publication.objects.filter(pk=publication.pk).update(undone_at=timezone.now())
    audit.record(
        "photo.restored",
        workspace=publication.workspace_id,
        actor=undo.requested_by,
        subject=f"publication:{publication.pk}",
        refs={"product": publication.product_id, "photo": publication.photo_id},
        outcome=outcome,
        sha256=sha256,
    )
