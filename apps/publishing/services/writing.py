"""Write approved pictures into a product: snapshot, upload, one list write, verify. Every step can be resumed.

The replaced image stays in the store's media library (a list write only takes it off the product); its bytes are
kept here too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.lib import blobs
from apps.lib.errors import LostRace, VitrineError
from apps.lib.insert_once import insert_all_once, insert_once
from apps.lib.signed import file_url
from apps.lib.work import WorkState
from apps.publishing.models import Publication, Snapshot, Step, StepState
from apps.publishing.services import turns
from apps.storage import selectors as storage
from apps.stores import services as stores
from apps.stores.connect import open_store
from connectors.base import Connector
from connectors.errors import ConnectorError, NotFound, OutcomeUnknown, Rejected, Unavailable
from connectors.types import ImageWrite, RemoteImage, RemoteProduct
from gpu_worker import pixels

# How far a shopper's picture may be from ours after the store's own compression and resizing (same_picture).
SAME_TOLERANCE = 0.1


def write(pk: int) -> list[Publication]:
    """Carry out a publication, together with all that wait for its product. Returns those that were claimed."""
    claimed = _with_room(turns.take_publications(pk))
    if not claimed:
        return []
    store = claimed[0].store
    connector = open_store(store)
    try:
        _write(connector, claimed)
    except (ConnectorError, VitrineError) as error:
        for publication in claimed:
            if publication.work_state == WorkState.RUNNING:
                turns.stumbled(publication, error)
    return claimed


def _with_room(claimed: list[Publication]) -> list[Publication]:
    """Those that may go: where the storage is full nothing begins, but what has begun is brought to its end."""
    room = storage.level(claimed[0].workspace_id) if claimed else storage.OK
    if not room.stops:
        return claimed
    begun = set(Snapshot.objects.filter(publication__in=claimed).values_list("publication", flat=True))
    for publication in claimed:
        if publication.pk not in begun:
            publication.later(min(turns.WAIT_FOR_ROOM_S, settings.BACKOFF_CAP_S), room.sentence, a_try=False)
    return [p for p in claimed if p.pk in begun]


def _write(connector: Connector, claimed: list[Publication]) -> None:
    product = claimed[0].product
    remote = connector.product(product.external_id)
    going = [p for p in claimed if _one(p, partial(_take_snapshot, connector, remote, p))]
    going = [p for p in going if _one(p, partial(_upload, connector, remote, p))]
    if not going:
        return
    after = _put_list(connector, remote, going)
    for publication in going:
        _one(publication, partial(_verify, connector, after, publication))


def _one(publication: Publication, act: Callable[[], None]) -> bool:
    """One picture's trouble must not hold up the others of the product."""
    try:
        act()
    except LostRace:
        raise
    except (ConnectorError, VitrineError) as error:
        turns.stumbled(publication, error)
        return False
    if publication.work_state == WorkState.RUNNING:
        publication.renew()
    return True


# -- snapshot --------------------------------------------------------------------------------------------------


def _take_snapshot(connector: Connector, remote: RemoteProduct, publication: Publication) -> None:
    """Note the list and keep the bytes of what will be replaced; once, before the first change."""
    if hasattr(publication, "snapshot"):
        return
    image = _to_replace(remote, publication)
    key, sha256 = publication.photo.key, publication.photo.sha256
    if image.id != publication.photo.media_id or not key:
        data = connector.fetch(image.src)
        key, sha256 = blobs.put(
            data, workspace=publication.workspace_id, store=publication.store_id, kind="originals"
        )
    Snapshot.objects.create(
        publication=publication,
        images=[{"id": i.id, "src": i.src, "alt": i.alt, "name": i.name} for i in remote.images],
        replaced_id=image.id,
        replaced_src=image.src,
        replaced_key=key,
        replaced_sha256=sha256,
    )


def _to_replace(remote: RemoteProduct, publication: Publication) -> RemoteImage:
    """The photo itself, or what an earlier publication of it put in its place. Raises NotFound if neither is shown."""
    shown = {i.id: i for i in remote.images}
    if publication.photo.media_id in shown:
        return shown[publication.photo.media_id]
    earlier = (
        Publication.objects.filter(photo=publication.photo, published_at__isnull=False, undone_at=None)
        .exclude(pk=publication.pk)
        .order_by("-published_at")
    )
    for other in earlier:
        if other.media_id in shown:
            return shown[other.media_id]
    raise NotFound("the photo was taken off the product meanwhile, so it was not replaced")


# -- upload ----------------------------------------------------------------------------------------------------


def _upload(connector: Connector, remote: RemoteProduct, publication: Publication) -> None:
    """Bring the file into the media library, and its id into our ledger, before the product shows it."""
    if publication.media_id:
        return
    main = publication.render.file("main")
    if main is None:
        raise Rejected("the render has no file to publish")
    image = _already_there(connector, remote, publication)
    if image is None:
        if not publication.store.can_upload:
            return  # the list write lets the store download it
        insert_once(Step(publication=publication, name="upload"))
        image = connector.upload(
            data=blobs.read(main["key"]),
            filename=_filename(publication, main),
            content_type=f"image/{main['format']}",
            alt=_alt(publication),
            title=publication.product.title,
        )
    _note_media(publication, image)


