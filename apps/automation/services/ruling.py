"""Write rules: make, change, switch, order, delete and bring back. Each change is checked and leaves an event."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from apps.audit import services as audit
from apps.automation import selectors, words
from apps.automation.models import Happening, Rule, Trigger, TriggerState, WaitsFor
from apps.jobs.filters import Filter
from apps.jobs.models import Lane
from apps.lib.errors import BadRequest
from apps.recipes.models import Recipe
from apps.stores.models import Store

MOST_RULES = 50
MOST_WAIT_S = 24 * 3600
MOST_A_DAY = 1_000_000
# How long photos that waited for a deleted rule are kept for it.
KEPT = dt.timedelta(days=1)
# What reviewers said and what earlier batches did says nothing of what is new.
_FILTERS = {
    *("categories", "tags", "types", "vendors", "attributes", "products"),
    *("on_sale", "missing_alt", "main_photo_only", "never_rendered", "any"),
}
# What every store starts with: whatever is new is rendered at once with the automatic recipe.
STANDARD: dict[str, Any] = {
    "name": "New photos",
    "events": [Happening.NEW_PRODUCT, Happening.NEW_PHOTO, Happening.CHANGED_PHOTO],
}


# -- read ----------------------------------------------------------------------------------------------------------


def of_store(store: Store) -> list[Rule]:
    """The rules of a store in the order in which they are asked; a store without a past gets the standard one."""
    found = list(Rule.objects.filter(store=store).select_related("recipe").order_by("position", "pk"))
    if not found:
        found = [standard(store)]
    return [r for r in found if r.deleted_at is None]


def standard(store: Store) -> Rule:
    """The rule that a store starts with. Who deleted it does not get it again."""
    return Rule.objects.get_or_create(
        store=store, standard=True, defaults={**STANDARD, "created_by": "system"}
    )[0]


def most_patient(store: int) -> Rule | None:
    """Of the rules that are on, the one that waits longest for a product to be left alone."""
    return Rule.objects.filter(store=store, on=True, deleted_at=None).order_by("-calm_s", "position").first()


# -- write ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def create(store: Store, values: Mapping[str, Any], *, by: str) -> Rule:
    """A new rule, asked after the others. Raises BadRequest with a sentence for the person.

    `values` has what `checked` takes; what is missing keeps its default.
    """
    _lock(store)
    if len(of_store(store)) >= MOST_RULES:
        raise BadRequest(f"A store has at most {MOST_RULES} rules.")
    last = Rule.objects.filter(store=store).aggregate(n=Max("position"))["n"]
    rule = checked(Rule(store=store, position=(last or 0) + 1, created_by=by), values)
    rule.save()
    _record("rule.created", rule, by, says=words.sentence(rule))
    return rule


@transaction.atomic
def change(rule: Rule, values: Mapping[str, Any], *, by: str) -> bool:
    """Set some of its values. Raises BadRequest. False where nothing is different."""
    _lock(rule.store)
    rule.refresh_from_db()
    before = selectors.same_shape(rule), rule.on
    checked(rule, values)
    if (selectors.same_shape(rule), rule.on) == before:
        return False
    rule.save()
    _reconsider(rule.store_id)
    if selectors.same_shape(rule) != before[0]:
        _record("rule.changed", rule, by, says=words.sentence(rule))
    if rule.on != before[1]:
        _record("rule.on" if rule.on else "rule.off", rule, by)
    return True


def switch(rule: Rule, *, on: bool, by: str) -> bool:
    """On or off. What waits for a rule that is off goes on waiting for it. False where it was so already."""
    return change(rule, {"on": on}, by=by)


def duplicate(rule: Rule, *, by: str) -> Rule:
    """A copy to change, off, asked after the others."""
    values = selectors.same_shape(rule)
    return create(rule.store, {**values, "name": f"{rule.name[:70]}, copy", "on": False}, by=by)


@transaction.atomic
def move_up(rule: Rule, *, by: str) -> bool:
    """Ask it one earlier: the first rule that fits acts. False where it is the first."""
    _lock(rule.store)
    rules = of_store(rule.store)
    place = next((n for n, r in enumerate(rules) if r.pk == rule.pk), 0)
    if place == 0:
        return False
    rules[place - 1], rules[place] = rules[place], rules[place - 1]
    for position, row in enumerate(rules):
        Rule.objects.filter(pk=row.pk).update(position=position)
    _record("rule.moved", rule, by)
    return True


@transaction.atomic
def delete(rule: Rule, *, by: str) -> bool:
    """Take it away. What waits for it is kept for a day, so that it can be brought back with it."""
    _lock(rule.store)
    now = timezone.now()
    if not Rule.objects.filter(pk=rule.pk, deleted_at=None).update(deleted_at=now):
        return False
    _waiting(rule).update(not_before=now + KEPT, hint_after=now + KEPT, waits_for=WaitsFor.OFF)
    _record("rule.deleted", rule, by)
    return True


@transaction.atomic
def restore(rule: Rule, *, by: str) -> bool:
    """Bring a deleted rule back, as it was."""
    _lock(rule.store)
    if not Rule.objects.filter(pk=rule.pk).exclude(deleted_at=None).update(deleted_at=None):
        return False
    _reconsider(rule.store_id)
    _record("rule.restored", rule, by)
    return True


def _lock(store: Store) -> None:
    Store.objects.select_for_update().get(pk=store.pk)


def _waiting(rule: Rule) -> Any:
    return Trigger.objects.filter(rule=rule, state=TriggerState.WAITING)


def _reconsider(store: int) -> None:
    """What was put off is decided anew, by the rules as they are now."""
    now = timezone.now()
    put_off = [WaitsFor.QUIET_HOURS, WaitsFor.CAP, WaitsFor.OFF]
    Trigger.objects.filter(store=store, state=TriggerState.WAITING, waits_for__in=put_off).update(
        not_before=now, hint_after=now, waits_for=WaitsFor.TURN
    )


def _record(verb: str, rule: Rule, by: str, **detail: Any) -> None:
    audit.record(
        verb,
        workspace=rule.store.workspace_id,
        actor=by,
        subject=f"store:{rule.store_id}",
        refs={"rule": rule.pk},
        name=rule.name,
        **detail,
    )


# -- check ---------------------------------------------------------------------------------------------------------


def checked(rule: Rule, values: Mapping[str, Any]) -> Rule:
    """The rule with these values laid over it, not saved. Raises BadRequest for the first that can't be meant.

    Fields: name, on, events, tags, filter, recipe (its name; None: the automatic one), lane, calm_s, ceiling_s,
    quiet_from, quiet_until (times or HH:MM), daily_cap.
    """
    unknown = sorted(set(values) - set(_SET))
    if unknown:
        raise BadRequest(f"A rule has no field {unknown[0]!r}. It has: {', '.join(_SET)}.")
    for name, value in values.items():
        setattr(rule, name, _SET[name](rule, name, value))
    if (rule.quiet_from is None) != (rule.quiet_until is None):
        raise BadRequest("Quiet hours have a beginning and an end: give both or none.")
    if rule.quiet_from is not None and rule.quiet_from == rule.quiet_until:
        raise BadRequest(
            "Quiet hours that end when they begin would never end. To stop a rule, switch it off."
        )
    if not rule.name:
        raise BadRequest("Give the rule a name.")
    try:
        rule.clean_fields(exclude=["store", "recipe", "created_by", "events"])
    except ValidationError as error:
        raise BadRequest(" ".join(error.messages)) from error
    if not rule.events:
        raise BadRequest("Say when the rule acts: choose at least one thing that happens.")
    return rule


def _name(rule: Rule, field: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadRequest("Give the rule a name.")
    return value.strip()[:80]


def _flag(rule: Rule, field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"{field} is true or false.")
    return value


def _events(rule: Rule, field: str, value: Any) -> list[str]:
    if not isinstance(value, list | tuple) or not set(value) <= set(Happening.values):
        raise BadRequest(f"events is a list of: {', '.join(Happening.values)}.")
    return [e for e in Happening.values if e in value]


def _tags(rule: Rule, field: str, value: Any) -> list[str]:
    return list(Filter.from_json({"tags": value}).tags)


def _filter(rule: Rule, field: str, value: Any) -> dict[str, Any]:
    only = Filter.from_json(value)
    for one in (only, *only.any):
        wrong = sorted(set(one.as_json()) - _FILTERS)
        if wrong:
            raise BadRequest(f"A rule can't ask for {wrong[0]}: it looks at what is new.")
    return only.as_json()


def _recipe(rule: Rule, field: str, value: Any) -> Recipe | None:
    if value in (None, ""):
        return None
    found = Recipe.objects.filter(
        workspace=rule.store.workspace_id, name=value, archived=False, versions__isnull=False
    ).first()
    if found is None:
        raise BadRequest(f"There is no recipe called {value!r}.")
    return found


def _lane(rule: Rule, field: str, value: Any) -> str:
    if value not in Lane.values:
        raise BadRequest(f"lane is one of {', '.join(Lane.values)}.")
    return str(value)


def _seconds(rule: Rule, field: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_WAIT_S:
        raise BadRequest(f"{field} is a number of seconds, at most {MOST_WAIT_S} (a day).")
    return value


def _time(rule: Rule, field: str, value: Any) -> dt.time | None:
    if value in (None, ""):
        return None
    if isinstance(value, dt.time):
        return value
    try:
        return dt.time.fromisoformat(str(value))
    except ValueError as error:
        raise BadRequest(f"{field}: {value!r} is not a time such as 22:00.") from error


def _cap(rule: Rule, field: str, value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_A_DAY:
        raise BadRequest("A daily cap is a number of images, at least 1. To stop a rule, switch it off.")
    return value


_SET: dict[str, Any] = {
    "name": _name,
    "on": _flag,
    "events": _events,
    "tags": _tags,
    "filter": _filter,
    "recipe": _recipe,
    "lane": _lane,
    "calm_s": _seconds,
    "ceiling_s": _seconds,
    "quiet_from": _time,
    "quiet_until": _time,
    "daily_cap": _cap,
}
