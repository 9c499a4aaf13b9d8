"""Take publications back: order, links and bytes as they were, whatever happened to the original meanwhile.

Undos of one product that wait together go in one write where that is possible, else one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.catalog.models import Photo, Product
from apps.lib import blobs, ids
from apps.lib.errors import LostRace, NotAllowed, VitrineError
from apps.lib.signed import file_url
from apps.lib.work import WorkState
from apps.publishing.models import Publication, Undo
from apps.publishing.services import alts, placing, turns, wayback
from apps.publishing.services.wayback import BY_HAND, COVERED, MERGED, UPLOADED_AGAIN, Before, Family, Step
from apps.stores import services as stores
from apps.stores.connect import open_store
from apps.stores.selectors import ORIGINAL_PREFIX
from connectors.base import Connector
from connectors.errors import ConnectorError, NotFound, Rejected
from connectors.types import ImageWrite, RemoteImage, RemoteProduct
from gpu_worker import pixels

IN_THE_TRASH = (
    "The product is in the trash of your store. Nothing was changed: restore it there, then try again."
)
DELETED = "The product was deleted from your store, so there is nothing to take back any more."


def write(pk: int) -> list[Undo]:
    """Carry out an undo, together with all that wait for its product. Returns those that were claimed, the latest
    picture first. Resumable: it looks at the store before each step."""
    claimed = turns.take_undos(pk)
    if not claimed:
        return []
    try:
        _take_back(open_store(claimed[0].publication.store), claimed)
    except LostRace:
        raise
    except (ConnectorError, VitrineError) as error:
        for undo in claimed:
            if undo.work_state == WorkState.RUNNING:
                turns.stumbled(undo, error)
    return claimed


def _take_back(connector: Connector, claimed: list[Undo]) -> None:
    remote = _there(connector, claimed[0].publication.product)
    for undo in claimed:
        _recognise(remote, undo.publication)
    family = wayback.family_of([undo.publication for undo in claimed])
    if len(claimed) > 1:
        if _together(connector, remote, claimed, family):
            return
        remote = _there(connector, claimed[0].publication.product)  # some may be back already
    for undo in claimed:
        if undo.work_state != WorkState.RUNNING:
            continue
        try:
            remote = _alone(connector, remote, undo, wayback.family_of([u.publication for u in claimed]))
        except LostRace:
            raise
        except (ConnectorError, VitrineError) as error:
            if error.retry:
                raise
            # One picture's trouble must not hold up the others of the product.
            turns.stumbled(undo, error)
            remote = _there(connector, undo.publication.product)


def _there(connector: Connector, product: Product) -> RemoteProduct:
    """The product as the store has it. A store lets a product in its trash be written, but nobody means that."""
    try:
        remote = connector.product(product.external_id)
    except NotFound as error:
        raise NotAllowed(DELETED) from error
    if remote.status == "trash":
        raise NotAllowed(IN_THE_TRASH)
    return remote


def _recognise(remote: RemoteProduct, publication: Publication) -> None:
    """A write whose answer was lost may not have told what the store calls our picture: its file name does."""
    if not publication.media_id:
        image = placing.shown_anywhere(remote, publication)
        publication.media_id = image.id if image else ""


def _file(src: str) -> str:
    return PurePosixPath(urlsplit(src).path).name


# -- carrying it out -------------------------------------------------------------------------------------------


def _together(connector: Connector, remote: RemoteProduct, claimed: list[Undo], family: Family) -> bool:
    """All in one list write, and one per variant. False where the store does not take it, or an original is no longer
    there: then those that are not done go one by one."""
    taken = wayback.steps(remote, [undo.publication for undo in claimed], family)
    last = taken[-1].after
    try:
        after = _put(connector, remote, last, taken)
    except (Rejected, NotFound):
        return False
    for undo in claimed:
        undo.renew()
    after = _keep_texts(connector, remote, after, taken)
    shown, restored = {i.id for i in wayback.everything(after)}, dict[str, str]()
    # The earliest first: what a later picture had replaced may be one that went in the same write.
    for undo, one in reversed(list(zip(claimed, taken, strict=True))):
        original, sha256 = one.before.replaced_id, ""
        if one.restores:
            sha256 = restored.get(original, "")
            if original in shown:
                sha256 = _shown_sha256(connector, after, undo.publication, ImageWrite(id=original))
            if not sha256 or (original in shown and sha256 != one.before.replaced_sha256):
                continue  # on its own: its bytes go up again
        restored[undo.publication.media_id] = sha256
        _done(undo, one.outcome, sha256)
    return all(undo.work_state == WorkState.DONE for undo in claimed)


def _put(
    connector: Connector, remote: RemoteProduct, wanted: RemoteProduct, taken: Sequence[Step]
) -> RemoteProduct:
    """Write the list and the variants' images of `wanted` where they differ from `remote`. What the product is then.

    Variants get what the list shows before it changes, and what it only shows then behind that: where variants can only
    show the list's pictures, one that leaves it would leave them with none.
    """
    images, there = [i.id for i in wanted.images], {i.id for i in remote.images}
    now = {v.id: v.image.id if v.image else "" for v in remote.variants}
    todo = {v.id: v.image.id for v in wanted.variants if v.image and v.image.id != now.get(v.id)}
    after, given = remote, dict[str, str]()
    if images != [i.id for i in remote.images]:
        given = _give(connector, remote, {v: image for v, image in todo.items() if image in there})
        after = connector.set_images(remote.id, _entries(images, taken), mark="")
    shown = {v.id: v.image.id for v in after.variants if v.image}
    left = {v: i for v, i in todo.items() if v not in given and shown.get(v) != i}
    # The answer to a list write may know variants by id only.
    return connector.product(remote.id) if _give(connector, remote, left) or given else after


def _give(connector: Connector, product: RemoteProduct, images: dict[str, str]) -> dict[str, str]:
    """Give variants these images, and say which."""
    for variant, image in images.items():
        connector.set_variant_image(product.id, variant, ImageWrite(id=image))
    return images


def _entries(images: Sequence[str], taken: Sequence[Step]) -> list[ImageWrite]:
    """A list of kept images, each in the place of the picture of ours that goes."""
    instead_of = {one.before.replaced_id: one.publication.media_id for one in taken if one.restores}
    return [ImageWrite(id=i, instead_of=instead_of.get(i, "")) for i in images]


def _alone(connector: Connector, remote: RemoteProduct, undo: Undo, family: Family) -> RemoteProduct:
    publication = undo.publication
    one = wayback.step(remote, publication, family)
    outcome, before = one.outcome, one.before
    if outcome == COVERED:
        _done(undo, outcome, "")
        return remote
    if outcome == BY_HAND and undo.tries > 1:
        outcome = MERGED  # an earlier try of ours did it, and its answer was lost
    original = ImageWrite(id=before.replaced_id)
    try:
        after = _put(connector, remote, one.after, [one])
    except (Rejected, NotFound):
        if not one.restores:
            raise
        # The store no longer knows the original's id: its bytes go up again.
        original, outcome = _bring_back(connector, publication, before), UPLOADED_AGAIN
        after = _put_uploaded(connector, remote, one, original)
    undo.renew()
    after = _keep_texts(connector, remote, after, [one])
    if not one.restores:
        _done(undo, outcome, "")
        return after
    sha256 = _shown_sha256(connector, after, publication, original)
    if sha256 != before.replaced_sha256 and outcome != UPLOADED_AGAIN:
        original, outcome = _bring_back(connector, publication, before), UPLOADED_AGAIN
        after = _put_uploaded(connector, after, one, original)
        sha256 = _shown_sha256(connector, after, publication, original)
    if sha256 != before.replaced_sha256:
        raise Rejected("the store changes files on upload, so the original's bytes can't be put back")
    _done(undo, outcome, sha256)
    return after


def _put_uploaded(
    connector: Connector, remote: RemoteProduct, one: Step, original: ImageWrite
) -> RemoteProduct:
    """As `_put`, with the file that was uploaded again wherever the original belongs."""
    gone = one.before.replaced_id
    images = _entries([i.id for i in one.after.images], [one])
    after = remote
    if gone in [i.id for i in images]:
        after = connector.set_images(remote.id, _swap(images, gone, original), mark="")
        if not original.id:
            named = next((i for i in after.images if _file(i.src).startswith(_stem(one.publication))), None)
            original = ImageWrite(id=named.id) if named else original
    on_variants = [v.id for v in one.after.variants if v.image and v.image.id == gone]
    for variant in on_variants:
        answer = connector.set_variant_image(remote.id, variant, original)
        if not original.id and answer.image:
            original = ImageWrite(id=answer.image.id)
    return connector.product(remote.id) if on_variants else after


def _keep_texts(
    connector: Connector, remote: RemoteProduct, after: RemoteProduct, taken: Sequence[Step]
) -> RemoteProduct:
    """Alternative texts that somebody gave our pictures in the store go over to the originals."""
    texts: dict[str, str] = {}
    for one in taken:
        text = alts.given(one.publication, one.before, remote, after)
        if text:
            texts.setdefault(one.before.replaced_id, text)
    if not texts:
        return after
    kept = [ImageWrite(id=i.id, alt=texts.get(i.id, "")) for i in after.images]
    try:
        written = connector.set_images(after.id, kept)
    except (Rejected, NotFound):
        return after  # the pictures are back, and that is what was asked for
    # The answer to a list write may know variants by id only.
    return replace(written, variants=after.variants)


def _swap(images: list[ImageWrite], old: str, new: ImageWrite) -> list[ImageWrite]:
    return [replace(new, instead_of=i.instead_of) if i.id == old else i for i in images]


def _stem(publication: Publication) -> str:
    """The file name under which kept bytes go back: the same at every try, so that a lost answer is found again."""
    return f"{ORIGINAL_PREFIX}{publication.pk}-{publication.snapshot.replaced_sha256[:10]}"


def _bring_back(connector: Connector, publication: Publication, before: Before) -> ImageWrite:
    """The kept bytes as an entry of an image list: uploaded, or for the store to download where keys can't upload."""
    filename = _stem(publication) + (PurePosixPath(urlsplit(before.replaced_src).path).suffix or ".jpg")
    texts = alts.of_original(before)
    if not publication.store.can_upload:
        return ImageWrite(src=file_url(before.replaced_key, filename), alt=texts.alt, name=texts.name)
    image = connector.find_upload(_stem(publication))
    if image is None:
        data = blobs.read(before.replaced_key)
        image = connector.upload(
            data=data,
            filename=filename,
            content_type=f"image/{pixels.describe(data).format.lower()}",
            alt=texts.alt,
            title=texts.name,
        )
    _follow(publication, before, image)
    return ImageWrite(id=image.id)


