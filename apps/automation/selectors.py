"""Look at rules and what waits for them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.automation import timing
from apps.automation.models import Happening, Outcome, Rule, Trigger, TriggerState
from apps.catalog.models import Photo, Sync
from apps.catalog.selectors import photos_to_render
from apps.jobs import pace
from apps.jobs.filters import Filter
from apps.stores import selectors as stores
from apps.stores.models import Store

HINTED_AT_ONCE = 5000
DAYS_BACK = 7


def rules_of(workspace: int) -> QuerySet[Rule]:
    """Rules of a workspace that were not deleted, store by store, in the order in which they are asked."""
    return (
        Rule.objects.filter(store__workspace=workspace, deleted_at=None)
        .select_related("store", "recipe")
        .order_by("store", "position", "pk")
    )


# -- what a rule means ---------------------------------------------------------------------------------------------


def waits_for(rule: Rule, events: Iterable[str], tags: Iterable[str]) -> bool:
    """Whether one of these events is one that the rule waits for."""
    for event in set(events) & set(rule.events):
        if event != Happening.TAG_ADDED or not rule.tags or set(rule.tags) & set(tags):
            return True
    return False


def meant_by(rules: Iterable[Rule], store: int, photos: Sequence[int]) -> dict[int, set[int]]:
    """Rule → those of `photos` that its filter means and the store shows; one query per different filter."""
    found: dict[str, set[int]] = {}
    meant: dict[int, set[int]] = {}
    for rule in rules:
        only = Filter.from_json(rule.filter)
        key = repr(only)
        if key not in found:
            found[key] = set(only.photos(store).filter(pk__in=photos).values_list("pk", flat=True))
        meant[rule.pk] = found[key]
    return meant


def shown(store: int, photos: Sequence[int]) -> set[int]:
    return set(photos_to_render(store).filter(pk__in=photos).values_list("pk", flat=True))


# -- how far they are ----------------------------------------------------------------------------------------------


def made_since(rules: Sequence[int], since: dt.datetime) -> dict[int, int]:
    """Rule → how many images it had made since then."""
    rows = Trigger.objects.filter(rule__in=rules, outcome=Outcome.MADE, ended_at__gte=since)
    return dict(rows.order_by().values_list("rule").annotate(n=Count("pk")))


@dataclass
class Counts:
    """Of one rule: what was made in the shop's day, and what waits, by reason."""

    today: int = 0
    waiting: dict[str, int] = field(default_factory=dict)

    @property
    def waits(self) -> int:
        return sum(self.waiting.values())


def counts(workspace: int, rules: Sequence[int]) -> dict[int, Counts]:
    """By rule; two queries and one for the time zone."""
    zone = pace.of_workspace(workspace).time_zone
    found: dict[int, Counts] = defaultdict(Counts)
    day, _ = timing.day_of(timezone.now(), time_zone=zone)
    for rule, made in made_since(rules, day).items():
        found[rule].today = made
    rows = Trigger.objects.filter(rule__in=rules, state=TriggerState.WAITING)
    for rule, why, n in rows.order_by().values_list("rule", "waits_for").annotate(n=Count("pk")):
        found[rule].waiting[why] = n
    return found


def hints(limit: int) -> list[int]:
    """Stores where something is due, to be woken now; each comes up again only after HINT_EVERY_S."""
    now = timezone.now()
    due = Trigger.objects.filter(
        state=TriggerState.WAITING,
        hint_after__lte=now,
        not_before__lte=now,
        store__in=stores.active(),
    )
    with transaction.atomic():
        # Whoever acts just now holds its rows; nobody waits for that.
        rows = due.select_for_update(skip_locked=True).order_by("hint_after")
        found = list(rows.values_list("pk", "store")[:HINTED_AT_ONCE])
        woken = list(dict.fromkeys(store for _, store in found))[:limit]
        Trigger.objects.filter(pk__in=[pk for pk, store in found if store in set(woken)]).update(
            hint_after=now + dt.timedelta(seconds=settings.HINT_EVERY_S)
        )
    return woken


# -- what a rule would have done -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Backward:
    """What a rule would have met lately: `photos` by the events that can be told from the catalogue, with examples.

    `fitting`: photos in the store now that its filter means. `untold`: events of the rule of which nobody keeps count.
    """

    days: int
    photos: int
    fitting: int
    examples: list[Photo]
    untold: list[str]

    @property
    def a_day(self) -> float:
        return self.photos / self.days


def looking_back(store: Store, rule: Rule, *, days: int = DAYS_BACK, most: int = 6) -> Backward:
    """Over the last days; what the first reading of the catalogue met is no news. The rule need not be saved."""
    fits = Filter.from_json(rule.filter).photos(store.pk)
    met = _met_since(store, timezone.now() - dt.timedelta(days=days), rule.events)
    found = fits.filter(met) if met else fits.none()
    told = {Happening.NEW_PHOTO, Happening.NEW_PRODUCT, Happening.CHANGED_PHOTO}
    return Backward(
        days=days,
        photos=found.count(),
        fitting=fits.count(),
        examples=list(found.order_by("-pk")[:most]),
        untold=[Happening(e).label for e in rule.events if e not in told],
    )


def _met_since(store: Store, since: dt.datetime, events: Iterable[str]) -> Q | None:
    began = Sync.objects.filter(store=store, first=True).order_by("pk").values_list("finished_at", flat=True)
    read = began.first()
    since = max(since, read) if read else since
    older = Photo.objects.filter(product=OuterRef("product"), ours=False, first_seen_at__lte=since)
    ways: dict[str, Q] = {
        Happening.NEW_PHOTO: Q(first_seen_at__gt=since),
        Happening.NEW_PRODUCT: Q(first_seen_at__gt=since) & ~Q(Exists(older)),
        Happening.CHANGED_PHOTO: Q(replaced_at__gt=since),
    }
    met: Q | None = None
    for event in events:
        way = ways.get(event)
        if way is not None:
            met = way if met is None else met | way
    return met


def same_shape(rule: Rule) -> dict[str, object]:
    """The values of a rule that make up what it does: for a copy, and for programs."""
    return {
        "name": rule.name,
        "events": list(rule.events),
        "tags": list(rule.tags),
        "filter": dict(rule.filter),
        "recipe": rule.recipe.name if rule.recipe else None,
        "lane": rule.lane,
        "calm_s": rule.calm_s,
        "ceiling_s": rule.ceiling_s,
        "quiet_from": f"{rule.quiet_from:%H:%M}" if rule.quiet_from else None,
        "quiet_until": f"{rule.quiet_until:%H:%M}" if rule.quiet_until else None,
        "daily_cap": rule.daily_cap,
    }
