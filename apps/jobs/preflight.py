"""What a batch would do, before anything is created: how many photos, which are left out and why, cost and time.

The photos are judged in one statement. Measured history, live workers, budget and cap are a few small ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Concat

from apps.jobs import selectors
from apps.jobs.filters import Filter, Judged
from apps.jobs.models import OPEN_STATES, Job, JobState, PhotoMarks, Render, Worker
from apps.lib import ids
from apps.recipes.models import RecipeVersion
from apps.stores.models import Store, StoreState
from apps.usage import selectors as usage
from apps.usage.models import Record

CAPABILITY = str(Job._meta.get_field("capability").get_default())
SEED = 0
# So many of the latest pictures tell what one takes.
HISTORY = 200


@dataclass(frozen=True)
class Wish:
    """What somebody asks for. `hindered`: reason → photos that can't be worked on now, as a room above knows it."""

    store: Store
    version: RecipeVersion
    filter: Filter = field(default_factory=Filter)
    judged: Judged | None = None
    hindered: Mapping[str, Q] = field(default_factory=dict)
    cap_micros: int | None = None

    def photos(self) -> QuerySet[Any]:
        """All photos that the filter means, each with `skip`: why it is left out, empty where it is not."""
        return (
            self.filter.photos(self.store.pk, self.judged)
            .select_related(None)
            .order_by()
            .annotate(skip=self._skip())
        )

    def _skip(self) -> Case:
        reasons = {
            **({"disconnected": Q(pk__isnull=False)} if self.store.state == StoreState.DISCONNECTED else {}),
            "no_original": Q(key="") & (Q(present=False) | Q(src="")),
            "under_way": Q(
                Exists(
                    Job.objects.filter(
                        photo=OuterRef("pk"),
                        photo_revision=OuterRef("revision"),
                        recipe_version=self.version,
                        state__in=OPEN_STATES,
                    )
                )
            ),
            **self.hindered,
        }
        whens = [When(where, then=Value(code)) for code, where in reasons.items()]
        return Case(*whens, default=Value(""), output_field=CharField())


@dataclass(frozen=True)
class Pace:
    """What one picture takes, and where that is known from: `measured` pictures of version, recipe or pipeline."""

    seconds: float
    device: str
    basis: str
    measured: int = 0


@dataclass(frozen=True)
class Preflight:
    """The answer. `photos` = skipped + cached + `to_render`; None where nobody can tell or nothing limits."""

    photos: int
    skipped: dict[str, int]
    cached: int
    unfetched: int
    to_render: int
    pace: Pace
    cost_each_micros: int
    slots: int
    budget_left_micros: int | None
    cap_micros: int | None

    @property
    def planned(self) -> int:
        return self.cached + self.to_render

    @property
    def cost_micros(self) -> int:
        return self.to_render * self.cost_each_micros

    @property
    def seconds(self) -> float | None:
        """With the workers of now; None while there is none."""
        return self.to_render * self.pace.seconds / self.slots if self.slots else None

    @property
    def affordable(self) -> int | None:
        """How many of `to_render` budget and cap allow; None where all of them."""
        limits = [m for m in (self.budget_left_micros, self.cap_micros) if m is not None]
        if not limits or min(limits) >= self.cost_micros:
            return None
        return min(limits) // max(1, self.cost_each_micros)

    def as_json(self) -> dict[str, Any]:
        more = {n: getattr(self, n) for n in ("planned", "cost_micros", "seconds", "affordable")}
        return {**asdict(self), **more}


def preflight(wish: Wish) -> Preflight:
    """Look, and change nothing."""
    skipped: dict[str, int] = {}
    cached = unfetched = to_render = photos = 0
    try:
        rows = list(_sorted(wish).values("skip", "known", "fetched").annotate(n=Count("pk")))
    except EmptyResultSet:
        rows = []
    for row in rows:
        photos += row["n"]
        if row["skip"]:
            skipped[row["skip"]] = skipped.get(row["skip"], 0) + row["n"]
        elif row["known"]:
            cached += row["n"]
        else:
            to_render += row["n"]
            unfetched += 0 if row["fetched"] else row["n"]
    found = pace(wish.version)
    return Preflight(
        photos=photos,
        skipped=dict(sorted(skipped.items())),
        cached=cached,
        unfetched=unfetched,
        to_render=to_render,
        pace=found,
        cost_each_micros=round(found.seconds * usage.micros_per_second(found.device)),
        slots=_slots(wish.store),
        budget_left_micros=usage.left_micros(wish.store.workspace_id),
        cap_micros=wish.cap_micros,
    )


