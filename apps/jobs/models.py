"""Jobs and what became of them. These rows are the truth; messages are hints."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.catalog.models import Photo
from apps.jobs.matte import Matte as Matte  # Django looks for models in here
from apps.jobs.pacing import LaneClock as LaneClock
from apps.jobs.pacing import StorePace as StorePace
from apps.jobs.pacing import Turn as Turn
from apps.jobs.pacing import WorkspacePace as WorkspacePace
from apps.jobs.workers import Worker as Worker
from apps.lib.work import Work
from apps.recipes.models import RecipeVersion
from apps.stores.models import Store


class Lane(models.TextChoices):
    URGENT = "urgent", "urgent"
    STANDARD = "standard", "standard"
    BULK = "bulk", "bulk"


class BatchState(models.TextChoices):
    """Only jobs of a running batch are handed out; `held` waits until its pilot is judged."""

    HELD = "held", "waiting for its pilot"
    RUNNING = "running", "running"
    PAUSED = "paused", "paused"
    CANCELLED = "cancelled", "cancelled"


class Batch(models.Model):
    """Many jobs from one "regenerate catalog" action. The same idempotency key is the same batch.

    A pilot is a batch of its own, `pilot_of` the one that is held until the pilot's pictures are found good.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="batches")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="batches")
    recipe_version = models.ForeignKey(RecipeVersion, on_delete=models.PROTECT)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.RUNNING)
    idempotency_key = models.CharField(max_length=80)
    cap_micros = models.BigIntegerField(
        null=True,
        blank=True,
        help_text="What it may cost at most; nothing more is handed out then. Empty: no cap.",
    )
    cap_reached_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when nothing is handed out because not one more would fit."
    )
    filter = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="Which photos it is about, as apps.jobs.filters reads it.",
    )
    forecast = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="What was expected before it began: photos, skipped, cached, cost, time.",
    )
    pilot_of = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="pilot"
    )
    go_at_share = models.FloatField(
        null=True, blank=True, help_text="It goes on by itself where this share of its pilot was approved."
    )
    cloned_from = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="clones"
    )
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "idempotency_key"], name="jobs_batch_once")
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="jobs_batch_recent"),
            models.Index(fields=["id"], condition=models.Q(state="held"), name="jobs_batch_held"),
        ]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.name


