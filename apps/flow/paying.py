"""What is to be done about money, by the clock: see how plans stand, charge for what was finished."""

from __future__ import annotations

import datetime as dt

import structlog
from django.db import transaction
from django.utils import timezone

from apps.billing import selectors
from apps.billing.models import State, Subscription
from apps.billing.services import charging, plans
from apps.flow import hints
from apps.stores import services as stores
from apps.stores.models import Store, StoreState
from connectors.errors import ConnectorError, NeedsReauth

log = structlog.get_logger(__name__)

# What holds is looked at so often even if no webhook tells of it.
LOOK_EVERY = dt.timedelta(hours=1)
# What was asked for is looked at the less often the longer it waits.
PART_OF_AGE = 20


def bill() -> None:
    """One round over all stores that pay here."""
    if not selectors.is_on():
        return
    looked: set[int] = set()
    for row in selectors.open_subscriptions():
        if row.store.state == StoreState.DISCONNECTED:
            with transaction.atomic():
                plans.left(row.store)
        elif row.store.state == StoreState.CONNECTED and _due(row) and row.store_id not in looked:
            looked.add(row.store_id)
            _look(row.store)
    active = selectors.open_subscriptions().filter(state=State.ACTIVE, store__state=StoreState.CONNECTED)
    for pk in active.values_list("pk", flat=True):
        charge = charging.collect(pk)
        if charge is not None:
            hints.hint("flow.charge", charge.pk)


def _due(row: Subscription) -> bool:
    now = timezone.now()
    if row.looked_at is None:
        return True
    since = now - row.looked_at
    if row.state == State.ASKED:
        return since > (now - row.asked_at) / PART_OF_AGE
    over = row.period_end is not None and row.looked_at < row.period_end <= now
    return over or since > LOOK_EVERY


def _look(store: Store) -> None:
    try:
        plans.look(store)
    except ConnectorError as error:
        stores.note_error(store, error)
        log.info("plan_not_looked_at", store=store.pk, reason=error.message)


def disconnect(store: Store, *, by: str) -> None:
    """Take a store off, and end what it pays for first. Raises ConnectorError where its platform can't be told: then
    everything stays as it is, so that nobody pays for what they have not any more."""
    if selectors.has_to_pay(store):
        try:
            plans.cancel(store, by=by)
        except NeedsReauth:  # our app is off there, and its plan ended with it
            with transaction.atomic():
                plans.left(store)
    stores.disconnect(store, by=by)
