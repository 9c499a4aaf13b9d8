"""Who has to pay here, how a store stands, and how many more pictures its plan allows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, Sum

from apps.billing.models import HOLDING, OPEN, Charge, Charged, Plan, State, Subscription
from apps.lib.work import WorkState
from apps.stores.models import Store, StoreState
from apps.usage.models import Record

NOBODY = "none"
# What a worker delivered and we kept; what failed, was cancelled or came too late costs a merchant nothing.
PAID_OUTCOME = "done"


def is_on() -> bool:
    return bool(settings.BILLING != NOBODY)


def has_to_pay(store: Store) -> bool:
    """Whether stores of its platform pay here."""
    return is_on() and store.platform == settings.BILLING


def paying_stores(workspace: int | None = None) -> QuerySet[Store]:
    """Connected or not; none where nothing is billed."""
    found = Store.objects.filter(platform=settings.BILLING) if is_on() else Store.objects.none()
    return found.filter(workspace=workspace) if workspace is not None else found


def offered() -> Plan | None:
    """The plan that is offered now."""
    return Plan.objects.order_by("-pk").first()


@dataclass(frozen=True)
class Standing:
    """How a store stands. `holds` is its plan that is active or frozen, `asked` one that waits for the merchant.

    `booked_micros` is what the platform counts in this period; `coming_micros` what was finished and not booked yet.
    """

    store: Store
    holds: Subscription | None
    asked: Subscription | None
    last: Subscription | None
    booked_micros: int = 0
    coming_micros: int = 0

    @property
    def used_micros(self) -> int:
        return self.booked_micros + self.coming_micros

    @property
    def left_micros(self) -> int:
        return max(0, self.holds.cap_micros - self.used_micros) if self.holds else 0

    @property
    def why_stopped(self) -> str:
        """``none`` without a plan, ``frozen``, ``full``; empty where pictures are made."""
        if self.holds is None:
            return "none"
        if self.holds.state == State.FROZEN:
            return "frozen"
        price = self.holds.plan.picture_micros
        return "full" if price and self.left_micros < price else ""


def standing(store: Store) -> Standing:
    rows = list(Subscription.objects.filter(store=store).select_related("plan").order_by("-pk"))
    holds = next((row for row in rows if row.state in HOLDING), None)
    asked = next((row for row in rows if row.state == State.ASKED), None)
    last = rows[0] if rows else None
    if holds is None:
        return Standing(store, None, asked, last)
    return Standing(store, holds, asked, last, holds.used_micros, coming_micros(holds))


def standings(workspace: int) -> list[Standing]:
    """Of every store of a workspace that pays here and is connected, in the order of their names."""
    stores = paying_stores(workspace).exclude(state=StoreState.DISCONNECTED).order_by("name", "pk")
    return [standing(store) for store in stores]


def uncharged(row: Subscription) -> QuerySet[Record]:
    """Finished pictures that are in no charge yet."""
    since = max(filter(None, (row.counts_from, row.collected_until)), default=None)
    if since is None:
        return Record.objects.none()
    in_one = Charged.objects.filter(record=OuterRef("pk"))
    return Record.objects.filter(
        ~Exists(in_one),
        workspace=row.store.workspace_id,
        store=row.store_id,
        outcome=PAID_OUTCOME,
        at__gte=since,
    )


def coming_micros(row: Subscription) -> int:
    """What the platform will book yet: charges on their way, and pictures that are in none."""
    waiting = Charge.objects.filter(
        subscription=row, work_state__in=(WorkState.WAITING, WorkState.RUNNING)
    ).aggregate(s=Sum("amount_micros"))["s"]
    return (waiting or 0) + uncharged(row).count() * row.plan.picture_micros


def left_micros(row: Subscription) -> int:
    """What fits under the cap yet."""
    return max(0, row.cap_micros - row.used_micros - coming_micros(row))


def pictures_left(stores: Iterable[int]) -> dict[int, int]:
    """Store → how many pictures its plan still pays for, those at work among them: 0 without a plan that is active.
    Stores that need not pay, and those whose pictures cost nothing extra, are not in it."""
    if not is_on():
        return {}
    wanted = set(paying_stores().filter(pk__in=list(stores)).values_list("pk", flat=True))
    left = dict.fromkeys(wanted, 0)
    active = Subscription.objects.filter(store__in=wanted, state=State.ACTIVE)
    for row in active.select_related("plan", "store"):
        if row.plan.picture_micros:
            left[row.store_id] = left_micros(row) // row.plan.picture_micros
        else:
            del left[row.store_id]
    return left


def open_subscriptions() -> QuerySet[Subscription]:
    return Subscription.objects.filter(state__in=OPEN).select_related("plan", "store").order_by("pk")


def charges_of(row: Subscription, *, since: dt.datetime | None = None) -> QuerySet[Charge]:
    """The newest first."""
    found = Charge.objects.filter(subscription=row).order_by("-pk")
    return found.filter(created_at__gte=since) if since else found
