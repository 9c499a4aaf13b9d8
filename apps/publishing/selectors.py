"""What was written, and what can be undone."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.lib.work import WorkState
from apps.publishing.models import Publication, Undo


def publications_of(workspace: int) -> QuerySet[Publication]:
    return (
        Publication.objects.filter(workspace=workspace)
        .select_related("product", "photo", "store", "render", "item__job", "undo", "snapshot")
        .order_by("-pk")
    )


def live(workspace: int) -> QuerySet[Publication]:
    """Those that shoppers see now."""
    return publications_of(workspace).filter(published_at__isnull=False, undone_at=None)


def being_written() -> Q:
    """The condition on photos: their product has a write or an undo that has not ended."""
    ongoing = [WorkState.WAITING, WorkState.RUNNING]
    return Q(Exists(Publication.objects.filter(product=OuterRef("product"), work_state__in=ongoing))) | Q(
        Exists(Undo.objects.filter(publication__product=OuterRef("product"), work_state__in=ongoing))
    )
