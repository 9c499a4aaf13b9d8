"""Something happened at a product: keep it for the rules, in the transaction that mirrors it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.utils import timezone

from apps.automation import selectors, timing
from apps.automation.models import Happening, Rule, Trigger, TriggerState, WaitsFor
from apps.automation.services import ruling
from apps.catalog import selectors as catalog
from apps.catalog.models import Photo
from apps.catalog.services import Mirrored

Happened = dict[int, set[str]]


def notice(seen: Mirrored, *, news: bool = False) -> int:
    """Note what happened to which photos. `news`: the product itself is new. Returns how many photos a rule waits for.

    A photo that waits already goes on waiting, with what happened now added. Our own pictures are never among them.
    """
    product = seen.product
    happened, photos = _happened(seen, news=news)
    if not happened:
        if seen.touched:
            _stir(product.pk)
        return 0
    rules = [r for r in ruling.of_store(product.store) if r.on]
    now, count = timezone.now(), 0
    waiting = _waiting(product.pk)
    wanted = selectors.meant_by(rules, product.store_id, list(happened))
    for pk, events in happened.items():
        row = waiting.pop(pk, None) or Trigger(
            store_id=product.store_id,
            product=product,
            photo=photos[pk],
            revision=photos[pk].revision,
            first_at=now,
        )
        row.photo = photos[pk]
        count += _keep(row, rules, wanted, events, seen.tags_added, now)
    _stir(product.pk, waiting.values())
    return count


def _happened(seen: Mirrored, *, news: bool) -> tuple[Happened, dict[int, Photo]]:
    """What happened to each photo. One that a rule knew of at this revision is not news a second time."""
    happened: Happened = defaultdict(set)
    photos: dict[int, Photo] = {}

    def to(these: Iterable[Photo], *events: str) -> None:
        for photo in these:
            photos[photo.pk] = photo
            happened[photo.pk].update(events)

    if news:
        shown = catalog.source_photos(seen.product)
        known = set(Trigger.objects.filter(photo__in=shown).values_list("photo", "revision"))
        fresh = [p for p in shown if (p.pk, p.revision) not in known]
        to(fresh, Happening.NEW_PRODUCT, Happening.NEW_PHOTO)
    else:
        to(seen.new, Happening.NEW_PHOTO)
    to(seen.replaced, Happening.CHANGED_PHOTO)
    if seen.tags_added or seen.back_in_stock:
        events = [Happening.TAG_ADDED] * bool(seen.tags_added) + [
            Happening.BACK_IN_STOCK
        ] * seen.back_in_stock
        to(catalog.photos_to_render(seen.product.store_id).filter(product=seen.product), *events)
    return happened, photos


def _waiting(product: int) -> dict[int, Trigger]:
    rows = Trigger.objects.select_for_update().filter(product=product, state=TriggerState.WAITING)
    return {t.photo_id: t for t in rows.order_by("pk")}


def _keep(
    row: Trigger,
    rules: Sequence[Rule],
    wanted: dict[int, set[int]],
    events: set[str],
    tags: Sequence[str],
    now: dt.datetime,
) -> bool:
    """Save what happened if some rule may act on it; the rule that fits now says how long it has to be quiet."""
    row.events = sorted({*row.events, *events})
    row.tags = sorted({*row.tags, *tags})
    row.revision, row.last_at = row.photo.revision, now
    asking = [r for r in rules if selectors.waits_for(r, row.events, row.tags)]
    fits = next((r for r in asking if row.photo_id in wanted[r.pk]), None)
    if fits is None and not any(r.calm_s for r in asking):
        # Nothing can change before it would be decided, so it is decided now.
        return False
    row.rule = fits or row.rule
    _set_time(row, fits or max(asking, key=lambda r: r.calm_s))
    row.save()
    return True


def _stir(product: int, rows: Iterable[Trigger] | None = None) -> None:
    """The product changed in some other way: what waits for it to be left alone waits on."""
    if rows is None:
        rows = _waiting(product).values()
    for row in rows:
        if row.waits_for == WaitsFor.CALM:
            row.last_at = timezone.now()
            _set_time(row, row.rule or ruling.most_patient(row.store_id))
            row.save()


def _set_time(row: Trigger, rule: Rule | None) -> None:
    """What waits for its hour, or for the next day, keeps its time."""
    if row.waits_for not in {WaitsFor.TURN, WaitsFor.CALM}:
        return
    calm_s, ceiling_s = (rule.calm_s, rule.ceiling_s) if rule else (0, 0)
    row.not_before = timing.calm_at(row.first_at, row.last_at, calm_s=calm_s, ceiling_s=ceiling_s)
    row.hint_after = row.not_before
    row.waits_for = WaitsFor.CALM if row.not_before > timezone.now() else WaitsFor.TURN
