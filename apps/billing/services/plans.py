"""Offer a plan, look what the merchant said, raise its cap, end it. What holds is what the platform says alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.billing import selectors
from apps.billing.models import CENT_MICROS, HOLDING, OPEN, Charge, Plan, State, Subscription
from apps.lib import wire
from apps.lib.errors import BadRequest
from apps.lib.work import WorkState
from apps.stores.connect import open_billing
from apps.stores.models import Store
from connectors.billing import Money, Offer, Plans, RemotePlan
from connectors.billing import Standing as Told

BY = "billing"
# So long a platform waits for the merchant; an hour for the clocks.
ANSWER_WITHIN = dt.timedelta(days=2, hours=1)
# Where the platform does not answer just now.
BRIEFLY_S = 60.0
MOST_MICROS = 10_000 * 1_000_000
_ENDS = {Told.DECLINED: State.DECLINED, Told.EXPIRED: State.EXPIRED, Told.CANCELLED: State.ENDED}


class NothingToPay(BadRequest):
    """Nothing has to be paid for this store here."""


class NoPlan(BadRequest):
    """There is no plan to agree to yet. Whoever runs this server offers one with `manage.py plan`."""


def offer(
    *,
    name: str,
    currency: str,
    monthly_micros: int,
    picture_micros: int,
    cap_micros: int,
    trial_days: int = 0,
) -> Plan:
    """What is offered from now on; who agreed to another plan keeps it. Raises BadRequest."""
    told: dict[str, Any] = {
        "name": name.strip(),
        "currency": currency.upper(),
        "monthly_micros": monthly_micros,
        "picture_micros": picture_micros,
        "cap_micros": cap_micros,
        "trial_days": trial_days,
    }
    check(**told)
    return Plan.objects.create(**told)


def check(
    *, name: str, currency: str, monthly_micros: int, picture_micros: int, cap_micros: int, trial_days: int
) -> None:
    """Whether a platform would take this plan. Raises BadRequest."""
    if not name or len(name) > 60:
        raise BadRequest("Give the plan a name of at most 60 characters.")
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise BadRequest("A currency has three capital letters, such as USD.")
    for amount in (monthly_micros, picture_micros, cap_micros):
        if not 0 <= amount <= MOST_MICROS or amount % CENT_MICROS:
            raise BadRequest("Prices and the cap are in whole cents, up to 10,000.")
    if not cap_micros:
        raise BadRequest("The cap is more than nothing: platforms ask for one.")
    if picture_micros > cap_micros:
        raise BadRequest("Not one picture would fit under this cap.")
    if not 0 <= trial_days <= 365:
        raise BadRequest("A trial lasts up to 365 days.")


def ask(store: Store, *, back: str, by: str) -> Subscription:
    """Offer the plan to a store; its page is where the merchant agrees. Raises NothingToPay, NoPlan, ConnectorError.

    A plan whose answer got lost on the way is never shown to anybody, and the platform forgets it by itself.
    """
    if not selectors.has_to_pay(store):
        raise NothingToPay
    plan = selectors.offered()
    if plan is None:
        raise NoPlan
    holds = selectors.standing(store).holds
    if holds is not None and holds.state == State.ACTIVE and holds.plan_id == plan.pk:
        raise BadRequest("This plan is active already.")
    asked = open_billing(store).ask(
        Offer(
            plan.name,
            Money(plan.monthly_micros, plan.currency),
            Money(plan.cap_micros, plan.currency),
            plan.terms,
            trial_days=0 if holds is not None else plan.trial_days,
            test=settings.BILLING_TEST,
        ),
        back=back,
    )
    with transaction.atomic():
        Subscription.objects.filter(store=store, state=State.ASKED).update(page="")
        row = Subscription.objects.create(
            store=store,
            plan=plan,
            external_id=asked.id,
            page=asked.page,
            test=settings.BILLING_TEST,
            cap_micros=plan.cap_micros,
            asked_by=by,
        )
        _tell(row, "billing.asked", by=by, name=plan.name)
    return row


def look(store: Store) -> None:
    """Ask the platform what holds now, and go by it. Raises ConnectorError."""
    asked_at = timezone.now()
    said = open_billing(store).plans()
    with transaction.atomic():
        # Of several who look at once the others wait; an older answer changes nothing that a newer one said.
        Store.objects.select_for_update(no_key=True).get(pk=store.pk)
        active = {plan.id: plan for plan in said.active}
        rows = list(
            Subscription.objects.select_for_update(of=("self",))
            .filter(store=store, state__in=OPEN)
            .select_related("plan", "store")
            .order_by("pk")
        )
        rows = [row for row in rows if row.looked_at is None or row.looked_at <= asked_at]
        before = next((row for row in rows if row.state in HOLDING), None)
        for row in rows:
            if row.external_id not in active:
                _not_active(row, said, asked_at)
        for row in rows:
            if row.external_id in active:
                _active(row, active.pop(row.external_id), before, asked_at)
        _adopt(store, active, asked_at)
        Subscription.objects.filter(pk__in=[row.pk for row in rows]).update(looked_at=asked_at)


def _active(row: Subscription, told: RemotePlan, before: Subscription | None, at: dt.datetime) -> None:
    now_is = State.FROZEN if told.standing == Told.FROZEN else State.ACTIVE
    was, row.state = row.state, now_is
    row.line_id, row.page, row.test, row.period_end = told.line_id, "", told.test, told.period_end
    if told.cap is not None:
        row.cap_micros = told.cap.micros
    if told.used is not None and (row.used_at is None or row.used_at <= at):
        row.used_micros, row.used_at = told.used.micros, at
    if row.counts_from is None:
        # What was finished since the last charge of a plan that this one replaces is paid by this one.
        row.counts_from = before.counts_from if before is not None and before.pk != row.pk else at
    row.save()
    if was != now_is:
        transaction.on_commit(wire.wake_dispatcher)
        _tell(row, "billing.frozen" if now_is == State.FROZEN else "billing.began", name=row.plan.name)
    Charge.objects.filter(subscription=row, work_state=WorkState.WAITING).exclude(error="").update(
        not_before=at, hint_after=at
    )
    watch(row)


def _not_active(row: Subscription, said: Plans, asked_at: dt.datetime) -> None:
    told = said.others.get(row.external_id)
    if told == Told.FROZEN and row.state in HOLDING:
        if row.state != State.FROZEN:
            row.state = State.FROZEN
            row.save(update_fields=["state"])
            _tell(row, "billing.frozen", name=row.plan.name)
    elif row.state == State.ASKED:
        if told in _ENDS:
            _end(row, _ENDS[told])
        elif asked_at - row.asked_at > ANSWER_WITHIN:
            _end(row, State.EXPIRED)
    else:
        _end(row, State.ENDED)


def _adopt(store: Store, unknown: Mapping[str, RemotePlan], at: dt.datetime) -> None:
    """A plan that the merchant pays and we know nothing of: our rows are of an earlier day, out of a backup."""
    for told in unknown.values():
        currency = told.cap.currency if told.cap else ""
        plan = Plan.objects.filter(name=told.name, currency=currency).order_by("-pk").first()
        if plan is None:
            continue
        row, _ = Subscription.objects.update_or_create(
            store=store,
            external_id=told.id,
            defaults={"ended_at": None, "state": State.ASKED},
            create_defaults={
                "plan": plan,
                "cap_micros": plan.cap_micros,
                "asked_by": BY,
                "state": State.ASKED,
            },
        )
        _active(row, told, None, at)


def _end(row: Subscription, state: State) -> None:
    """Charges that never went out are taken back: their pictures are paid by the next plan, or by nobody."""
    row.state, row.page, row.ended_at, row.full_since = state, "", timezone.now(), None
    row.save(update_fields=["state", "page", "ended_at", "full_since"])
    Charge.objects.filter(subscription=row, sent=False, work_state=WorkState.WAITING).delete()
    _tell(row, f"billing.{state}", name=row.plan.name)


def left(store: Store) -> None:
    """The shop took the app off: the platform has ended its plan. Within the transaction of the word of it."""
    for row in Subscription.objects.filter(store=store, state__in=OPEN).select_related("plan"):
        _end(row, State.ENDED)


def cancel(store: Store, *, by: str) -> bool:
    """End what holds; whether there was anything. Raises ConnectorError."""
    row = selectors.standing(store).holds
    if row is None:
        return False
    open_billing(store).cancel(row.external_id)
    with transaction.atomic():
        mine = Subscription.objects.select_for_update().select_related("plan").get(pk=row.pk)
        if mine.state in HOLDING:
            audit.record(
                "billing.cancelled",
                workspace=store.workspace_id,
                actor=by,
                subject=f"store:{store.pk}",
                name=mine.plan.name,
            )
            _end(mine, State.ENDED)
    return True


def raise_cap(store: Store, *, cap_micros: int, by: str) -> str:
    """Ask for a higher cap; the page on which the merchant agrees. Raises BadRequest, ConnectorError."""
    row = selectors.standing(store).holds
    if row is None or row.state != State.ACTIVE:
        raise BadRequest("There is no active plan whose limit could be raised.")
    if cap_micros % CENT_MICROS or not row.cap_micros < cap_micros <= MOST_MICROS:
        raise BadRequest("The new limit is higher than the one before, in whole cents, up to 10,000.")
    page = open_billing(store).raise_cap(row.line_id, Money(cap_micros, row.plan.currency))
    _tell(row, "billing.cap_asked", by=by, cap=f"{cap_micros / 1e6:,.2f} {row.plan.currency}")
    return page


def watch(row: Subscription) -> None:
    """Note whether not one more picture fits under the cap. Told once, until one does."""
    price = row.plan.picture_micros
    mine = Subscription.objects.filter(pk=row.pk, state=State.ACTIVE)
    if price and selectors.left_micros(row) < price:
        if mine.filter(full_since=None).update(full_since=timezone.now()):
            _tell(row, "billing.full", cap=f"{row.cap_micros / 1e6:,.2f} {row.plan.currency}")
    elif mine.exclude(full_since=None).update(full_since=None):
        transaction.on_commit(wire.wake_dispatcher)
        _tell(row, "billing.room", cap=f"{row.cap_micros / 1e6:,.2f} {row.plan.currency}")


def _tell(row: Subscription, verb: str, *, by: str = BY, **words: Any) -> None:
    audit.record(verb, workspace=row.store.workspace_id, actor=by, subject=f"store:{row.store_id}", **words)
