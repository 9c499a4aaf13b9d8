"""Look whether anything needs somebody, once a minute, and have it told. Each function answers for one kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.audit.models import Event
from apps.billing import selectors as billing
from apps.catalog.models import Sync
from apps.ingest.models import Delivery
from apps.jobs import progress, selectors
from apps.jobs.models import Batch, BatchState, Job, JobState, Preparation
from apps.jobs.services import health
from apps.lib.work import WorkState
from apps.notices.models import Kind, Notice
from apps.notices.services import telling
from apps.publishing.models import Publication
from apps.storage import selectors as storage
from apps.stores import presence
from apps.stores.models import Store, StoreState
from apps.usage import selectors as usage
from apps.usage.models import Level

# A store does not answer: so many pieces of its work were tried this often in vain.
FAILING_TRIES, FAILING_ROWS = 4, 3
# A restart of a shop is no news.
AWAY_FOR = dt.timedelta(minutes=10)
# A sync is one row, and the only one where nothing else happens.
FAILING_SYNC_TRIES = 5
WAITING_TOO_LONG = dt.timedelta(minutes=10)
# Batches that ended longer ago are no news: those of an installation that has just learned to send mail.
NEWS = dt.timedelta(days=1)
LOOK_BACK = dt.timedelta(days=60)
# Somebody disconnected a store here, or took the app off there.
GONE = ("store.disconnected", "store.uninstalled")


@dataclass(frozen=True)
class Trouble:
    """Something that holds now, of one workspace."""

    workspace: int
    subject: str
    title: str
    body: str
    path: str


def look() -> int:
    """All kinds; returns how many notices are new."""
    new = sum(_told(kind, find()) for kind, find in LASTING.items())
    return new + _batches()


def _told(kind: str, found: Iterable[Trouble]) -> int:
    """Tell what is new of this kind, and end what holds no longer."""
    now: dict[int, set[str]] = {w: set() for w in _open(kind)}
    new = 0
    for one in found:
        now.setdefault(one.workspace, set()).add(one.subject)
        new += bool(
            telling.tell(one.workspace, kind, one.subject, title=one.title, body=one.body, path=one.path)
        )
    for workspace, subjects in now.items():
        telling.over(workspace, kind, still=subjects)
    return new


def _open(kind: str) -> list[int]:
    return list(
        Notice.objects.filter(kind=kind, ended_at=None).values_list("workspace", flat=True).distinct()
    )


def store_keys() -> Iterable[Trouble]:
    """Stores that refuse our keys, and those that somebody disconnected lately."""
    lately = Event.objects.filter(
        workspace=OuterRef("workspace"), verb__in=GONE, at__gte=timezone.now() - NEWS
    )
    for store in Store.objects.filter(state=StoreState.BROKEN):
        yield _of_store(
            store,
            f"{store.name} needs to be connected again",
            f"{store.problem or 'It no longer accepts our keys.'} Until then nothing of it is read or written.",
        )
    for store in Store.objects.filter(Exists(lately), state=StoreState.DISCONNECTED):
        if Event.objects.filter(subject=f"store:{store.pk}", verb__in=GONE).exists():
            yield _of_store(
                store,
                f"{store.name} was disconnected",
                "Its photos and pictures stay here. Connect it again to go on, or to undo what is in it.",
            )


def store_failing() -> Iterable[Trouble]:
    """Stores that keep failing: work for them was tried again and again."""
    worn = {"work_state": WorkState.WAITING, "tries__gte": FAILING_TRIES}
    of_store: dict[int, int] = {}
    for rows, name in (
        (Delivery.objects.filter(**worn), "store"),
        (Publication.objects.filter(**worn), "store"),
        (Preparation.objects.filter(**worn), "job__store"),
    ):
        for pk, n in rows.order_by().values_list(name).annotate(n=Count("pk")):
            of_store[pk] = of_store.get(pk, 0) + n
    syncs = Sync.objects.filter(work_state=WorkState.WAITING, tries__gte=FAILING_SYNC_TRIES)
    failing = {pk for pk, n in of_store.items() if n >= FAILING_ROWS} | set(
        syncs.values_list("store", flat=True)
    )
    connected = Store.objects.filter(state=StoreState.CONNECTED)
    latest = timezone.now() - AWAY_FOR
    pks = list(connected.values_list("pk", flat=True))
    silent, without_pictures = (
        {pk for pk, since in presence.away_since(pks, images=images).items() if since <= latest}
        for images in (False, True)
    )
    for store in connected.filter(pk__in=failing | silent):
        yield _of_store(
            store,
            f"{store.name} does not answer",
            "We keep trying, less and less often, and go on by ourselves. If the shop works for you, look whether its "
            "firewall or a security plugin shuts us out.",
        )
    for store in connected.filter(pk__in=without_pictures - failing - silent):
        yield _of_store(
            store,
            f"The photos of {store.name} can't be fetched",
            "The shop answers, but the host on which its photos lie does not. We keep trying, less and less often, "
            "for a day, and go on by ourselves. If you see the photos in the shop, look whether that host shuts us "
            "out.",
        )


def budget() -> Iterable[Trouble]:
    """Months whose budget has reached a level."""
    for found in usage.budgets_near():
        if found.level == Level.STOP:
            title, then = (
                "This month's budget is used up",
                "Nothing more is rendered until next month, or until",
            )
        else:
            title, then = "This month's budget is nearly used up", "Rendering stops when it is, until"
        body = f"{found.booked_micros / 1_000_000:,.2f} were spent. {then} somebody raises it."
        subject = f"{found.level}:{found.month:%Y-%m}:{found.limit_micros}"
        yield Trouble(found.workspace, subject, title, body, reverse("dashboard:usage"))


WITHOUT_PLAN = {
    "none": ("{} needs a plan", "No picture is made for it until its owner agrees to the plan."),
    "frozen": (
        "The plan of {} is frozen",
        "The shop has to settle its bill with its platform; then it goes on.",
    ),
    "full": (
        "{} has reached the limit of its plan",
        "No picture is made for it until the limit is raised, or a new period begins.",
    ),
}


def plan() -> Iterable[Trouble]:
    """Stores for which nothing is rendered, because nobody agreed to pay, or no more than that."""
    for store in billing.paying_stores().filter(state=StoreState.CONNECTED).order_by("pk"):
        why = billing.standing(store).why_stopped
        if why:
            title, body = WITHOUT_PLAN[why]
            title, page = title.format(store.name), reverse("dashboard:plan")
            yield Trouble(store.workspace_id, f"{why}:store:{store.pk}", title, body, page)


def room() -> Iterable[Trouble]:
    """Workspaces whose storage is nearly or fully used."""
    now = storage.fill()
    for pk in Workspace.objects.values_list("pk", flat=True):
        level = now.level(pk)
        if level.state != "ok":
            title = "There is no room for more pictures" if level.stops else "Room for pictures gets scarce"
            yield Trouble(pk, level.state, title, level.sentence, reverse("dashboard:storage"))


def workers() -> Iterable[Trouble]:
    """Photos wait and nobody renders them: no worker is alive, or all of them rest."""
    alive = list(selectors.live_workers())
    if any(health.of(worker).fit for worker in alive):
        return
    since = timezone.now() - WAITING_TOO_LONG
    waiting = Job.objects.filter(state=JobState.QUEUED, held="", not_before__lte=since, created_at__lte=since)
    why = (
        "All render workers rest, because they failed too often." if alive else "No render worker is running."
    )
    for pk, n in waiting.order_by().values_list("workspace").annotate(n=Count("pk")):
        body = f"{n} photo{'s wait' if n > 1 else ' waits'}. {why}"
        yield Trouble(pk, "workers", "Nothing renders your photos", body, reverse("dashboard:rendering"))


def _of_store(store: Store, title: str, body: str) -> Trouble:
    page = reverse("dashboard:store", args=[store.pk])
    return Trouble(store.workspace_id, f"store:{store.pk}", title, body, page)


LASTING: dict[str, Callable[[], Iterable[Trouble]]] = {
    Kind.STORE_KEYS: store_keys,
    Kind.STORE_FAILING: store_failing,
    Kind.BUDGET: budget,
    Kind.BILLING: plan,
    Kind.STORAGE: room,
    Kind.WORKERS: workers,
}


def _batches() -> int:
    """Batches that ended lately, and those that stand still at their cap; each is told once."""
    return _ended() + _told_capped()


def _ended() -> int:
    """By tallies, never by counting jobs: a catalogue has 100,000."""
    now = timezone.now()
    told = set(Notice.objects.filter(kind=Kind.BATCH).values_list("subject", flat=True))
    recent = Batch.objects.filter(state=BatchState.RUNNING, created_at__gte=now - LOOK_BACK).order_by("pk")
    candidates = [batch for batch in recent if f"batch:{batch.pk}" not in told]
    new = 0
    for pk, counted in progress.counts([b.pk for b in candidates]).items():
        if counted.total and not counted.open and _ended_since(pk, now - NEWS):
            batch = next(b for b in candidates if b.pk == pk)
            new += _tell_of(batch, *_words_of_end(batch, counted), subject=f"batch:{pk}")
    return new


def _ended_since(batch: int, since: dt.datetime) -> bool:
    return Job.objects.filter(batch=batch, finished_at__gte=since).exists()


def _words_of_end(batch: Batch, counted: progress.Counts) -> tuple[str, str]:
    failed = f", {counted.failed} could not be made" if counted.failed else ""
    waits = ""
    if batch.pilot_of is not None and batch.pilot_of.state == BatchState.HELD:
        waits = " The rest of the batch waits until you find them good."
    return f"{batch.name} is finished", f"{counted.done} pictures{failed}.{waits}"


def _told_capped() -> int:
    capped = list(Batch.objects.filter(state=BatchState.RUNNING).exclude(cap_micros=None).order_by("pk"))
    counted = progress.counts([b.pk for b in capped])
    new = 0
    for batch in capped:
        if progress.at_cap(batch, counted[batch.pk]):
            body = f"{counted[batch.pk].open} photos are left. Raise its cap to go on, or cancel it."
            title = f"{batch.name} has cost all it may"
            new += _tell_of(batch, title, body, subject=f"cap:{batch.pk}:{batch.cap_micros}")
    return new


def _tell_of(batch: Batch, title: str, body: str, *, subject: str) -> bool:
    page = reverse("dashboard:batch", args=[batch.pilot_of_id or batch.pk])
    told = telling.tell(
        batch.workspace_id, Kind.BATCH, subject, title=title, body=body, path=page, lasting=False
    )
    return told is not None
