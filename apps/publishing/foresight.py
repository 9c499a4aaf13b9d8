"""What taking many publications back would do, from what is known here. Looks, asks no store and changes nothing."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.catalog.models import Photo, Variant
from apps.jobs.models import OPEN_STATES, Batch, BatchState, Job
from apps.lib.errors import BadRequest, NotAllowed
from apps.lib.work import WorkState
from apps.publishing.models import Publication, Step
from apps.publishing.services import steps, wayback
from apps.publishing.services.wayback import Family
from apps.recipes.models import Recipe
from apps.review.models import Item, ItemState
from apps.stores.models import Store, StoreState
from connectors.types import RemoteImage, RemoteProduct, RemoteVariant

SAMPLE = 6
# Products that are looked at together: memory is bounded by this, however many there are.
AT_ONCE = 500
OPEN = (WorkState.WAITING, WorkState.RUNNING)
# What the list of a product says when somebody else changed it after us.
CHANGED = (wayback.MERGED, wayback.BY_HAND, wayback.TAKEN_OFF, wayback.GONE_ALREADY)


def was_written() -> Q:
    """The condition on publications: the store shows it, or may show it."""
    return Q(published_at__isnull=False) | Q(
        Exists(Step.objects.filter(steps.SENT, publication=OuterRef("pk"), name__in=steps.CHANGE_THE_PRODUCT))
    )


@dataclass(frozen=True)
class Scope:
    """Which publications: all of a batch (with its pilot), or what went into a store since a moment, perhaps of one
    recipe only. What is asked for after `until` does not belong to it."""

    store: Store
    batch: Batch | None = None
    since: dt.datetime | None = None
    recipe: Recipe | None = None
    until: dt.datetime = field(default_factory=timezone.now)

    def check(self) -> None:
        """Raises BadRequest for what can't be meant, NotAllowed where the store can't be written."""
        if (self.batch is None) == (self.since is None):
            raise BadRequest("Say which batch, or since when.")
        if self.batch is not None and (self.batch.store_id != self.store.pk or self.recipe is not None):
            raise BadRequest("A batch belongs to one store and one recipe.")
        if self.since is not None and self.since > self.until:
            raise BadRequest("That moment has not come yet.")
        if self.store.state == StoreState.DISCONNECTED:
            raise NotAllowed("This store is disconnected. Connect it again first.")

    def publications(self) -> QuerySet[Publication]:
        """All that belong to it, taken back or not."""
        found = Publication.objects.filter(store=self.store, created_at__lte=self.until)
        if self.batch is not None:
            return found.filter(Q(item__job__batch=self.batch) | Q(item__job__batch__pilot_of=self.batch))
        if self.recipe is not None:
            found = found.filter(item__job__recipe_version__recipe=self.recipe)
        # What is still on its way would get there after that moment, whenever it was asked for.
        on_its_way = Q(published_at=None, work_state__in=OPEN)
        return found.filter(Q(published_at__gte=self.since) | on_its_way | Q(created_at__gte=self.since))

    def meant(self) -> QuerySet[Publication]:
        """Those that would be taken back, or not be written."""
        on_its_way = Q(published_at=None, work_state__in=OPEN)
        return self.publications().filter(
            on_its_way | Q(was_written(), product__present=True), undone_at=None
        )

    def to_cancel(self) -> Batch | None:
        """The batch whose open work has to be stopped first: its own, or the one that waits for this pilot."""
        if self.batch is None:
            return None
        above = self.batch.pilot_of
        for batch in (above if above and above.state == BatchState.HELD else None, self.batch):
            if batch is not None and batch.state != BatchState.CANCELLED:
                mine = Q(batch=batch) | Q(batch__pilot_of=batch)
                if Job.objects.filter(mine, state__in=OPEN_STATES).exists():
                    return batch
        return None


@dataclass(frozen=True)
class Ahead:
    """What would come of it. `pictures` are taken back in `products`; `waiting` were not written yet and will not be.

    Of `pictures`, `under_way` are being written just now and follow when that has ended; in `changed` products somebody
    else changed the pictures after us, as far as we know; `covered` lie under newer ones of ours. `gone` can't be taken
    back because the product is deleted or in the trash, `undone` were taken back before.
    """

    pictures: int = 0
    products: int = 0
    waiting: int = 0
    under_way: int = 0
    changed: int = 0
    covered: int = 0
    gone: int = 0
    undone: int = 0
    cancelled_jobs: int = 0
    cancelled_batch: int | None = None
    in_review: int = 0
    going_on: tuple[str, ...] = ()
    sample: tuple[Publication, ...] = ()

    @property
    def anything(self) -> bool:
        return bool(self.pictures or self.waiting or self.cancelled_jobs)

    def as_json(self) -> dict[str, Any]:
        told = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "sample"}
        return {**told, "going_on": list(self.going_on)}


def foresee(scope: Scope) -> Ahead:
    """Raises as `Scope.check`."""
    scope.check()
    meant = scope.meant()
    waits = Q(work_state=WorkState.WAITING) & ~was_written()
    numbers = meant.aggregate(
        all=Count("pk"),
        waiting=Count("pk", filter=waits),
        products=Count("product", distinct=True, filter=~waits),
        under_way=Count("pk", filter=Q(published_at=None, work_state__in=OPEN) & ~waits),
    )
    others = scope.publications().aggregate(
        undone=Count("pk", filter=Q(undone_at__isnull=False, published_at__isnull=False)),
        gone=Count("pk", filter=Q(undone_at=None, product__present=False) & was_written()),
    )
    changed, covered = _differing(meant, scope.store.pk)
    batch = scope.to_cancel()
    mine = Q(batch=batch) | Q(batch__pilot_of=batch)
    return Ahead(
        pictures=numbers["all"] - numbers["waiting"],
        products=numbers["products"],
        waiting=numbers["waiting"],
        under_way=numbers["under_way"],
        changed=changed,
        covered=covered,
        gone=others["gone"],
        undone=others["undone"],
        cancelled_jobs=Job.objects.filter(mine, state__in=OPEN_STATES).count() if batch else 0,
        cancelled_batch=batch.pk if batch else None,
        in_review=_in_review(scope),
        going_on=_going_on(scope),
        sample=tuple(
            meant.filter(published_at__isnull=False)
            .select_related("product", "photo", "render")
            .order_by("-pk")[:SAMPLE]
        ),
    )


def _in_review(scope: Scope) -> int:
    """Pictures of the batch that wait for a person, who may still have them written."""
    if scope.batch is None:
        return 0
    mine = Q(job__batch=scope.batch) | Q(job__batch__pilot_of=scope.batch)
    return Item.objects.filter(mine, state=ItemState.PENDING).count()


def _going_on(scope: Scope) -> tuple[str, ...]:
    """Batches of the store that go on writing, where everything since a moment is taken back."""
    if scope.batch is not None:
        return ()
    open_jobs = Job.objects.filter(batch=OuterRef("pk"), state__in=OPEN_STATES)
    running = Batch.objects.filter(Exists(open_jobs), store=scope.store, state=BatchState.RUNNING)
    if scope.recipe is not None:
        running = running.filter(recipe_version__recipe=scope.recipe)
    return tuple(running.order_by("pk").values_list("name", flat=True)[:SAMPLE])


# -- what somebody else changed ------------------------------------------------------------------------------------

# Products whose mirrored list is not what the latest snapshot was with our pictures in their places, or of which a
# variant that got our picture shows neither that nor what it replaced.
_DIFFERING = """
WITH meant AS ({meant}), latest AS (SELECT product_id, max(id) AS id FROM meant GROUP BY product_id),
ours AS (
    SELECT p.product_id, s.replaced_id, p.media_id FROM publishing_publication p
    JOIN publishing_snapshot s ON s.publication_id = p.id
    WHERE p.store_id = %s AND p.undone_at IS NULL AND p.media_id > ''
), left_by_us AS (
    SELECT l.product_id, array_agg(coalesce(o.media_id, e.image ->> 'id') ORDER BY e.nth) AS media
    FROM latest l JOIN publishing_snapshot s ON s.publication_id = l.id
    CROSS JOIN LATERAL jsonb_array_elements(s.images) WITH ORDINALITY AS e(image, nth)
    LEFT JOIN ours o ON o.product_id = l.product_id AND o.replaced_id = e.image ->> 'id'
    GROUP BY l.product_id
), shown AS (
    SELECT f.product_id, array_agg(f.media_id ORDER BY f.position, f.id) AS media
    FROM latest l JOIN catalog_photo f ON f.product_id = l.product_id
    WHERE f.present AND f.variant = '' GROUP BY f.product_id
)
SELECT l.product_id FROM latest l LEFT JOIN left_by_us b USING (product_id) LEFT JOIN shown s USING (product_id)
WHERE b.media::text[] IS DISTINCT FROM s.media::text[]
UNION
SELECT m.product_id FROM meant m JOIN publishing_publication p ON p.id = m.id
JOIN publishing_snapshot s ON s.publication_id = m.id
CROSS JOIN LATERAL jsonb_array_elements_text(s.given) AS given(variant)
JOIN catalog_variant v ON v.product_id = m.product_id AND v.external_id = given.variant
WHERE v.media_id NOT IN (p.media_id, s.replaced_id)
ORDER BY product_id
"""


def _differing(meant: QuerySet[Publication], store: int) -> tuple[int, int]:
    """(products whose pictures somebody else changed, publications under a newer one), as the mirror has it.

    Nearly all products are as we left them, which the database sees; what became of the others says `wayback.steps`.
    """
    sql, params = meant.filter(snapshot__isnull=False).values("id", "product_id").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERING.format(meant=sql), [*params, store])
        products = [pk for (pk,) in cursor.fetchall()]
    changed = covered = 0
    for at in range(0, len(products), AT_ONCE):
        for publications, family, shown in _by_product(meant, products[at : at + AT_ONCE]):
            outcomes = [step.outcome for step in wayback.steps(shown, publications, family)]
            changed += any(outcome in CHANGED for outcome in outcomes)
            covered += sum(outcome == wayback.COVERED for outcome in outcomes)
    return changed, covered


def _by_product(
    meant: QuerySet[Publication], products: list[int]
) -> Iterator[tuple[list[Publication], Family, RemoteProduct]]:
    """Each product's publications, the latest first, with their family and the product as an undo would meet it, as
    far as the mirror knows."""
    mine: dict[int, list[Publication]] = defaultdict(list)
    rows = meant.filter(product__in=products, snapshot__isnull=False).select_related("snapshot")
    for row in rows.order_by("-pk"):
        mine[row.product_id].append(row)
    families: dict[int, dict[str, Publication]] = defaultdict(dict)
    everybody = wayback.family_of([row for some in mine.values() for row in some])
    for media, publication in everybody.of.items():
        families[publication.product_id][media] = publication
    shown: dict[int, list[RemoteImage]] = defaultdict(list)
    photos = Photo.objects.filter(product__in=products, present=True, variant="").order_by("position", "pk")
    for product, media in photos.values_list("product", "media_id"):
        shown[product].append(RemoteImage(media, ""))
    variants: dict[int, list[RemoteVariant]] = defaultdict(list)
    known = Variant.objects.filter(product__in=products).order_by("pk")
    for product, variant, media in known.values_list("product", "external_id", "media_id"):
        image = RemoteImage(media, "") if media else None
        variants[product].append(RemoteVariant(variant, "", image=image))
    for product, publications in mine.items():
        seen = replace(_UNKNOWN, images=tuple(shown[product]), variants=tuple(variants[product]))
        yield publications, Family(families[product], everybody.again), seen


_UNKNOWN = RemoteProduct(
    id="", title="", url="", status="", type="", modified_at=dt.datetime.fromtimestamp(0, dt.UTC)
)
