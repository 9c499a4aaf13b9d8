"""How templates show pictures, states, times and events."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.audit.models import Event, Seal
from apps.catalog.models import Photo
from apps.dashboard import batch_words, measures, words
from apps.dashboard.connect_forms import PLATFORMS
from apps.dashboard.passes import passed
from apps.jobs.models import Batch, Job, PhotoMarks, Render
from apps.jobs.services import marks
from apps.lib.sizes import human
from apps.publishing.models import Publication
from apps.review.models import Item
from apps.stores import shopify
from apps.stores.models import Store

register = template.Library()

SUBJECT_PAGES = {name: name for name in ("store", "job", "publication", "product", "batch", "reversal")}


# -- pictures --------------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def photo_url(context: Context, photo: Photo, size: str | int) -> str:
    """Where the photo's copy of that size is; empty while its bytes were not fetched."""
    if not photo.key:
        return ""
    there = f"{reverse('dashboard:photo', args=[photo.pk, size])}?v={photo.sha256[:12]}"
    return passed(context.get("request"), there)


@register.simple_tag(takes_context=True)
def render_url(context: Context, render: Render | None, name: str, size: str | int) -> str:
    """Where a file of the render is; empty where it has none in that role."""
    file = render.file(name) if render else None
    if render is None or file is None:
        return ""
    there = f"{reverse('dashboard:render-file', args=[render.pk, name, size])}?v={file['sha256'][:12]}"
    return passed(context.get("request"), there)


@register.simple_tag(takes_context=True)
def file_url(context: Context, name: str, *args: Any, **query: str) -> str:
    """Where a download of the dashboard is, for a link in this page."""
    there = reverse(f"dashboard:{name}", args=args)
    return passed(context.get("request"), f"{there}?{urlencode(query)}" if query else there)


@register.inclusion_tag("dashboard/parts/picture.html", takes_context=True)
def before(context: Context, photo: Photo, size: int, title: str = "", eager: bool = False) -> dict[str, Any]:
    return {
        "url": photo_url(context, photo, size),
        "alt": f"Before: {title}" if title else "",
        "eager": eager,
        "missing": "Not fetched yet",
    }


@register.inclusion_tag("dashboard/parts/picture.html", takes_context=True)
def after(
    context: Context, render: Render | None, size: int, title: str = "", eager: bool = False
) -> dict[str, Any]:
    return {
        "url": render_url(context, render, "main", size),
        "alt": f"After: {title}" if title else "",
        "eager": eager,
        "missing": "No picture yet",
    }


# -- states ----------------------------------------------------------------------------------------------------


@register.filter
def said(row: Any) -> words.Said:
    """The state of a store, job, item or publication in words."""
    match row:
        case words.Said():
            return row
        case Store():
            return words.store(row)
        case Job():
            return words.job(row)
        case Item():
            publication = getattr(row, "publication", None)
            return words.publication(publication) if publication else words.item(row)
        case Publication():
            return words.publication(row)
        case Batch():
            return batch_words.batch(row)
    raise TypeError(f"no words for {type(row).__name__}")


@register.inclusion_tag("dashboard/parts/badge.html")
def badge(row: Any) -> dict[str, Any]:
    return {"said": said(row)}


@register.filter
def problem(row: Job) -> str:
    return words.problem(row)


@register.filter
def marked(row: Job | PhotoMarks) -> str:
    """What a person marked in the photo: what a job was made with, or what is kept for the next one."""
    table = row.cutout if isinstance(row, PhotoMarks) else row.parameters.get("cutout")
    return marks.said(table or {})


@register.filter
def may_undo(row: Publication) -> bool:
    return words.may_undo(row)


@register.filter
def may_retry(row: Publication) -> bool:
    return words.may_retry(row)


@register.filter
def readings(render: Render) -> list[measures.Reading]:
    return measures.readings(render)


@register.filter
def largest(pairs: list[tuple[str, float]]) -> float:
    return max((value for _, value in pairs), default=0.0)


@register.filter
def platform_name(platform: str) -> str:
    """As the platform writes itself."""
    return dict(PLATFORMS).get(platform, platform.capitalize())


