"""Rules act: what is due is decided, and rendered or put off, all in one transaction, so a kill changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone

from apps.automation import selectors, timing
from apps.automation.models import Outcome, Rule, Trigger, TriggerState, WaitsFor
from apps.automation.services import ruling
from apps.jobs import pace
from apps.jobs.models import Job
from apps.jobs.services import planning
from apps.jobs.services.creating import FAR
from apps.lib.locks import transaction_lock
from apps.recipes import selectors as recipes
from apps.recipes.models import RecipeVersion
from apps.stores import selectors as stores
from apps.stores.models import Store

AT_ONCE = 100
PUT_OFF_AT_ONCE = 5000
KEEP = dt.timedelta(days=90)


@dataclass
class Acted:
    """The jobs that were planned; `more`: others are due."""

    jobs: list[Job] = field(default_factory=list)
    more: bool = False


@transaction.atomic
def act(store_id: int) -> Acted:
    """Decide what is due in a store, oldest first. Stores that are not connected keep what waits."""
    store = stores.active().filter(pk=store_id).first()
    if store is None:
        return Acted()
    # One at a time per store, so that a daily cap is counted exactly.
    transaction_lock(f"automation-{store_id}")
    now = timezone.now()
    due = list(
        Trigger.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(store=store, state=TriggerState.WAITING, not_before__lte=now)
        .select_related("photo__product__store")
        .order_by("first_at", "pk")[:AT_ONCE]
    )
    if not due:
        return Acted()
    desk = _Desk(store, due, now)
    for row in due:
        desk.decide(row)
    desk.put_off()
    return Acted(desk.jobs, more=len(due) == AT_ONCE)


class _Desk:
    """What one round needs to know, asked once."""

    def __init__(self, store: Store, due: Sequence[Trigger], now: dt.datetime) -> None:
        self.store, self.now = store, now
        self.rules = ruling.of_store(store)
        self.zone = pace.of_workspace(store.workspace_id).time_zone
        photos = [t.photo_id for t in due]
        self.shown = selectors.shown(store.pk, photos)
        self.wanted = selectors.meant_by(self.rules, store.pk, photos)
        self.day, self.tomorrow = timing.day_of(now, time_zone=self.zone)
        self.made = selectors.made_since([r.pk for r in self.rules], self.day)
        self.versions = {v.recipe_id: v for v in recipes.current(store.workspace_id)}
        self.capped: set[int] = set()
        self.jobs: list[Job] = []

    def decide(self, row: Trigger) -> None:
        rule = self._rule_for(row)
        if rule is None:
            _end(row, self.now, Outcome.NO_RULE if row.photo_id in self.shown else Outcome.GONE)
            return
        row.rule = rule
        until, why = self._must_wait(row, rule)
        if until is not None:
            row.not_before = row.hint_after = until
            row.waits_for = why
            row.save()
            return
        self._make(row, rule)

    def _rule_for(self, row: Trigger) -> Rule | None:
        """The first that fits. One that was switched off keeps what waited for it."""
        for rule in self.rules:
            if (
                (rule.on or rule.pk == row.rule_id)
                and row.photo_id in self.wanted[rule.pk]
                and selectors.waits_for(rule, row.events, row.tags)
            ):
                return rule
        return None

    def _must_wait(self, row: Trigger, rule: Rule) -> tuple[dt.datetime | None, str]:
        if not rule.on:
            return FAR, WaitsFor.OFF
        calm = timing.calm_at(row.first_at, row.last_at, calm_s=rule.calm_s, ceiling_s=rule.ceiling_s)
        if calm > self.now:
            return calm, WaitsFor.CALM
        quiet = timing.quiet_until(self.now, time_zone=self.zone, start=rule.quiet_from, end=rule.quiet_until)
        if quiet is not None:
            return quiet, WaitsFor.QUIET_HOURS
        if rule.daily_cap is not None and self.made.get(rule.pk, 0) >= rule.daily_cap:
            self.capped.add(rule.pk)
            return self.tomorrow, WaitsFor.CAP
        return None, WaitsFor.TURN

    def _make(self, row: Trigger, rule: Rule) -> None:
        version = self._version(rule)
        if version is None:
            _end(row, self.now, Outcome.NO_RECIPE)
            return
        job = planning.plan(row.photo, version, lane=rule.lane)
        if job is None:
            _end(row, self.now, Outcome.HAD)
            return
        self.jobs.append(job)
        self.made[rule.pk] = self.made.get(rule.pk, 0) + 1
        row.job = job
        _end(row, self.now, Outcome.MADE)

    def _version(self, rule: Rule) -> RecipeVersion | None:
        if rule.recipe_id is not None:
            return self.versions.get(rule.recipe_id)
        return next((v for v in self.versions.values() if v.recipe.automatic), None)

    def put_off(self) -> None:
        """The rest of what waits for a rule whose cap is reached: thousands are not decided one by one each day."""
        for rule in self.capped:
            rest = Trigger.objects.select_for_update(skip_locked=True).filter(
                rule=rule, state=TriggerState.WAITING, not_before__lte=self.now
            )
            rows = list(rest.order_by("pk").values_list("pk", flat=True)[:PUT_OFF_AT_ONCE])
            Trigger.objects.filter(pk__in=rows).update(
                not_before=self.tomorrow, hint_after=self.tomorrow, waits_for=WaitsFor.CAP
            )


def _end(row: Trigger, now: dt.datetime, outcome: str) -> None:
    row.state, row.outcome, row.ended_at = TriggerState.ENDED, outcome, now
    row.waits_for = WaitsFor.TURN
    row.save()


def forget() -> int:
    """Drop what ended long ago. Returns how many."""
    return Trigger.objects.filter(state=TriggerState.ENDED, ended_at__lt=timezone.now() - KEEP).delete()[0]
