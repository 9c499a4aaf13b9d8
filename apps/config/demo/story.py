"""The merchant's story, told from what really happens: rows are read, never assumed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import QuerySet

from apps.accounts import services as accounts
from apps.accounts.models import User, Workspace
from apps.audit import selectors as audit
from apps.audit import services as audit_services
from apps.catalog.models import Photo, Product
from apps.config.demo import sheet
from apps.config.demo.shop import Keys, sha256_of
from apps.config.demo.shopify import SHOP
from apps.dashboard.templatetags.vitrine import platform_name
from apps.flow import flow, signingin, waking
from apps.ingest.models import Delivery
from apps.jobs.models import OPEN_STATES, Job, JobState
from apps.lib import blobs, ids
from apps.lib.work import WorkState
from apps.publishing.models import Publication, Undo
from apps.recipes import selectors as recipes_selectors
from apps.recipes import services as recipes
from apps.review.models import Item, ItemState
from apps.stores import selectors as stores_selectors
from apps.stores import services as stores
from apps.stores import shopify
from apps.stores.models import Store
from connectors.types import Credentials, Kind

USERNAME = "demo"
WORKSPACE = "Demo shop"
ACTOR = "demo"


@dataclass(frozen=True)
class Part:
    """One store's part of the story: its products, by their ids there."""

    store: Store
    products: list[int]


@dataclass
class Tally:
    """How far the products of a part are. Counts of rows; `deliveries` are the webhooks that told of new products."""

    products: int
    deliveries: int = 0
    rendered: int = 0
    failed: int = 0
    judged: int = 0
    approved: int = 0
    waiting: int = 0
    published: int = 0
    not_published: int = 0
    open: int = 0

    @property
    def settled(self) -> bool:
        """Every product has a job that ended, and every approved picture was written or refused."""
        return (
            self.rendered + self.failed >= self.products
            and self.open == 0
            and self.published + self.not_published >= self.approved
        )


class Front(Protocol):
    """A storefront, as shoppers see it."""

    def page_shows(self, product_id: int, src: str) -> bool: ...
    def first_photo(self, product_id: int) -> str: ...


@dataclass
class Ended:
    """What came of a part: pictures that its shop's pages show, publications taken back, and whether the original is
    there again."""

    tally: Tally
    shown: int = 0
    undone: int = 0
    original_back: bool = False
    problems: list[str] = field(default_factory=list)


@dataclass
class Outcome:
    """What the summary line says. `shopify` is None where there was no store to tell of."""

    woo: Ended
    shopify: Ended | None
    audit_ok: bool
    contact_sheet: str
    problems: list[str]


@transaction.atomic
def owner(password: str, *, spot_check_every: int) -> Workspace:
    """The demo's workspace with its owner and recipe; what is there is kept."""
    user = User.objects.filter(username=USERNAME).first()
    if user:
        return Workspace.objects.get(members=user)
    user, workspace = accounts.create_owner(username=USERNAME, password=password, workspace_name=WORKSPACE)
    body = {**recipes.WHITE_PACKSHOT}
    body["review"] = {**body["review"], "spot_check_every": spot_check_every}
    recipes.create(workspace, name="White packshot", body=body, by=f"user:{user.pk}", automatic=True)
    return workspace


def connect(workspace: Workspace, keys: Keys) -> Store:
    """Connect the storefront; a store that is there is only asked to deliver to where we are now."""
    store = Store.objects.filter(workspace=workspace, url=keys.url).first()
    if store is None:
        store = stores.connect(
            workspace,
            platform="woocommerce",
            url=keys.url,
            credentials=Credentials(keys.consumer_key, keys.consumer_secret, keys.user, keys.app_password),
            by=ACTOR,
        )
        flow.connected(store, by=ACTOR)
    else:
        waking.wake(store)  # it was away while nobody ran the demonstration
        stores.listen(store)
    return store


def open_to_its_people(store: Store) -> None:
    """Whoever opens the app in that shop's administration sees the demo's workspace."""
    stores.let_in(store, everybody=True, by=ACTOR)


def connected_shop() -> Store | None:
    """The Shopify store, if it is connected and lets us in; where it was away, it is asked again."""
    store = stores_selectors.of_shop(shopify.PLATFORM, SHOP)
    if store is None or signingin.lacks_access(store):
        return None
    waking.wake(store)
    return store


def read_catalogue(store: Store, *, timeout_s: float) -> None:
    """Wait until what was asked for when the store was connected is read. Raises CommandError."""
    deadline = time.monotonic() + timeout_s
    while store.syncs.exclude(work_state__in=[WorkState.DONE, WorkState.FAILED]).exists():
        if time.monotonic() > deadline:
            raise CommandError(f"the catalogue of {store.name} was not read within {timeout_s:.0f} s")
        time.sleep(0.1)
    last = store.syncs.order_by("-pk").first()
    if last is not None and last.work_state == WorkState.FAILED:
        raise CommandError(f"the catalogue of {store.name} could not be read: {last.error}")


def work_on_what_was_there(store: Store) -> None:
    """Photos from before the store was connected start no work by themselves: they are asked for, as one batch."""
    version = recipes_selectors.automatic(store.workspace_id)
    if version is not None:
        flow.regenerate(store, version, name="What was there before", key=f"demo-{store.pk}", by=ACTOR)


