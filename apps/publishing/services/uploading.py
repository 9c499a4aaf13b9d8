"""Bring a picture's file into the media library, once, and its id into our ledger before the product shows it."""

from __future__ import annotations

from django.db import transaction

from apps.lib import blobs
from apps.lib.signed import file_url
from apps.publishing.models import Publication, StepName
from apps.publishing.services import naming, placing, steps
from apps.stores import services as stores
from connectors.base import Connector
from connectors.errors import AuthExpired, OutcomeUnknown, Rejected, Unsupported
from connectors.types import ImageWrite, RemoteImage, RemoteProduct

BY_ADDRESS = (
    "The media library did not take the picture, so the store downloaded it from our address: {reason}"
)


def upload(connector: Connector, remote: RemoteProduct, publication: Publication) -> None:
    """Upload the picture unless an earlier try has. Where the library is closed to us nothing is done: then the store
    downloads the file as it writes the list (`entry`)."""
    if publication.media_id:
        return
    main = _main(publication)
    image = placing.shown_anywhere(remote, publication)
    if image is None and publication.store.can_upload:
        try:
            image = _left_behind(connector, publication) or _sent(connector, publication, main)
        except (Unsupported, AuthExpired) as error:
            # Keys for products may still be good: then the store is asked to download the file.
            note(publication, BY_ADDRESS.format(reason=error.detail or error.sentence))
    if image is not None:
        keep(publication, image)


def entry(publication: Publication) -> ImageWrite:
    """The picture in a list: its media item, or the address that the store downloads it from."""
    if publication.media_id:
        return ImageWrite(id=publication.media_id)
    said = naming.texts(publication)
    src = file_url(_main(publication)["key"], naming.filename(publication))
    return ImageWrite(src=src, name=said["title"], alt=said["alt"])


@transaction.atomic
def keep(publication: Publication, image: RemoteImage) -> None:
    """Note which media item is ours, in the ledger too: what stands there is never taken for a merchant's photo."""
    stores.wrote(
        publication.store,
        media_id=image.id,
        stem=publication.stem,
        sha256=_main(publication).get("sha256", ""),
        publication=publication.pk,
        photo=publication.photo_id,
    )
    publication.media_id, publication.media_src = image.id, image.src
    publication.save(update_fields=["media_id", "media_src"])
    steps.seen([publication], StepName.UPLOAD, media_id=image.id)


def note(publication: Publication, sentence: str) -> None:
    """Something that a merchant should know of a picture, said once."""
    if sentence not in publication.notes:
        publication.notes = [*publication.notes, sentence]
        publication.save(update_fields=["notes"])


def only_one(connector: Connector, publication: Publication) -> None:
    """Where a call may have been carried out twice, take the second file out of the library again.

    Only files with this publication's own name, and none but the one that is shown: nobody else can use them.
    """
    if not (publication.store.can_upload and publication.media_id and steps.is_unsure(publication)):
        return
    for image in connector.find_uploads(publication.stem):
        if image.id != publication.media_id:
            connector.delete_media(image.id)


def _left_behind(connector: Connector, publication: Publication) -> RemoteImage | None:
    """What an upload left whose answer never came; its texts may be missing."""
    if not steps.was_sent(publication, StepName.UPLOAD):
        return None
    image = connector.find_upload(publication.stem)
    if image is not None:
        connector.describe(image.id, **naming.texts(publication))
    return image


def _sent(connector: Connector, publication: Publication, main: dict) -> RemoteImage:
    data = blobs.read(main["key"])
    steps.sent([publication], StepName.UPLOAD)
    try:
        return connector.upload(
            data=data,
            filename=naming.filename(publication),
            content_type=f"image/{main['format']}",
            **naming.texts(publication),
        )
    except OutcomeUnknown:
        steps.unsure([publication], StepName.UPLOAD)
        raise


def _main(publication: Publication) -> dict:
    main = publication.render.file("main")
    if main is None:
        raise Rejected("the render has no file to publish")
    return main
