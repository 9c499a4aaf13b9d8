"""Write approved pictures into a product: snapshot, upload, list, variations, verify. Every step can be resumed.

A replaced image stays in the store's media library (a list write only takes it off the product); its bytes are
kept here too. An attachment that is there already is never changed: other products may show it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.lib import blobs
from apps.lib.errors import LostRace, VitrineError
from apps.lib.work import WorkState
from apps.publishing.models import Mode, Publication, Snapshot, StepName
from apps.publishing.services import naming, placing, steps, turns, uploading, verifying
from apps.storage import selectors as storage
from apps.stores.connect import open_store
from connectors.base import Connector
from connectors.errors import ConnectorError, OutcomeUnknown, Rejected, Unavailable
from connectors.types import RemoteImage, RemoteProduct


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
    if remote.status == "trash":
        # The store would take the change; a merchant who restores the product expects it as it went.
        raise Rejected("the product is in the store's trash; restore it there and try again")
    going = _one_per_photo(claimed)
    going = [p for p in going if _one(p, partial(_take_snapshot, connector, remote, p))]
    unknown = [p for p in going if not p.media_id]
    going = [p for p in going if _one(p, partial(uploading.upload, connector, remote, p))]
    if any(p.media_id for p in unknown):
        # That took its time: the list is made from one that is fresh, and so is what would be put back.
        remote = connector.product(product.external_id)
        going = [p for p in going if _one(p, partial(_take_snapshot, connector, remote, p))]
    if not going:
        return
    after = _put_list(connector, remote, going)
    going = [p for p in going if p.work_state == WorkState.RUNNING]
    going = [p for p in going if _one(p, partial(_put_on_variants, connector, after, p))]
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


def _one_per_photo(claimed: list[Publication]) -> list[Publication]:
    """Two pictures can't take the place of one photo in one write: the second one replaces the first, in its turn."""
    taken: set[tuple[int, str]] = set()
    going = []
    for publication in claimed:
        place = (publication.photo_id, publication.mode)
        if publication.mode in {Mode.REPLACE, Mode.VARIATION} and place in taken:
            publication.later(0, a_try=False)
            continue
        taken.add(place)
        going.append(publication)
    return going


# -- snapshot --------------------------------------------------------------------------------------------------


def _take_snapshot(connector: Connector, remote: RemoteProduct, publication: Publication) -> None:
    """Note the list as it is right before the first change of the product, and keep the bytes of what is replaced."""
    known = getattr(publication, "snapshot", None)
    if known and (_as_known(known, remote) or steps.was_sent(publication, *steps.CHANGE_THE_PRODUCT)):
        return
    place = placing.place(remote, publication.mode, _candidates(publication))
    kept = _kept(connector, publication, place.replaced) if place.replaced else {}
    planned = [StepName.UPLOAD] if publication.store.can_upload else []
    planned += [StepName.WRITE] if place.in_list else []
    planned += [StepName.VARIANTS] if place.variants else []
    with transaction.atomic():
        publication.snapshot, _ = Snapshot.objects.update_or_create(
            publication=publication,
            defaults={"images": _images(remote), "variants": _variants(remote), **_NOTHING_KEPT, **kept},
        )
        if not publication.stem:
            publication.renew(stem=naming.choose_stem(publication))
        steps.plan(publication, planned)


def _images(remote: RemoteProduct) -> list[dict[str, str]]:
    return [{"id": i.id, "src": i.src, "alt": i.alt, "name": i.name} for i in remote.images]


def _variants(remote: RemoteProduct) -> list[list[str]]:
    return [[v.id, v.image.id if v.image else ""] for v in remote.variants]


def _as_known(known: Snapshot, remote: RemoteProduct) -> bool:
    return known.images == _images(remote) and known.variants == _variants(remote)


_NOTHING_KEPT = {"replaced_id": "", "replaced_src": "", "replaced_key": "", "replaced_sha256": ""}


def _kept(connector: Connector, publication: Publication, image: RemoteImage) -> dict[str, str]:
    key, sha256 = publication.photo.key, publication.photo.sha256
    if image.id != publication.photo.media_id or not key:
        data = connector.fetch(image.src)
        key, sha256 = blobs.put(
            data, workspace=publication.workspace_id, store=publication.store_id, kind="originals"
        )
    return {
        "replaced_id": image.id,
        "replaced_src": image.src,
        "replaced_key": key,
        "replaced_sha256": sha256,
    }


def _candidates(publication: Publication) -> list[str]:
    """The photo itself, and what earlier publications put in its place, the newest first."""
    earlier = (
        Publication.objects.filter(
            photo=publication.photo,
            mode__in=[Mode.REPLACE, Mode.VARIATION],
            published_at__isnull=False,
            undone_at=None,
        )
        .exclude(pk=publication.pk)
        .order_by("-published_at")
    )
    return [publication.photo.media_id, *earlier.values_list("media_id", flat=True)]


# -- the list --------------------------------------------------------------------------------------------------


def _put_list(connector: Connector, remote: RemoteProduct, going: list[Publication]) -> RemoteProduct:
    """One write of the whole list, made from the fresh one; what is there already is left alone.

    Files that the store has to download go one by one: of several in one write that fails, those that it had fetched
    would stay in its library, where nobody finds them.
    """
    for_list = [p for p in going if steps.planned(p, StepName.WRITE) and not _written(remote, p)]
    for_list = [p for p in for_list if _one(p, partial(_needs_its_photo, remote, p))]
    together = [p for p in for_list if p.media_id]
    alone = [p for p in for_list if not p.media_id]
    after = remote
    for batch in [together, *([p] for p in alone)]:
        if batch:
            after = _put(connector, after, batch)
    return after


