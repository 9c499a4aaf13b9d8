"""Look into the inbox."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet

from apps.ingest.models import Delivery
from apps.lib.work import WorkState


def recent(store: int) -> QuerySet[Delivery]:
    """Deliveries of a store, newest first, without their bodies."""
    return Delivery.objects.filter(store=store).defer("body").order_by("-pk")


def on_its_way(store: int, external_id: str) -> bool:
    """Whether a webhook about this product came and was not looked into yet."""
    return Delivery.objects.filter(
        store=store, external_id=external_id, work_state__in=[WorkState.WAITING, WorkState.RUNNING]
    ).exists()


def told_something(store: int, since: dt.datetime) -> int:
    """How many webhooks since then told something that we did not know."""
    return Delivery.objects.filter(store=store, received_at__gte=since, changed=True).count()
