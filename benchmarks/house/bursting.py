"""In a fresh process: whether what a burst of webhooks told has been looked at, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from django.db.models import Count, Max

from apps.automation.models import Trigger, TriggerState
from apps.catalog.models import Photo, Product
from apps.ingest.models import Delivery
from apps.jobs.models import Job
from apps.stores import throttle
from benchmarks.errors import BenchError

LONGEST_S = 600.0


def settled(store: int, deliveries: int) -> dict[str, float]:
    """Waits until so many deliveries came and all were looked at, and no photo waits for a rule any more.

    `last`: when a product was last looked at, `received`: when the last delivery came, in seconds since the epoch;
    `per_s`: how often the store is asked now.
    """
    deadline = time.monotonic() + LONGEST_S
    while True:
        came = Delivery.objects.filter(store=store)
        looked = came.filter(work_state="done").count()
        if looked >= deliveries and came.count() == looked:
            break
        if time.monotonic() > deadline:
            raise BenchError(f"{looked} of {deliveries} deliveries were looked at after {LONGEST_S:.0f} s.")
        time.sleep(0.5)
    while Trigger.objects.filter(store=store, state=TriggerState.WAITING).exists():
        if time.monotonic() > deadline:
            raise BenchError("Photos still wait for a rule.")
        time.sleep(0.5)
    last = Product.objects.filter(store=store).aggregate(at=Max("seen_at"))["at"]
    received = came.aggregate(at=Max("received_at"))["at"]
    pace = throttle.slowed(store)
    return {
        "deliveries": came.count(),
        "last": last.timestamp(),
        "received": received.timestamp(),
        "per_s": pace.per_s if pace else throttle.CAP_PER_S,
    }


def wrong(store: int, wanted: Mapping[str, str]) -> dict[str, int]:
    """`wanted`: product → media id of its new photo."""
    shown = Photo.objects.filter(product__store=store, present=True, jobs__isnull=False)
    worked = set(shown.values_list("product__external_id", "media_id"))
    doubled = (
        Job.objects.filter(store=store)
        .order_by()
        .values("photo", "photo_revision")
        .annotate(n=Count("pk"))
        .filter(n__gt=1)
    )
    return {
        "lost": len(set(wanted.items()) - worked),
        "doubled": doubled.count(),
        "jobs": Job.objects.filter(store=store).count(),
    }