def _needs_its_photo(remote: RemoteProduct, publication: Publication) -> None:
    """Raises NotFound where the photo went away while an earlier try was under way. Where our picture is there, that
    try took it off."""
    if publication.mode == Mode.REPLACE and not placing.shown(remote.images, publication):
        placing.place(remote, publication.mode, [publication.snapshot.replaced_id])


def _written(remote: RemoteProduct, publication: Publication) -> bool:
    """Whether an earlier try's write is known to have been carried out: by its mark, or by its answer.

    That the list shows the picture is not enough, where a list is written in several steps.
    """
    image = placing.shown(remote.images, publication)
    if image is not None and image.id != publication.media_id:
        uploading.keep(publication, image)
    answered = image is not None and steps.was_seen(publication, StepName.WRITE)
    if not answered and _token(publication) not in remote.mark.split(","):
        return False
    steps.seen([publication], StepName.WRITE)
    return True


def _put(connector: Connector, remote: RemoteProduct, batch: Sequence[Publication]) -> RemoteProduct:
    entries = {p.pk: uploading.entry(p) for p in batch}
    wanted = placing.wanted(remote, batch, entries)
    if connector.variants_show_the_list:
        for publication in batch:
            _note_given(publication, _own_of(remote, publication))
    steps.sent(batch, StepName.WRITE)
    try:
        after = connector.set_images(remote.id, wanted, mark=",".join(map(_token, batch)))
    except Rejected as error:
        if error.code == _NOT_DOWNLOADED:
            raise _could_not_download(error) from None
        raise
    except OutcomeUnknown:
        steps.unsure(batch, StepName.WRITE)
        with contextlib.suppress(Unavailable):
            after = connector.product(remote.id)
            written = [_written(after, p) for p in batch]  # each is noted
            if all(written):
                return after
        raise
    for publication in batch:
        image = placing.shown(after.images, publication)
        if image is not None and image.id != publication.media_id:
            uploading.keep(publication, image)
    steps.seen(batch, StepName.WRITE)
    return after


# WooCommerce's code for a `src` that it could not load or would not take.
_NOT_DOWNLOADED = "woocommerce_product_image_upload_error"


def _could_not_download(error: Rejected) -> Rejected:
    """Its own words hold the signed address."""
    return Rejected(
        "it could not download the picture from our address. Connect it again with an application password, "
        "so that we can upload pictures ourselves",
        status=error.status,
        code=error.code,
    )


def _token(publication: Publication) -> str:
    """What makes this publication's file ours: ``v12-0123456789``."""
    return "-".join(publication.stem.rsplit("-", 2)[1:])


# -- variations ------------------------------------------------------------------------------------------------


def _own_of(remote: RemoteProduct, publication: Publication) -> list[str]:
    """The variants that show what the picture replaces."""
    replaced = publication.snapshot.replaced_id
    return [v.id for v in remote.variants if replaced and v.image and v.image.id == replaced]


def _put_on_variants(connector: Connector, remote: RemoteProduct, publication: Publication) -> None:
    """Give the picture to the variations that showed the photo when the snapshot was taken, and still do.

    Those without one of their own show the product's first picture under its id: where that is the photo, the list
    write has changed them already. One that was to get it and shows nothing lost the photo to a try that broke off.
    """
    if not steps.planned(publication, StepName.VARIANTS):
        return
    showed = {v for v, image in publication.snapshot.variants if image == publication.snapshot.replaced_id}
    now = connector.product(remote.id)
    lost = {v.id for v in now.variants if v.id in publication.snapshot.given and v.image is None}
    todo = [v for v in now.variants if v.id in showed & {*_own_of(now, publication), *lost}]
    if todo:
        _note_given(publication, [variant.id for variant in todo])
        steps.sent([publication], StepName.VARIANTS)
    for variant in todo:
        try:
            answer = connector.set_variant_image(now.id, variant.id, uploading.entry(publication))
        except OutcomeUnknown:
            steps.unsure([publication], StepName.VARIANTS)
            raise
        if answer.image and answer.image.id != publication.media_id:
            uploading.keep(publication, answer.image)
    for variant in now.variants:
        if variant.image and placing.is_ours(variant.image, publication) and not publication.media_id:
            uploading.keep(publication, variant.image)
    steps.seen([publication], StepName.VARIANTS)


def _note_given(publication: Publication, variants: list[str]) -> None:
    """Before they are, so that an undo knows them whatever happens."""
    snapshot = publication.snapshot
    if set(variants) <= set(snapshot.given):
        return
    snapshot.given = sorted({*snapshot.given, *variants})
    snapshot.save(update_fields=["given"])


# -- verify ----------------------------------------------------------------------------------------------------


def _verify(connector: Connector, after: RemoteProduct, publication: Publication) -> None:
    """Look at the product and at what shoppers get, on fresh answers."""
    image = placing.shown(after.images, publication)
    if image is None:
        image = placing.shown_anywhere(connector.product(after.id), publication)
    if image is None:
        raise Rejected(
            "the store took the change but does not show the picture; somebody may have taken it off again"
        )
    notes = verifying.look(connector, publication, image)
    uploading.only_one(connector, publication)
    main = publication.render.file("main") or {}
    with transaction.atomic():
        for sentence in notes:
            uploading.note(publication, sentence)
        steps.verified(publication)
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
            mode=publication.mode,
            replaced=publication.snapshot.replaced_id,
            sha256=main["sha256"],
            original_sha256=publication.snapshot.replaced_sha256,
            notes=publication.notes,
        )
