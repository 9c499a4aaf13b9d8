"""Ask for a write or for its undo. Asking twice is asking once."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.lib.errors import BadRequest, NotAllowed
from apps.lib.insert_once import insert_all_once
from apps.lib.work import WorkState
from apps.publishing.models import Mode, Publication, Undo
from apps.publishing.services import steps
from apps.review.models import Item, ItemState


def publish(item: Item, *, by: str, mode: str = "") -> tuple[Publication, bool]:
    """The publication of an approved item, and whether it is new. Raises NotAllowed for an item nobody approved.

    `mode` is what a person wants it to do to the product; the recipe says where it is empty. Raises BadRequest.
    """
    return publish_all([item], by=by, mode=mode)[0]


def publish_all(items: Sequence[Item], *, by: str, mode: str = "") -> list[tuple[Publication, bool]]:
    """As `publish`, for many."""
    if mode and mode not in Mode.values:
        raise BadRequest(f"There is no way to publish called {mode!r}; there is {', '.join(Mode.values)}.")
    if any(item.state != ItemState.APPROVED for item in items):
        raise NotAllowed("Only approved pictures are written into a store.")
    asked = [
        Publication(
            item=item,
            workspace_id=item.workspace_id,
            store_id=item.job.store_id,
            product_id=item.job.photo.product_id,
            photo=item.job.photo,
            render=item.render,
            requested_by=by,
            mode=mode or mode_of(item),
        )
        for item in items
    ]
    with transaction.atomic(savepoint=False):  # nothing here is caught and gone on from
        new = insert_all_once(asked, key=("item_id",))
        audit.record_all([_wish(row, by) for row, is_new in zip(asked, new, strict=True) if is_new])
    return [
        (publication if is_new else Publication.objects.get(item=publication.item_id), is_new)
        for publication, is_new in zip(asked, new, strict=True)
    ]


def _wish(publication: Publication, by: str) -> audit.Entry:
    return audit.Entry(
        verb="publication.asked",
        workspace=publication.workspace_id,
        actor=by,
        subject=f"publication:{publication.pk}",
        refs={
            "product": publication.product_id,
            "photo": publication.photo_id,
            "item": publication.item_id,
        },
    )


def mode_of(item: Item) -> str:
    """What its recipe says that its picture does to the product."""
    return (item.job.recipe_version.body.get("publish") or {}).get("mode", Mode.REPLACE)


def at_once(item: Item) -> bool:
    """Whether what policy approved goes out by itself: the recipe's ``review.publish``, ``auto`` or ``manual``."""
    return item.job.recipe_version.body.get("review", {}).get("publish", "auto") == "auto"


@transaction.atomic
def undo(publication: Publication, *, by: str) -> tuple[Undo, bool]:
    """The undo of a publication, and whether it has to be carried out now. Raises NotAllowed if nothing was written.

    An undo that failed is tried again.
    """
    publication = Publication.objects.select_for_update().get(pk=publication.pk)
    written = steps.was_sent(publication, *steps.CHANGE_THE_PRODUCT)
    if publication.published_at is None and not written:
        raise NotAllowed("This picture was not written into the store yet, so there is nothing to undo.")
    wish, created = Undo.objects.get_or_create(publication=publication, defaults={"requested_by": by})
    again = not created and restart(Undo, wish.pk)
    if created or again:
        audit.record(
            "undo.asked",
            workspace=publication.workspace_id,
            actor=by,
            subject=f"publication:{publication.pk}",
            refs={"product": publication.product_id},
        )
    return wish, created or again


@transaction.atomic
def retry(publication: Publication, *, by: str) -> bool:
    """Try a failed publication again."""
    again = restart(Publication, publication.pk)
    if again:
        audit.record(
            "publication.retried",
            workspace=publication.workspace_id,
            actor=by,
            subject=f"publication:{publication.pk}",
        )
    return again


def restart(model: type[Publication] | type[Undo], pk: int) -> bool:
    now = timezone.now()
    return bool(
        model.objects.filter(pk=pk, work_state=WorkState.FAILED).update(
            work_state=WorkState.WAITING, not_before=now, hint_after=now, tries=0, error=""
        )
    )
