"""Delete files of ours that nobody uses from a store's media library.

Deleting takes a file off every product that shows it, so each one is looked at in the store first. Our own copy stays.
"""

from __future__ import annotations

import datetime as dt

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.catalog.models import Photo, Product
from apps.lib import blobs
from apps.lib.errors import LostRace, NotAllowed, VitrineError
from apps.lib.work import WorkState, backoff_s
from apps.publishing.models import Cleaned, Cleaning, Publication
from apps.publishing.services import turns
from apps.publishing.unused import unused
from apps.stores import services as stores
from apps.stores.connect import open_store
from apps.stores.models import Store, StoreState, WrittenMedia
from connectors.base import Connector
from connectors.errors import AuthExpired, ConnectorError, NotFound, Unsupported

# Files that one task looks at; then others have their turn.
AT_ONCE = 20
MAX_TRIES = 8
WITHOUT_LIBRARY = (
    "Files can only be deleted with an application password: the keys of the shop open its products, not its media "
    "library. Connect the store again with one."
)
GONE_ALREADY = "It was gone already."


def hindrance(store: Store) -> str:
    """Why nothing can be deleted there; empty where it can."""
    if store.state == StoreState.DISCONNECTED:
        return "This store is disconnected. Connect it again first."
    if store.state == StoreState.BROKEN:
        return "This store needs attention. Connect it again first."
    return "" if store.can_upload else WITHOUT_LIBRARY


@transaction.atomic
def start(store: Store, *, by: str) -> tuple[Cleaning, bool]:
    """The open cleaning of a store, and whether it is new. Raises NotAllowed where nothing can or need be deleted."""
    Store.objects.select_for_update(no_key=True).get(pk=store.pk)
    there = Cleaning.objects.filter(
        store=store, work_state__in=[WorkState.WAITING, WorkState.RUNNING]
    ).first()
    if there:
        return there, False
    if reason := hindrance(store):
        raise NotAllowed(reason)
    found = unused(store.pk)
    last = found.last()
    if last is None:
        raise NotAllowed("There is no unused picture of ours in this store.")
    row = Cleaning.objects.create(
        workspace_id=store.workspace_id, store=store, requested_by=by, upto=last.pk, total=found.count()
    )
    _record("cleaning.asked", row, by, files=row.total)
    return row, True


@transaction.atomic
def stop(row: Cleaning, *, by: str) -> None:
    """Leave the rest. The file that is being looked at just now is brought to its end."""
    going = Cleaning.objects.filter(
        pk=row.pk, stopped_at=None, work_state__in=[WorkState.WAITING, WorkState.RUNNING]
    )
    now = timezone.now()
    if not going.update(stopped_at=now, hint_after=now):
        raise NotAllowed("It has ended already.")
    _record("cleaning.stopped", row, by, files=row.total - row.deleted - row.kept)


def _record(verb: str, row: Cleaning, by: str, **detail: int) -> None:
    refs: dict[str, int | str] = {"cleaning": row.pk}
    audit.record(
        verb, workspace=row.workspace_id, actor=by, subject=f"store:{row.store_id}", refs=refs, **detail
    )


def work(pk: int) -> Cleaning | None:
    """Look at the next files of a cleaning. Returns it; None where somebody else does it, or it has ended."""
    row = Cleaning.claim(pk)
    if row is None:
        return None
    store = row.store
    try:
        over = _next_files(row, open_store(store))
    except LostRace:
        raise
    except ConnectorError as error:
        stores.note_error(store, error)
        if not stores.put_off(row, error, store=store.pk, most_tries=MAX_TRIES):
            row.give_up(error.message, ended_at=timezone.now())
        return row
    except VitrineError as error:  # our own storage is away
        row.later(backoff_s(row.tries), error.message, a_try=False)
        return row
    if over:
        with transaction.atomic():
            row.finish(ended_at=timezone.now())
            _record("cleaning.ended", row, row.requested_by, deleted=row.deleted, kept=row.kept)
    else:
        row.later(0, a_try=False)
    return row