def _already_there(
    connector: Connector, remote: RemoteProduct, publication: Publication
) -> RemoteImage | None:
    """What an earlier try left: on the product, or in the library after an answer that never came."""
    for image in remote.images:
        if _stem(image.src).startswith(publication.stem):
            return image
    if publication.store.can_upload and publication.steps.filter(name="upload").exists():
        return connector.find_upload(publication.stem)
    return None


def _note_media(publication: Publication, image: RemoteImage) -> None:
    main = publication.render.file("main") or {}
    with transaction.atomic():
        stores.wrote(
            publication.store,
            media_id=image.id,
            stem=publication.stem,
            sha256=main.get("sha256", ""),
            publication=publication.pk,
            photo=publication.photo_id,
        )
        publication.media_id, publication.media_src = image.id, image.src
        publication.save(update_fields=["media_id", "media_src"])
        _done([publication], "upload", media_id=image.id)


def _done(publications: list[Publication], name: str, **detail: str) -> None:
    """The answer to this step was seen, whether or not it was noted when it was sent."""
    now = timezone.now()
    Step.objects.bulk_create(
        [
            Step(publication=p, name=name, state=StepState.DONE, done_at=now, detail=detail)
            for p in publications
        ],
        update_conflicts=True,
        unique_fields=["publication", "name"],
        update_fields=["state", "done_at", "detail"],
    )


def _filename(publication: Publication, main: dict) -> str:
    return publication.stem + (PurePosixPath(main["key"]).suffix or ".jpg")


def _stem(src: str) -> str:
    return PurePosixPath(urlsplit(src).path).name


def _alt(publication: Publication) -> str:
    return publication.photo.alt or publication.product.title


# -- the list --------------------------------------------------------------------------------------------------


def _put_list(connector: Connector, remote: RemoteProduct, going: list[Publication]) -> RemoteProduct:
    """One write of the whole list, made from the fresh one; a list that is right already is left alone."""
    wanted = _wanted(remote, going)
    if [w.id for w in wanted] == [i.id for i in remote.images]:
        _list_seen(remote, going)
        return remote
    insert_all_once([Step(publication=p, name="write") for p in going], key=("publication_id", "name"))
    try:
        after = connector.set_images(remote.id, wanted)
    except OutcomeUnknown:
        with contextlib.suppress(Unavailable):
            after = connector.product(remote.id)
            if all(_shown(after, p) for p in going):
                _list_seen(after, going)
                return after
        raise
    _list_seen(after, going)
    return after


def _wanted(remote: RemoteProduct, going: list[Publication]) -> list[ImageWrite]:
    by_replaced = {p.snapshot.replaced_id: p for p in going}
    wanted: list[ImageWrite] = []
    for image in remote.images:
        publication = by_replaced.get(image.id)
        if publication is None or publication.media_id == image.id:
            wanted.append(ImageWrite(id=image.id))
        elif publication.media_id:
            wanted.append(ImageWrite(id=publication.media_id))
        else:
            main = publication.render.file("main") or {}
            name = _filename(publication, main)
            wanted.append(
                ImageWrite(
                    src=file_url(main["key"], name), name=publication.product.title, alt=_alt(publication)
                )
            )
    return wanted


def _shown(product: RemoteProduct, publication: Publication) -> RemoteImage | None:
    for image in product.images:
        if image.id == publication.media_id or _stem(image.src).startswith(publication.stem):
            return image
    return None


def _list_seen(after: RemoteProduct, going: list[Publication]) -> None:
    for publication in going:
        image = _shown(after, publication)
        if image is not None and image.id != publication.media_id:
            _note_media(publication, image)
    _done(going, "write")


# -- verify ----------------------------------------------------------------------------------------------------


def _verify(connector: Connector, after: RemoteProduct, publication: Publication) -> None:
    """Load what shoppers get and compare it with the render. Raises Unavailable where it can't be loaded yet."""
    image = _shown(after, publication)
    if image is None:
        raise Rejected("the store took the change but does not show the picture")
    main = publication.render.file("main") or {}
    seen = connector.fetch(image.src)
    try:
        same = pixels.same_picture(seen, blobs.read(main["key"]), SAME_TOLERANCE)
    except pixels.BadImage as error:
        raise Rejected(f"what the store shows is no readable picture: {error}") from error
    if not same:
        raise Rejected("what the store shows is another picture than the one that was approved")
    with transaction.atomic():
        publication.finish(published_at=timezone.now(), media_src=image.src)
        audit.record(
            "photo.published",
            workspace=publication.workspace_id,
            actor=publication.requested_by,
            subject=f"publication:{publication.pk}",
            refs={
                "product": publication.product_id,
                "photo": publication.photo_id,
                "job": publication.item.job_id,
            },
            media_id=image.id,
            replaced=publication.snapshot.replaced_id,
            sha256=main["sha256"],
            original_sha256=publication.snapshot.replaced_sha256,
        )