class Sha256Hex(Func):
    """SHA-256 of a text's UTF-8, in hex, by PostgreSQL's own function."""

    template = "encode(sha256(convert_to(%(expressions)s, 'UTF8')), 'hex')"
    output_field = TextField()


def _sorted(wish: Wish) -> QuerySet[Any]:
    """With `known` (an identical request is stored) and `fetched`; grouped by the caller."""
    return wish.photos().annotate(
        known=Case(When(_is_known(wish), then=Value(True)), default=Value(False)),
        fetched=Case(When(key="", then=Value(False)), default=Value(True)),
    )


def _is_known(wish: Wish) -> Q:
    """The request's digest is built here as `planning.request_digest` builds it (a test holds them together).

    Where a person's marks or a shared scale go into it, a finished job of the same kind tells instead.
    """
    worker = (
        Worker.objects.filter(capability=CAPABILITY, region=wish.store.region).order_by("-beat_at").first()
    )
    if worker is None:
        return Q(pk__isnull=True)
    marks = PhotoMarks.objects.filter(photo=OuterRef("pk"), sha256=OuterRef("sha256"))
    of_photo = Job.objects.filter(
        photo=OuterRef("pk"),
        photo_revision=OuterRef("revision"),
        recipe_version=wish.version,
        state=JobState.DONE,
        render__engines__contained_by=worker.engines,
    ).exclude(render__files=[])
    carried = PhotoMarks.objects.filter(photo=OuterRef("photo"), set_at__lte=OuterRef("created_at"))
    with_marks = Q(Exists(marks)) & Q(Exists(of_photo.filter(Exists(carried), parameters__has_key="cutout")))
    if wish.version.one_scale:
        return with_marks | (~Exists(marks) & Q(Exists(of_photo.exclude(parameters__has_key="cutout"))))
    same = Render.objects.filter(
        workspace=wish.store.workspace_id,
        request=request_digest(wish.version, OuterRef("sha256")),
        engines__contained_by=worker.engines,
    ).exclude(files=[])
    return with_marks | (~Exists(marks) & ~Q(sha256="") & Q(Exists(same)))


def request_digest(version: RecipeVersion, sha256: F | OuterRef) -> Sha256Hex:
    """Of the canonical JSON of [[["main", the photo's hash]], recipe, seed]."""
    recipe = ids.canonical(Job(recipe_version=version).recipe).decode()
    return Sha256Hex(Concat(Value('[[["main","'), sha256, Value(f'"]],{recipe},{SEED}]')))


def pace(version: RecipeVersion) -> Pace:
    """From usage records: of this version, else of this recipe, else of the pipeline, else a first guess."""
    mine = Job.objects.filter(workspace=version.recipe.workspace_id, state=JobState.DONE, cached=False)
    for basis, jobs in (
        ("version", mine.filter(recipe_version=version)),
        ("recipe", mine.filter(recipe_version__recipe=version.recipe_id)),
        ("pipeline", mine.filter(recipe_version__pipeline=version.pipeline)),
    ):
        latest = list(jobs.order_by("-pk").values_list("pk", flat=True)[:HISTORY])
        records = Record.objects.filter(job__in=latest)
        # All tries count: a picture that needed two costs two.
        told = records.aggregate(seconds=Sum("device_seconds"), jobs=Count("job", distinct=True))
        if told["jobs"]:
            device = records.order_by("-pk").values_list("device", flat=True).first() or "cpu"
            return Pace(told["seconds"] / told["jobs"], device, basis, told["jobs"])
    return Pace(selectors.FIRST_GUESS_S, "cpu" if CAPABILITY == "cpu" else "cuda", "guess")


def _slots(store: Store) -> int:
    live = selectors.live_workers().filter(capability=CAPABILITY, region=store.region, draining=False)
    return live.aggregate(s=Sum("slots"))["s"] or 0