def tally(part: Part) -> Tally:
    """Count the products of a part, by what the database says now."""
    store = part.store
    wanted = {"product__store": store, "product__external_id__in": [str(i) for i in part.products]}
    photos = Photo.objects.filter(ours=False, **wanted)
    jobs = Job.objects.filter(photo__in=photos)
    items = Item.objects.filter(job__photo__in=photos)
    publications = Publication.objects.filter(photo__in=photos)
    return Tally(
        products=len(part.products),
        deliveries=Delivery.objects.filter(store=store, kind=Kind.PRODUCT_CREATED).count(),
        rendered=jobs.filter(state=JobState.DONE).count(),
        failed=jobs.filter(state__in=[JobState.FAILED, JobState.QUARANTINED]).count(),
        judged=items.count(),
        approved=items.filter(state=ItemState.APPROVED).count(),
        waiting=items.filter(state=ItemState.PENDING).count(),
        published=publications.filter(published_at__isnull=False).count(),
        not_published=publications.filter(work_state=WorkState.FAILED).count(),
        open=jobs.filter(state__in=OPEN_STATES).count(),
    )


def watch(parts: Sequence[Part], *, timeout_s: float) -> Iterator[list[Tally]]:
    """The tally of each part four times a second, until all are settled. Raises CommandError when they stand still too
    long."""
    deadline, last = time.monotonic() + timeout_s, ""
    while True:
        now = [tally(part) for part in parts]
        if repr(now) != last:
            last, deadline = repr(now), time.monotonic() + timeout_s
        yield now
        if all(one.settled for one in now):
            return
        if time.monotonic() > deadline:
            raise CommandError(
                f"Nothing moved for {timeout_s:.0f} s: {now}. Logs are in {settings.DATA_ROOT / 'logs'}"
            )
        time.sleep(0.25)


def end(part: Part, tally: Tally, front: Front) -> Ended:
    """Take one picture back, and see in the shop what became of all of them."""
    undo = _undo_one(part.store)
    ended = Ended(tally)
    ended.undone = int(undo is not None and undo.work_state == WorkState.DONE)
    ended.original_back = undo is not None and bool(ended.undone) and _original_is_back(front, undo)
    ended.shown = _count_shown(front, part.store)
    live = tally.published - ended.undone
    found = [
        (tally.failed == 0, f"{tally.failed} photos could not be rendered"),
        (tally.not_published == 0, f"{tally.not_published} pictures could not be written"),
        (tally.published == tally.approved, "not every approved picture is in the store"),
        (ended.shown >= live, f"the storefront shows {ended.shown} of {live} pictures"),
    ]
    if undo is not None:
        found += [
            (ended.undone == 1, f"the undo did not end: {undo.error}"),
            (ended.original_back, "the original did not come back byte for byte"),
        ]
    ended.problems = [problem for fits, problem in found if not fits]
    return ended


def _count_shown(front: Front, store: Store) -> int:
    """How many published pictures the storefront's own pages show."""
    live = Publication.objects.filter(store=store, published_at__isnull=False, undone_at=None)
    return sum(
        front.page_shows(int(p.product.external_id), p.media_src) for p in live.select_related("product")
    )


def _undo_one(store: Store, *, timeout_s: float = 60.0) -> Undo | None:
    """Take one publication back (the first; once per installation) and wait for it. None where a person has to approve
    something first."""
    there = Undo.objects.filter(publication__store=store).order_by("pk").first()
    if there is None:
        publication = (
            Publication.objects.filter(store=store, published_at__isnull=False).order_by("pk").first()
        )
        if publication is None:
            return None
        there = flow.undo(publication, by=ACTOR)
    deadline = time.monotonic() + timeout_s
    while there.work_state in {WorkState.WAITING, WorkState.RUNNING} and time.monotonic() < deadline:
        time.sleep(0.2)
        there.refresh_from_db()
    return there


def _original_is_back(front: Front, undo: Undo) -> bool:
    """Whether shoppers load the very bytes that the merchant had uploaded as the product's first picture."""
    src = front.first_photo(int(undo.publication.product.external_id))
    uploaded = ids.sha256_hex(blobs.read(undo.publication.photo.key))
    return bool(src) and sha256_of(src) == uploaded


def verify_audit() -> list[str]:
    """Rows of the trail that do not fit; empty is well."""
    audit_services.seal()
    return audit.verify().broken


def contact_sheet(parts: Sequence[Part]) -> Path:
    rows = []
    for product in chain.from_iterable(map(_products, parts)):
        job = (
            Job.objects.filter(photo__product=product)
            .select_related("render", "photo")
            .order_by("pk")
            .first()
        )
        if job is None or not job.photo.key:
            continue
        rows.append(_row(product, job))
    return sheet.draw(rows, settings.DATA_ROOT / "contact-sheet.jpg")


def _products(part: Part) -> QuerySet[Product]:
    wanted = [str(i) for i in part.products]
    found = Product.objects.filter(store=part.store, external_id__in=wanted)
    return found.select_related("store").order_by("pk")


def _row(product: Product, job: Job) -> sheet.Row:
    item = Item.objects.filter(job=job).first()
    files = {name: job.render.file(name) if job.render else None for name in ("main", "cutout")}
    main, cutout = (blobs.read(f["key"]) if f else None for f in (files["main"], files["cutout"]))
    if item is None:
        words = f"{job.state}: {job.error}"
    else:
        confidence = job.render.confidence if job.render else None
        sure = f", confidence {confidence:.2f}" if confidence is not None else ""
        words = f"{'waits for a person' if item.state == ItemState.PENDING else item.state}{sure}"
    return sheet.Row(
        title=product.title[:38],
        store=f"{product.store.name}, {platform_name(product.store.platform)}"[:44],
        before=blobs.read(job.photo.key),
        cutout=cutout,
        after=main,
        state=item.state if item else "",
        words=words,
        reason=item.reasons[0] if item and item.reasons else "",
    )
