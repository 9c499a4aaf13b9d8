"""Ask for a write or for its undo. Asking twice is asking once."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.lib.errors import NotAllowed
from apps.lib.insert_once import insert_once
from apps.lib.work import WorkState
from apps.publishing.models import Publication, Undo
from apps.review.models import Item, ItemState


@transaction.atomic
def publish(item: Item, *, by: str) -> tuple[Publication, bool]:
    """The publication of an approved item, and whether it is new. Raises NotAllowed for an item nobody approved."""
    if item.state != ItemState.APPROVED:
        raise NotAllowed("Only approved pictures are written into a store.")
    photo = item.job.photo
    publication = Publication(
        item=item,
        workspace_id=item.workspace_id,
        store_id=item.job.store_id,
        product_id=photo.product_id,
        photo=photo,
        render=item.render,
        requested_by=by,
    )
    if not insert_once(publication):
        return Publication.objects.get(item=item), False
    audit.record(
        "publication.asked",
        workspace=publication.workspace_id,
        actor=by,
        subject=f"publication:{publication.pk}",
        refs={"product": publication.product_id, "photo": photo.pk, "item": item.pk},
    )
    return publication, True


def at_once(item: Item) -> bool:
    """Whether what policy approved goes out by itself: the recipe's ``review.publish``, ``auto`` or ``manual``."""
    return item.job.recipe_version.body.get("review", {}).get("publish", "auto") == "auto"


@transaction.atomic
def undo(publication: Publication, *, by: str) -> tuple[Undo, bool]:
    """The undo of a publication, and whether it has to be carried out now. Raises NotAllowed if nothing was written.

    An undo that failed is tried again.
    """
    publication = Publication.objects.select_for_update().get(pk=publication.pk)
    if publication.published_at is None and not publication.steps.filter(name="write").exists():
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