@transaction.atomic
def _follow(publication: Publication, before: Before, image: RemoteImage) -> None:
    """The photo lives on under its new id; the ledger knows it, so nobody renders it as if it were new."""
    stores.wrote(
        publication.store,
        media_id=image.id,
        stem=_stem(publication),
        sha256=before.replaced_sha256,
        publication=publication.pk,
    )
    Photo.objects.filter(pk=publication.photo_id, media_id=before.replaced_id).update(
        media_id=image.id, src=image.src
    )


def _shown_sha256(
    connector: Connector, after: RemoteProduct, publication: Publication, original: ImageWrite
) -> str:
    """SHA-256 of the bytes that shoppers get where the original belongs."""
    for image in wayback.everything(after):
        if image.id == original.id or (original.src and _file(image.src).startswith(_stem(publication))):
            if original.src:
                _follow(publication, wayback.Before.of(publication.snapshot), image)
            return ids.sha256_hex(connector.fetch(image.src))
    raise Rejected("the store took the change but does not show the original")


@transaction.atomic
def _done(undo: Undo, outcome: str, sha256: str) -> None:
    publication = undo.publication
    undo.finish(outcome=outcome, restored_sha256=sha256)
    publication.undone_at = timezone.now()
    Publication.objects.filter(pk=publication.pk).update(undone_at=publication.undone_at)
    audit.record(
        "photo.restored",
        workspace=publication.workspace_id,
        actor=undo.requested_by,
        subject=f"publication:{publication.pk}",
        refs={"product": publication.product_id, "photo": publication.photo_id},
        outcome=outcome,
        sha256=sha256,
    )
