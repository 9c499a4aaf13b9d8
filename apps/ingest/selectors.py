"""Look into the inbox."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.ingest.models import Delivery


def recent(store: int) -> QuerySet[Delivery]:
    """Deliveries of a store, newest first, without their bodies."""
    return Delivery.objects.filter(store=store).defer("body").order_by("-pk")
