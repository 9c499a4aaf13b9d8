"""What waits for a person, and what was decided."""

from __future__ import annotations

from django.db.models import QuerySet

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
