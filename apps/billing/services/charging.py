"""Charge for finished pictures: each is in one charge, and each charge is booked once.

A picture and its charge are one commit. What goes out carries the charge's key, under which the platform books once;
and before something goes out again that may have gone before, we look whether it is there.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.audit import services as audit
from apps.billing import selectors
from apps.billing.models import Charge, Charged, State, Subscription
from apps.billing.services import plans
from apps.stores import services as stores
from apps.stores.connect import open_billing
from apps.stores.models import StoreState
from connectors.billing import Charged as Booked
from connectors.billing import Money
from connectors.errors import ConnectorError, Rejected, Stop

# Pictures of one charge. One charge for each would cost a shop's points as fast as its pictures are made.
MOST_PICTURES = 1000
# A record is told with the time at which it was made, and is seen a moment later: so long is looked back.
SEEN_WITHIN = dt.timedelta(days=1)
# What does not fit under the cap is looked at again when something changes, or after so long.
AGAIN_S = 3600.0
MOST_TRIES = 1000


@transaction.atomic
def collect(subscription: int) -> Charge | None:
    """Put the finished pictures that are in no charge into one, as far as the cap allows; None where there are none."""
    row = (
        Subscription.objects.select_for_update(of=("self",))
        .select_related("plan", "store")
        .filter(pk=subscription, state=State.ACTIVE)
        .first()
    )
    if row is None or not row.plan.picture_micros:
        return None
    now, price = timezone.now(), row.plan.picture_micros
    on_the_way = selectors.coming_micros(row) - selectors.uncharged(row).count() * price
    fits = max(0, row.cap_micros - row.used_micros - on_the_way) // price
    found = list(selectors.uncharged(row).order_by("at", "pk")[: min(fits, MOST_PICTURES)])
    if not found:
        if fits:
            Subscription.objects.filter(pk=row.pk).update(collected_until=now - SEEN_WITHIN)
        plans.watch(row)
        return None
    charge = Charge.objects.create(
        subscription=row,
        pictures=len(found),
        amount_micros=len(found) * price,
        words=f"{len(found)} finished picture{'s' if len(found) > 1 else ''}, up to {found[-1].at:%Y-%m-%d %H:%M} UTC",
    )
    Charged.objects.bulk_create([Charged(record=record, charge=charge) for record in found])
    plans.watch(row)
    return charge


def send(pk: int) -> None:
    """Have one charge booked; one that was interrupted goes on where it was."""
    row = Charge.claim(pk)
    if row is None:
        return
    subscription = Subscription.objects.select_related("plan", "store").get(pk=row.subscription_id)
    store = subscription.store
    if store.state == StoreState.DISCONNECTED:
        row.give_up("The shop had taken Vitrine off, or was disconnected, before this could be charged.")
        return
    try:
        booked = _booked(row, subscription)
    except Rejected as error:
        _refused(row, subscription, error)
    except ConnectorError as error:
        stores.note_error(store, error)
        if not stores.put_off(row, error, store=store.pk, most_tries=MOST_TRIES):
            row.later(AGAIN_S, error.message, a_try=False)
    else:
        _kept(row, subscription, booked)


def _booked(row: Charge, subscription: Subscription) -> Booked:
    """What the platform has of it. Raises ConnectorError."""
    bills = open_billing(subscription.store)
    if row.sent:
        there = bills.charged(subscription.external_id, subscription.line_id, row.key)
        if there is not None:
            return there
    row.renew(sent=True)
    price = Money(row.amount_micros, subscription.plan.currency)
    return bills.charge(subscription.line_id, price, words=row.words, key=row.key)


def _kept(row: Charge, subscription: Subscription, booked: Booked) -> None:
    now = timezone.now()
    with transaction.atomic():
        row.finish(external_id=booked.id, booked_at=now)
        mine = Subscription.objects.filter(pk=subscription.pk)
        if booked.used is not None:
            cap = booked.cap.micros if booked.cap else subscription.cap_micros
            mine.update(used_micros=booked.used.micros, used_at=now, cap_micros=cap)
        else:
            mine.update(used_micros=F("used_micros") + row.amount_micros)
        audit.record(
            "billing.charged",
            workspace=subscription.store.workspace_id,
            actor=plans.BY,
            subject=f"store:{subscription.store_id}",
            refs={"charge": row.pk},
            pictures=row.pictures,
            amount=f"{row.amount_micros / 1e6:,.2f} {subscription.plan.currency}",
        )
        subscription.refresh_from_db()
        plans.watch(subscription)


def _refused(row: Charge, subscription: Subscription, error: Rejected) -> None:
    """Platforms give no reason that a program could read: how the plan stands says it."""
    try:
        plans.look(subscription.store)
    except ConnectorError as away:
        row.later(AGAIN_S if isinstance(away, Stop) else plans.BRIEFLY_S, away.message, a_try=False)
        return
    subscription.refresh_from_db()
    if subscription.state in (State.ACTIVE, State.FROZEN):
        row.later(AGAIN_S, error.detail or error.message, a_try=False)
    else:
        row.give_up("The plan ended before this could be charged.")