@register.filter
def front(store: Store) -> str:
    """Where people look at the store."""
    return shopify.front(store.shop) if store.platform == shopify.PLATFORM else store.url


@register.filter
def by_name(table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(table.items())


@register.filter
def pretty(value: Any) -> str:
    """JSON to read."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.simple_tag
def sparkline(values: Sequence[int]) -> SafeString:
    """A bar for each number, the newest at the right; in words for whoever can't see it."""
    most = max([*values, 1])
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="5" height="{}"/>',
        (
            (n * 7, f"{30 - height:.1f}", f"{height:.1f}")
            for n, v in enumerate(values)
            for height in [1 + 29 * v / most]
        ),
    )
    told = f"{sum(values):,} in all, {max(values, default=0):,} on the worst day, {values[-1] if values else 0:,} today"
    return format_html(
        '<svg class="spark" viewBox="0 0 {} 30" preserveAspectRatio="xMinYMid" role="img" aria-label="{}">{}</svg>',
        7 * len(values),
        told,
        bars,
    )


# -- time and the trail ----------------------------------------------------------------------------------------


@register.filter
def lasts(seconds: float | None) -> str:
    """About how long, as one says it: 40 seconds, 12 minutes, 3 hours, 2 days."""
    if seconds is None:
        return "not known"
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)} {name}s"
    return (
        "a minute" if seconds >= 45 else f"{max(1, round(seconds))} seconds" if seconds >= 1.5 else "a second"
    )


@register.filter
def how_often(per_s: float) -> str:
    """``3 times per second``, ``once every 2 seconds``."""
    if per_s >= 1.5:
        return f"{per_s:.0f} times per second"
    every_s = round(1 / per_s)
    return "once per second" if every_s <= 1 else f"once every {every_s} seconds"


@register.filter
def human_bytes(size_bytes: int | None) -> str:
    return human(size_bytes or 0)


@register.filter
def money(micros: int | None) -> str:
    """Two digits; four below a tenth, where a single picture would cost nothing; less than those show is said so."""
    amount = (micros or 0) / 1_000_000
    if 0 < amount < 0.0001:
        return "<0.0001"
    return f"{amount:,.2f}" if amount >= 0.1 or not amount else f"{amount:.4f}"


@register.filter
def cash(micros: int | None, currency: str) -> str:
    """An amount that somebody pays, in whole cents, with its currency."""
    return f"{(micros or 0) / 1_000_000:,.2f} {currency}"


_STEPS = ((86_400, "day"), (3600, "hour"), (60, "minute"))


@register.simple_tag
def when(at: dt.datetime | None, empty: str = "never") -> SafeString | str:
    """How long ago, with the exact time (UTC) for machines and for whoever points at it."""
    if at is None:
        return empty
    exact = at.astimezone(dt.UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        exact.isoformat(timespec="seconds"),
        f"{exact:%d %B %Y, %H:%M:%S} UTC",
        _ago(exact),
    )


def _ago(at: dt.datetime) -> str:
    seconds = (dt.datetime.now(dt.UTC) - at).total_seconds()
    if seconds < 45:
        return "just now" if seconds > -45 else f"{at:%d %b, %H:%M}"
    if seconds > 7 * 86_400:
        return f"{at:%d %b %Y}"
    for size, name in _STEPS:
        if seconds >= size:
            count = round(seconds / size)
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "a minute ago"


@register.filter
def phrase(event: Event) -> str:
    return words.phrase(event)


@register.filter
def is_redacted(event: Event) -> bool:
    return words.redacted(event)


@register.filter
def is_sealed(event: Event) -> bool:
    try:
        return event.seal is not None
    except Seal.DoesNotExist:
        return False


@register.filter
def named(names: Mapping[str, str], actor: str) -> str:
    return names.get(actor, actor)


@register.filter
def subject_url(subject: str) -> str:
    """The page of what an event is about, if it has one."""
    kind, _, number = subject.partition(":")
    if kind in SUBJECT_PAGES and number.isdecimal():
        return reverse(f"dashboard:{SUBJECT_PAGES[kind]}", args=[int(number)])
    return ""
