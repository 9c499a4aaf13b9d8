"""The registry of render workers: each as it last spoke, and how its last jobs went."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class Worker(models.Model):
    """A render worker as it last spoke."""

    name = models.CharField(max_length=80, unique=True)
    capability = models.CharField(max_length=10)
    region = models.CharField(max_length=40)
    slots = models.PositiveIntegerField(default=1)
    device = models.CharField(max_length=80, blank=True, default="")
    memory_mib = models.PositiveIntegerField(default=0)
    engines = models.JSONField(default=dict)
    weights = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    jobs_done = models.PositiveIntegerField(default=0)
    jobs_failed = models.PositiveIntegerField(default=0)
    draining = models.BooleanField(default=False)
    beat_at = models.DateTimeField()
    first_seen_at = models.DateTimeField(default=timezone.now, db_default=Now())
    outcomes = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="Its last jobs, oldest first: 1 done, 0 failed by the worker's fault. A bad photo counts as done.",
    )
    last_trouble = models.CharField(max_length=200, blank=True, default="", db_default="")
    rest_until = models.DateTimeField(null=True, blank=True, help_text="It gets no new work before.")
    rests = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Rests in a row; each is longer."
    )

    class Meta:
        indexes = [models.Index(fields=["capability", "region", "-beat_at"], name="jobs_worker_recent")]

    def __str__(self) -> str:
        return self.name