class Render(models.Model):
    """One result image with its files. `request` and `engines_digest` key the cache, per workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    store = models.ForeignKey(Store, on_delete=models.PROTECT)
    request = models.CharField(max_length=64)
    engines_digest = models.CharField(max_length=64)
    engines = models.JSONField(default=dict)
    fingerprint = models.JSONField(default=dict)
    files = models.JSONField(default=list)
    measures = models.JSONField(default=dict)
    confidence = models.FloatField(null=True)
    seconds = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "request", "engines_digest"], name="jobs_render_once"
            )
        ]

    def __str__(self) -> str:
        return f"render {self.pk}"

    def file(self, name: str) -> dict | None:
        """The file in this role (``main``, ``cutout``): {key, sha256, size_bytes, format, width_px, height_px}."""
        return next((f for f in self.files if f["name"] == name), None)


class JobState(models.TextChoices):
    PREPARING = "preparing", "fetching the photo"
    QUEUED = "queued", "waiting for a worker"
    DISPATCHED = "dispatched", "handed to a worker"
    RUNNING = "running", "being rendered"
    DONE = "done", "rendered"
    FAILED = "failed", "failed"
    QUARANTINED = "quarantined", "set aside after too many tries"
    CANCELLED = "cancelled", "cancelled"


OPEN_STATES = (JobState.PREPARING, JobState.QUEUED, JobState.DISPATCHED, JobState.RUNNING)
HELD_STATES = (JobState.DISPATCHED, JobState.RUNNING)


class Held(models.TextChoices):
    """Why a queued job is not offered to workers just now. Such jobs are in no queue that a claim has to walk."""

    NOT = "", "not held"
    BACKOFF = "backoff", "waits before it is tried again"
    TWIN = "twin", "waits for the same picture, which is being rendered"


class Job(models.Model):
    """One recipe version × an ordered list of inputs; the first photo names it. `tries` counts tries that started."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="jobs")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="jobs")
    photo = models.ForeignKey(Photo, on_delete=models.PROTECT, related_name="jobs")
    photo_revision = models.PositiveIntegerField(default=1)
    recipe_version = models.ForeignKey(RecipeVersion, on_delete=models.PROTECT, related_name="jobs")
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, null=True, blank=True, related_name="jobs", db_index=False
    )
    once = models.CharField(max_length=80, help_text="What makes this job the same job when asked for again.")
    lane = models.CharField(max_length=10, choices=Lane, default=Lane.STANDARD)
    capability = models.CharField(max_length=10, default="cpu")
    region = models.CharField(max_length=40, default="local")
    seed = models.BigIntegerField(default=0)
    parameters = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="What holds for this product alone, laid over the recipe's tables: where a person says it is.",
    )
    instead_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="again",
        help_text="The job whose picture a person wants made anew.",
    )
    state = models.CharField(max_length=12, choices=JobState, default=JobState.PREPARING)
    not_before = models.DateTimeField(default=timezone.now)
    held = models.CharField(max_length=8, choices=Held, blank=True, default=Held.NOT, db_default="")
    alone = models.BooleanField(
        default=False, db_default=False, help_text="It may have brought a worker down: it shares no chunk."
    )
    size_class = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How large the photo is, in classes; 0 where nobody knows."
    )
    attempt_count = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error = models.TextField(blank=True, default="")
    request = models.CharField(max_length=64, blank=True, default="")
    render = models.ForeignKey(Render, on_delete=models.PROTECT, null=True, blank=True, related_name="jobs")
    cached = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "once"], name="jobs_job_once")]
        indexes = [
            # A claim steps from one (lane, workspace, store, batch) to the next, however many jobs each has.
            models.Index(
                "capability",
                "region",
                "lane",
                "workspace",
                "store",
                Coalesce("batch", 0),
                "id",
                condition=models.Q(state="queued", held=""),
                name="jobs_queue",
            ),
            models.Index(
                "workspace",
                Coalesce("batch", 0),
                "id",
                condition=models.Q(state="preparing"),
                name="jobs_to_prepare",
            ),
            models.Index(
                fields=["held", "not_before"],
                condition=models.Q(state="queued", held__gt=""),
                name="jobs_held",
            ),
            models.Index(
                fields=["workspace", "request"],
                condition=models.Q(state__in=["dispatched", "running"]),
                name="jobs_twins_at_work",
            ),
            models.Index(
                fields=["workspace", "request"], condition=models.Q(state="queued"), name="jobs_twins_waiting"
            ),
            models.Index(
                fields=["recipe_version", "-id"],
                condition=models.Q(state="done", cached=False),
                name="jobs_rendered",
            ),
            models.Index(fields=["workspace", "-id"], name="jobs_recent"),
            # The home page asks at every look whether anything is under way, and since when.
            models.Index(
                fields=["workspace", "created_at"],
                condition=models.Q(state__in=["preparing", "queued", "dispatched", "running"]),
                name="jobs_open",
            ),
            models.Index(fields=["batch", "-id"], name="jobs_of_batch"),
            models.Index(
                fields=["batch", "-finished_at"],
                condition=models.Q(batch__isnull=False, finished_at__isnull=False, cached=False),
                name="jobs_batch_pace",
            ),
            models.Index(
                fields=["batch", "error_code", "-id"],
                condition=models.Q(batch__isnull=False, state__in=["failed", "quarantined"]),
                name="jobs_batch_trouble",
            ),
        ]

    def __str__(self) -> str:
        return f"job {self.pk}"

    @property
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe, as the worker gets it and as it keys the cache: without what is for later."""
        return resolved(self.recipe_version.body, self.parameters)


def resolved(recipe: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """A recipe with one job's parameters laid over its tables, without what policy and publishing read."""
    body = {k: v for k, v in recipe.items() if k not in {"review", "publish"}}
    for table, fields in parameters.items():
        body[table] = {**(body.get(table) or {}), **fields}
    return body


