"""Jobs and what became of them. These rows are the truth; messages are hints."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.catalog.models import Photo
from apps.lib.work import Work
from apps.recipes.models import RecipeVersion
from apps.stores.models import Store


class Lane(models.TextChoices):
    URGENT = "urgent", "urgent"
    STANDARD = "standard", "standard"
    BULK = "bulk", "bulk"


class BatchState(models.TextChoices):
    RUNNING = "running", "running"
    PAUSED = "paused", "paused"
    CANCELLED = "cancelled", "cancelled"


class Batch(models.Model):
    """Many jobs from one "regenerate catalog" action. The same idempotency key is the same batch."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="batches")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="batches")
    recipe_version = models.ForeignKey(RecipeVersion, on_delete=models.PROTECT)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=BatchState, default=BatchState.RUNNING)
    idempotency_key = models.CharField(max_length=80)
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "idempotency_key"], name="jobs_batch_once")
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


class Job(models.Model):
    """One recipe version × an ordered list of inputs; the first photo names it. `tries` counts tries that started."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="jobs")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="jobs")
    photo = models.ForeignKey(Photo, on_delete=models.PROTECT, related_name="jobs")
    photo_revision = models.PositiveIntegerField(default=1)
    recipe_version = models.ForeignKey(RecipeVersion, on_delete=models.PROTECT, related_name="jobs")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, null=True, blank=True, related_name="jobs")
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
            models.Index(
                fields=["capability", "region", "lane", "id"],
                condition=models.Q(state="queued"),
                name="jobs_queue",
            ),
            models.Index(fields=["workspace", "-id"], name="jobs_recent"),
        ]

    def __str__(self) -> str:
        return f"job {self.pk}"

    @property
    def recipe(self) -> dict[str, Any]:
        """The resolved recipe, as the worker gets it and as it keys the cache: without the part that policy reads."""
        body = {k: v for k, v in self.recipe_version.body.items() if k != "review"}
        for table, fields in self.parameters.items():
            body[table] = {**(body.get(table) or {}), **fields}
        return body


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
        job = self.job
        return f"{job.workspace_id}/{job.store_id}/attempts/{self.pk}-{self.token.hex[:12]}/"


class Worker(models.Model):
    """A render worker as it last spoke."""

    name = models.CharField(max_length=80, unique=True)
    capability = models.CharField(max_length=10)
    region = models.CharField(max_length=40)
    slots = models.PositiveIntegerField(default=1)
    device = models.CharField(max_length=80, blank=True, default="")
    memory_mib = models.PositiveIntegerField(default=0)
    engines = models.JSONField(default=dict)
    jobs_done = models.PositiveIntegerField(default=0)
    jobs_failed = models.PositiveIntegerField(default=0)
    draining = models.BooleanField(default=False)
    beat_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["capability", "region", "-beat_at"], name="jobs_worker_recent")]

    def __str__(self) -> str:
        return self.name
