"""A person says that a store is there again: what waits for it goes on now instead of at its next turn."""

from __future__ import annotations

from django.utils import timezone

from apps.billing.models import Charge
from apps.catalog.models import Sync
from apps.flow import hints
from apps.ingest.models import Delivery
from apps.jobs.models import Preparation
from apps.lib.work import WorkState
from apps.publishing.models import Publication, Undo
from apps.stores import presence
from apps.stores.models import Store

# The rest follows by the sweeper, which paces itself.
AT_ONCE = 20


def wake(store: Store) -> int:
    """Ask the store again at once, with a few pieces of its work ahead. Returns how many had stumbled and wait."""
    presence.forget(store.pk)
    now, woken = timezone.now(), 0
    for task, rows in (
        ("flow.sync", Sync.objects.filter(store=store)),
        ("flow.publish", Publication.objects.filter(store=store)),
        ("flow.undo", Undo.objects.filter(publication__store=store)),
        ("flow.prepare", Preparation.objects.filter(job__store=store)),
        ("flow.receive", Delivery.objects.filter(store=store)),
        ("flow.charge", Charge.objects.filter(subscription__store=store)),
    ):
        waiting = rows.filter(work_state=WorkState.WAITING).exclude(error="")
        woken += waiting.update(not_before=now, hint_after=now)
        for pk in waiting.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]:
            hints.hint(task, pk)
    return woken