class Tally(models.Model):
    """A batch's counters as changes that are summed when read: triggers write them with each move of a job and each
    record of what it cost, in the same transaction (migration 0007). Nobody waits for anybody; `tallies.fold` adds
    them up now and then.

    `kind` is a job's state, or `cost` in micros; `reason` an error code, or `cached`.
    """

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="tallies")
    kind = models.CharField(max_length=12)
    reason = models.CharField(max_length=40, default="", db_default="")
    amount = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.kind} of batch {self.batch_id}: {self.amount:+}"


class JobInput(models.Model):
    """One picture that goes into a job, with its role; hash and key as they were when the job became ready."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="inputs")
    position = models.PositiveIntegerField(default=0)
    role = models.CharField(max_length=20, default="main")
    photo = models.ForeignKey(Photo, on_delete=models.PROTECT)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    key = models.CharField(max_length=200, blank=True, default="")
    cutout = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="What a person says of a photo that is only measured; that of the main photo is a parameter.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "position"], name="jobs_input_once")]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.role} of job {self.job_id}"


class PhotoMarks(models.Model):
    """Where a person says that the product is in a photo of just these bytes: the last word, kept for later jobs."""

    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="marks")
    sha256 = models.CharField(max_length=64)
    cutout = models.JSONField()
    set_by = models.CharField(max_length=64)
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["photo", "sha256"], name="jobs_marks_once")]
        verbose_name_plural = "photo marks"

    def __str__(self) -> str:
        return f"marks in photo {self.photo_id}"


class Preparation(Work):
    """Fetching the originals that a job needs, before it may be queued."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="preparation")

    class Meta:
        indexes = [models.Index(fields=["work_state", "hint_after"], name="jobs_preparation_due")]

    def __str__(self) -> str:
        return f"preparation of job {self.job_id}"


class AttemptState(models.TextChoices):
    DISPATCHED = "dispatched", "handed out"
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"
    LOST = "lost", "lost"
    RETURNED = "returned", "handed back"
    CANCELLED = "cancelled", "cancelled"


LIVE_ATTEMPTS = (AttemptState.DISPATCHED, AttemptState.RUNNING)


class Attempt(models.Model):
    """One try at a job by one worker. `token` fences: a result is accepted only while token and state match."""

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    token = models.UUIDField(default=uuid.uuid4, unique=True)
    chunk = models.UUIDField()
    state = models.CharField(max_length=10, choices=AttemptState, default=AttemptState.DISPATCHED)
    worker = models.CharField(max_length=80, blank=True, default="")
    stage = models.CharField(max_length=40, blank=True, default="")
    start_by = models.DateTimeField()
    lease_until = models.DateTimeField()
    dispatched_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    beat_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error = models.TextField(blank=True, default="")
    device_seconds = models.FloatField(default=0)
    cutout = models.CharField(
        max_length=8,
        blank=True,
        default="",
        db_default="",
        help_text="made, reused from an earlier picture of the photo, or empty for neither.",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="jobs_attempt_once")]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state__in=["dispatched", "running"]),
                name="jobs_leases",
            )
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of job {self.job_id}"

    @property
    def prefix(self) -> str:
        """Where this attempt's files go; no other attempt shares it."""
        return out_prefix(self.job.workspace_id, self.job.store_id, self.pk, self.token)


def out_prefix(workspace: int, store: int, attempt: int, token: uuid.UUID) -> str:
    return f"{workspace}/{store}/attempts/{attempt}-{token.hex[:12]}/"
