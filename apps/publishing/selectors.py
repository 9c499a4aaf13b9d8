"""What was written, and what can be undone."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.publishing.models import Publication


def publications_of(workspace: int) -> QuerySet[Publication]:
    return (
        Publication.objects.filter(workspace=workspace)
        .select_related("product", "photo", "store", "render", "item__job", "undo", "snapshot")
        .order_by("-pk")
    )


def live(workspace: int) -> QuerySet[Publication]:
    """Those that shoppers see now."""
    return publications_of(workspace).filter(published_at__isnull=False, undone_at=None)
