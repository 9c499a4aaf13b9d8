"""What waits for a person, and what was decided."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.review.models import Item, ItemState


def items_of(workspace: int) -> QuerySet[Item]:
    return (
        Item.objects.filter(workspace=workspace)
        .select_related(
            "job__photo__product__store", "job__recipe_version__recipe", "job__instead_of__item", "render"
        )
        .order_by("-pk")
    )


def waiting(workspace: int) -> QuerySet[Item]:
    return items_of(workspace).filter(state=ItemState.PENDING).order_by("pk")


def judged(word: str) -> Q:
    """The condition on photos for a word of a batch's filter (apps.jobs.filters): what was said of their pictures."""
    of_photo = Item.objects.filter(job__photo=OuterRef("pk"))
    match word:
        case "waiting":
            return Q(Exists(of_photo.filter(state=ItemState.PENDING)))
        case "rejected":
            return Q(Exists(of_photo.filter(state=ItemState.REJECTED))) & ~Q(
                Exists(of_photo.exclude(state=ItemState.REJECTED))
            )
        case "doubted":
            return Q(Exists(of_photo.filter(verdict="review"))) & ~Q(
                Exists(of_photo.filter(verdict="approve"))
            )
    raise ValueError(f"no condition for {word!r}")


def approved_of(batch: int) -> int:
    """How many pictures of a batch are approved. For a pilot, which is small."""
    return Item.objects.filter(job__batch=batch, state=ItemState.APPROVED).count()
