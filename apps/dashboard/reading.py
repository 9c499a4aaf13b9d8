"""What a page puts together from several rooms, in a fixed number of queries. Reads only."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from apps.accounts.models import ApiKey, User
from apps.audit.models import Event
from apps.catalog import selectors as catalog
from apps.catalog.models import Photo, Product, Variant
from apps.dashboard import words
from apps.jobs import selectors as jobs
from apps.jobs.models import OPEN_STATES, Batch, Job, JobState, Render
from apps.jobs.progress import counts
from apps.lib.work import WorkState
from apps.publishing import selectors as publishing
from apps.publishing.models import Publication
from apps.review import selectors as review
from apps.review.models import Item, ItemState
from apps.stores import selectors as stores
from apps.stores.models import StoreState
from apps.usage import selectors as usage
from apps.usage.selectors import Standing

BROKEN_JOBS = (JobState.FAILED, JobState.QUARANTINED)
# A smaller difference in scale than this share is not seen.
SEEN_IN_SIZE = 0.005
# Jobs that were asked for within this time of each other are shown as one piece of work.
ONE_GO = dt.timedelta(minutes=15)


@dataclass(frozen=True)
class Shot:
    """A photo with the newest job it got and the newest picture made of it. `of_variant`: the name of the variant that
    shows it, empty for the gallery's."""

    photo: Photo
    job: Job | None = None
    rendered: Job | None = None
    of_variant: str = ""

    @property
    def render(self) -> Render | None:
        return self.rendered.render if self.rendered else None

    @property
    def item(self) -> Item | None:
        return getattr(self.rendered, "item", None)

    @property
    def publication(self) -> Publication | None:
        return getattr(self.item, "publication", None)

    @property
    def said(self) -> words.Said:
        """Where this photo stands: the newest thing that is true of it."""
        if self.job is None:
            return words.Said("quiet", "Not worked on yet")
        if self.job.state != JobState.DONE:
            return words.job(self.job)
        if self.publication is not None:
            return words.publication(self.publication)
        if self.item is not None:
            said = words.item(self.item)
            if said.tone != "good":
                return said
            return words.Said("good", "Approved, not written yet")
        return words.job(self.job)


@dataclass(frozen=True)
class Card:
    """A product as lists show it: `lead` is the shot that tells most of it."""

    product: Product
    shots: list[Shot] = field(default_factory=list)

    @property
    def lead(self) -> Shot | None:
        worked_on = [s for s in self.shots if s.job is not None]
        return (worked_on or self.shots or [None])[0]  # type: ignore[list-item]


def cards(products: Iterable[Product]) -> list[Card]:
    """One card per product, in the given order. Four queries, however many products."""
    products = list(products)
    shots = shots_of(p.pk for p in products)
    return [Card(p, shots.get(p.pk, [])) for p in products]


def shots_of(product_ids: Iterable[int]) -> dict[int, list[Shot]]:
    """Every merchant's photo of these products with its newest job and newest picture, in the store's order."""
    photos = list(Photo.objects.filter(product__in=list(product_ids), ours=False).order_by("position", "pk"))
    newest = _newest_jobs(photos)
    rendered = _newest_jobs(photos, render__isnull=False)
    shots: dict[int, list[Shot]] = defaultdict(list)
    names = _variant_names(photos)
    for photo in photos:
        name = names.get((photo.product_id, photo.variant), "a variant") if photo.variant else ""
        shots[photo.product_id].append(Shot(photo, newest.get(photo.pk), rendered.get(photo.pk), name))
    return shots


def _variant_names(photos: list[Photo]) -> dict[tuple[int, str], str]:
    """(product, id in the store) → what the variant is called, of those whose pictures are among these."""
    shown = [p for p in photos if p.variant]
    if not shown:
        return {}
    found = Variant.objects.filter(
        product__in={p.product_id for p in shown}, external_id__in={p.variant for p in shown}
    )
    return {(v.product_id, v.external_id): str(v) for v in found if str(v)}


def _newest_jobs(photos: list[Photo], **where: Any) -> dict[int, Job]:
    found = (
        Job.objects.filter(photo__in=[p.pk for p in photos], **where)
        .select_related("render", "item__publication__undo")
        .order_by("photo_id", "-pk")
        .distinct("photo_id")
    )
    return {job.photo_id: job for job in found}


def scales_differ(product: Product, shots: list[Shot]) -> bool:
    """Whether pictures that should share a scale don't: one photo was added, exchanged or marked after the others."""
    scales = {s.photo.pk: s.render.measures.get("group_scale") for s in shots if s.render}
    if not any(scales.values()):
        return False
    shown = catalog.shown_together(product.store_id, [product.pk], most=len(shots))[product.pk]
    made = [scales[photo] or 0.0 for photo in shown if photo in scales]
    return bool(made) and max(made) - min(made) > SEEN_IN_SIZE * max(made)


def newer(item: Item) -> Job | None:
    """The newest job that was asked for in place of this item's picture, with its own item where it has one."""
    return item.job.again.select_related("item").order_by("-pk").first()


