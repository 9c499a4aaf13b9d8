"""What a workspace keeps no longer: rows let go of the files that they name, and the sweep then deletes those files.

Never let go: what an undo of a live picture needs, originals of products that are there, pictures that wait to be
decided, written or written again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.audit import services as audit
from apps.catalog.models import Photo
from apps.jobs.models import OPEN_STATES, Job, JobInput, Render
from apps.publishing.models import Publication, Snapshot
from apps.review.models import Item, ItemState
from apps.storage import selectors as storage
from apps.storage.models import Keeping

AT_ONCE = 500
Progress = Callable[[str, int], None]


@dataclass
class LetGo:
    """What one rule let go in one workspace, or would; bytes as rows tell them. Files that others name too stay."""

    workspace: int
    rule: str
    rows: int = 0
    size_bytes: int = 0

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def tidy(
    workspace: int | None = None, *, dry_run: bool = False, progress: Progress = lambda rule, rows: None
) -> list[LetGo]:
    """Go through the rules of every workspace, or of one. Returns those that let anything go."""
    found = Workspace.objects.order_by("pk")
    told: list[LetGo] = []
    for row in found if workspace is None else found.filter(pk=workspace):
        told += _workspace(row.pk, dry_run, progress)
    return told


def _workspace(workspace: int, dry_run: bool, progress: Progress) -> list[LetGo]:
    keeping = storage.keeping_of(workspace)
    told = [
        _renders("rejected", rejected(workspace, keeping), workspace, dry_run, progress),
        _renders("unused", unused(workspace, keeping), workspace, dry_run, progress),
        _originals(workspace, keeping, dry_run, progress),
    ]
    told = [one for one in told if one.rows]
    if told and not dry_run:
        audit.record("storage.let_go", workspace=workspace, let_go=[one.as_json() for one in told])
    return told


def _ago(days: int) -> dt.datetime:
    return timezone.now() - dt.timedelta(days=days)


def _needless(workspace: int) -> QuerySet[Render]:
    """Renders with files that nobody waits for and no store shows."""
    of_it = {"render": OuterRef("pk")}
    items = Item.objects.filter(**of_it)
    return Render.objects.filter(
        ~Exists(items.filter(state=ItemState.PENDING)),
        ~Exists(items.filter(state=ItemState.APPROVED, publication=None)),
        # Live, on its way, or failed and perhaps tried again.
        ~Exists(Publication.objects.filter(undone_at=None, **of_it)),
        workspace=workspace,
    ).exclude(files=[])


def rejected(workspace: int, keeping: Keeping) -> QuerySet[Render]:
    """Pictures whose last decision was a no, long ago."""
    before = _ago(keeping.rejected_days)
    items = Item.objects.filter(render=OuterRef("pk"))
    return _needless(workspace).filter(
        Exists(items.filter(state=ItemState.REJECTED)), ~Exists(items.filter(decided_at__gte=before))
    )


def unused(workspace: int, keeping: Keeping) -> QuerySet[Render]:
    """Pictures that no job made or took from the cache for long, that are in no store and that nobody rejected."""
    before = _ago(keeping.unused_days)
    lately = Job.objects.filter(render=OuterRef("pk"), finished_at__gte=before)
    said_no = Item.objects.filter(render=OuterRef("pk"), state=ItemState.REJECTED)
    return _needless(workspace).filter(~Exists(lately), ~Exists(said_no), created_at__lt=before)


def _renders(rule: str, found: QuerySet[Render], workspace: int, dry_run: bool, progress: Progress) -> LetGo:
    told, last = LetGo(workspace, rule), 0
    while batch := list(found.filter(pk__gt=last).order_by("pk").values_list("pk", "files")[:AT_ONCE]):
        last = batch[-1][0]
        ids = [pk for pk, _ in batch]
        # The conditions are in the update too: a picture that somebody wants meanwhile stays.
        gone = set(ids) if dry_run else set(_let_go(found, ids))
        told.rows += len(gone)
        told.size_bytes += sum(f.get("size_bytes", 0) for pk, files in batch if pk in gone for f in files)
        progress(rule, told.rows)
    return told


@transaction.atomic
def _let_go(found: QuerySet[Render], ids: list[int]) -> list[int]:
    mine = list(
        found.filter(pk__in=ids)
        .select_for_update(skip_locked=True, of=("self",))
        .values_list("pk", flat=True)
    )
    Render.objects.filter(pk__in=mine).update(files=[])
    return mine


def gone(workspace: int, keeping: Keeping) -> QuerySet[Photo]:
    """Photos, with bytes kept here, of products that the store has not had for long. A product's last sight counts."""
    at_work = Job.objects.filter(photo__product=OuterRef("product"), state__in=OPEN_STATES)
    waiting = Item.objects.filter(job__photo__product=OuterRef("product"), state=ItemState.PENDING)
    return Photo.objects.filter(
        ~Exists(at_work),
        ~Exists(waiting),
        product__store__workspace=workspace,
        product__present=False,
        product__seen_at__lt=_ago(keeping.gone_days),
        key__gt="",
    )


def _originals(workspace: int, keeping: Keeping, dry_run: bool, progress: Progress) -> LetGo:
    """Sources of deleted products. The snapshot of a live publication names its own file, which stays with it."""
    told, last = LetGo(workspace, "gone"), 0
    found = gone(workspace, keeping)
    while batch := list(found.filter(pk__gt=last).order_by("pk").values_list("pk", "bytes")[:AT_ONCE]):
        last = batch[-1][0]
        if not dry_run:
            _forget_originals([pk for pk, _ in batch])
        told.rows += len(batch)
        told.size_bytes += sum(size for _, size in batch)
        progress("gone", told.rows)
    return told


@transaction.atomic
def _forget_originals(photos: list[int]) -> None:
    JobInput.objects.filter(photo__in=photos, key__gt="").update(key="")
    Snapshot.objects.filter(publication__photo__in=photos, publication__undone_at__isnull=False).update(
        replaced_key=""
    )
    Photo.objects.filter(pk__in=photos).update(key="")