def _next_files(row: Cleaning, connector: Connector) -> bool:
    """Whether that was all."""
    for _ in range(AT_ONCE):
        if Cleaning.objects.filter(pk=row.pk, stopped_at__isnull=False).exists():
            return True
        written = unused(row.store_id).filter(pk__gt=row.cursor, pk__lte=row.upto).first()
        if written is None:
            return True
        _one(row, connector, written)
    return False


def _one(row: Cleaning, connector: Connector, written: WrittenMedia) -> None:
    publication = Publication.objects.select_related("product", "render").get(pk=written.publication or 0)
    gone, reason = False, ""
    try:
        reason = in_use(connector, written, publication)
        if not reason:
            connector.delete_media(written.media_id)
            gone = True
    except NotFound:
        gone, reason = True, GONE_ALREADY
    except (AuthExpired, Unsupported):
        raise
    except ConnectorError as error:
        if error.retry:
            raise
        reason = error.message
    _note(row, written, publication, gone=gone, reason=reason)


@transaction.atomic
def _note(row: Cleaning, written: WrittenMedia, publication: Publication, *, gone: bool, reason: str) -> None:
    main = publication.render.file("main") or {}
    size_bytes = main.get("size_bytes", 0)
    Cleaned.objects.create(
        cleaning=row,
        written=written,
        deleted=gone,
        why=reason[:300],
        sha256=written.sha256,
        size_bytes=size_bytes,
    )
    row.renew(
        cursor=written.pk,
        deleted=row.deleted + gone,
        deleted_bytes=row.deleted_bytes + (size_bytes if gone else 0),
        kept=row.kept + (not gone),
        # A file that went well makes earlier stumbles good.
        tries=1,
    )
    if gone:
        audit.record(
            "media.deleted",
            workspace=row.workspace_id,
            actor=row.requested_by,
            subject=f"publication:{publication.pk}",
            refs={"store": row.store_id, "product": publication.product_id, "cleaning": row.pk},
            media_id=written.media_id,
            file=written.stem,
            sha256=written.sha256,
            outcome=reason,
        )


def in_use(connector: Connector, written: WrittenMedia, publication: Publication) -> str:
    """Why this file has to stay, as the store has it now; empty where nobody uses it. Raises NotFound where it is gone.

    Asked: the file itself, the product it was made for, and every product of which we ever saw that it showed it. No
    platform tells which page or post has a file in its text: only where it was attached.
    """
    main = publication.render.file("main")
    with blobs.storage_errors():
        kept = main is not None and default_storage.exists(main["key"])
    if not kept:
        return "We have no copy of it any more, so it could not be brought back."
    there = connector.media(written.media_id)
    if not there.file_name.startswith(written.stem):
        return f"This number belongs to another file in the store now: {there.file_name}."
    users = _products(written, publication)
    if there.attached_to and there.attached_to not in {p.external_id for p in users}:
        return f"It is attached to something else in the store (number {there.attached_to})."
    for product in users:
        if turns.open_for(product.store_id, product.external_id):
            return f"“{product.title}” is being written just now."
        try:
            remote = connector.product(product.external_id)
        except NotFound:
            continue
        shown = {image.id for image in remote.images} | {v.image.id for v in remote.variants if v.image}
        if written.media_id in shown:
            where = " in the trash" if remote.status == "trash" else ""
            return f"“{product.title}”{where} shows it."
    return ""


def _products(written: WrittenMedia, publication: Publication) -> list[Product]:
    ever = Photo.objects.filter(product__store=written.store_id, media_id=written.media_id)
    return list(
        Product.objects.filter(
            pk__in={publication.product_id, *ever.values_list("product", flat=True)}
        ).order_by("pk")
    )


def latest(store: Store) -> Cleaning | None:
    """The one under way, or the last that ended within a day."""
    since = timezone.now() - dt.timedelta(days=1)
    row = Cleaning.objects.filter(store=store).order_by("-pk").first()
    return row if row and (row.ended_at is None or row.ended_at >= since) else None