# -- products --------------------------------------------------------------------------------------------------

_later_job = Job.objects.filter(photo=OuterRef("photo"), pk__gt=OuterRef("pk"))
PRODUCT_STATES: dict[str, tuple[str, Q]] = {
    "waiting": (
        "Waiting for review",
        Q(Exists(Item.objects.filter(state=ItemState.PENDING, job__photo__product=OuterRef("pk")))),
    ),
    "published": (
        "Live in the store",
        Q(
            Exists(
                Publication.objects.filter(
                    product=OuterRef("pk"), published_at__isnull=False, undone_at__isnull=True
                )
            )
        ),
    ),
    "failed": (
        "Failed",
        # A failed job counts while no later one of the same photo exists.
        Q(
            Exists(
                Job.objects.filter(~Exists(_later_job), photo__product=OuterRef("pk"), state__in=BROKEN_JOBS)
            )
        )
        | Q(
            Exists(
                Publication.objects.filter(
                    Q(work_state=WorkState.FAILED) | Q(undo__work_state=WorkState.FAILED),
                    product=OuterRef("pk"),
                )
            )
        ),
    ),
    "working": (
        "In work",
        Q(Exists(Job.objects.filter(photo__product=OuterRef("pk"), state__in=OPEN_STATES))),
    ),
}


def products(
    workspace: int, *, text: str = "", store: int | None = None, state: str = ""
) -> QuerySet[Product]:
    """Products of a workspace, narrowed. `text` is looked for in titles and SKUs."""
    found = catalog.products_of(workspace, store=store)
    if text:
        found = found.filter(
            Q(title__icontains=text)
            | Q(sku__icontains=text)
            | Exists(Variant.objects.filter(product=OuterRef("pk"), sku__icontains=text))
        )
    if state in PRODUCT_STATES:
        found = found.filter(PRODUCT_STATES[state][1])
    return found


# -- home ------------------------------------------------------------------------------------------------------


def progress(workspace: int) -> dict[str, Any]:
    """How far the work under way is: jobs asked for together with the oldest open one; zeros when none is."""
    oldest = Job.objects.filter(workspace=workspace, state__in=OPEN_STATES).aggregate(at=Min("created_at"))[
        "at"
    ]
    if oldest is None:
        return {"open": 0, "total": 0, "ended": 0}
    counts = jobs.progress(workspace, created_at__gte=oldest - ONE_GO)
    broken = sum(counts.get(state, 0) for state in BROKEN_JOBS)
    return {
        "open": counts["open"],
        "total": counts["total"],
        "ended": counts["total"] - counts["open"],
        "running": counts.get(JobState.RUNNING, 0) + counts.get(JobState.DISPATCHED, 0),
        "failed": broken,
    }


def batch_progress(batch: Batch) -> dict[str, Any]:
    """The same of one batch."""
    counted = counts([batch.pk])[batch.pk]
    return {name: getattr(counted, name) for name in ("open", "total", "ended", "running", "failed")}


@dataclass(frozen=True)
class Numbers:
    """What the home page counts for one workspace."""

    stores: int
    products: int
    waiting: int
    live: int
    standing: Standing
    broken_stores: list[Any]
    failed_writes: int


def numbers(workspace: int) -> Numbers:
    stores_here = list(stores.of_workspace(workspace))
    return Numbers(
        stores=sum(s.state != StoreState.DISCONNECTED for s in stores_here),
        products=Product.objects.filter(store__in=stores_here, present=True).count(),
        waiting=review.waiting(workspace).count(),
        live=publishing.live(workspace).count(),
        standing=usage.standing(workspace),
        broken_stores=[s for s in stores_here if s.state == StoreState.BROKEN],
        failed_writes=Publication.objects.filter(workspace=workspace, work_state=WorkState.FAILED).count(),
    )


def latest(workspace: int, count: int) -> list[Item]:
    """The newest judged pictures with all that a before/after strip shows."""
    return list(review.items_of(workspace).select_related("publication__undo")[:count])


# -- the trail -------------------------------------------------------------------------------------------------


def actor_names(workspace: int, events: Iterable[Event]) -> dict[str, str]:
    """actor → the name to show: people and keys of this workspace by name, in at most two queries."""
    actors = {e.actor for e in events}
    people = [int(a[5:]) for a in actors if a.startswith("user:") and a[5:].isdigit()]
    keys = [int(a[7:]) for a in actors if a.startswith("apikey:") and a[7:].isdigit()]
    names = {"system": "Vitrine", "policy": "The review policy"}
    if people:
        for user in User.objects.filter(pk__in=people, workspaces=workspace):
            names[f"user:{user.pk}"] = user.get_full_name() or user.username
    if keys:
        for key in ApiKey.objects.filter(pk__in=keys, workspace=workspace):
            names[f"apikey:{key.pk}"] = f"The key “{key.name}”"
    return {
        actor: names.get(actor, "A former member" if actor.startswith("user:") else actor) for actor in actors
    }
