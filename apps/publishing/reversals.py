"""Taking many publications back as one action: what was asked for, and each publication that belongs to it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.jobs.models import Batch
from apps.recipes.models import Recipe
from apps.stores.models import Store


class ReversalState(models.TextChoices):
    RUNNING = "running", "being taken back"
    STOPPED = "stopped", "stopped"
    DONE = "done", "done"


class Reversal(models.Model):
    """A whole batch, or everything that went into a store from `since` to `until`, is taken back.

    The same key is the same reversal, and so is one that is asked for again while it goes on. `ahead` is what was
    foreseen when it was asked for; `done` and `failed` are counted when it has ended.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="reversals")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="reversals")
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, null=True, blank=True, related_name="reversals"
    )
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField()
    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, null=True, blank=True)
    note = models.CharField(max_length=300, blank=True, default="")
    key = models.CharField(max_length=80)
    requested_by = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=ReversalState, default=ReversalState.RUNNING)
    hint_after = models.DateTimeField(default=timezone.now)
    ahead = models.JSONField(default=dict)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="publishing_reversal_once")]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="publishing_reversal_recent"),
            models.Index(
                fields=["store", "hint_after"],
                condition=models.Q(state="running"),
                name="publishing_reversal_due",
            ),
        ]

    def __str__(self) -> str:
        return f"reversal {self.pk}"


class Reversed(models.Model):
    """One publication of a reversal. `released_at`: since when its undo may go; `withdrawn`: it was never written."""

    reversal = models.ForeignKey(Reversal, on_delete=models.CASCADE, related_name="members", db_index=False)
    publication = models.ForeignKey(
        "publishing.Publication", on_delete=models.PROTECT, related_name="reversed_by"
    )
    product = models.BigIntegerField()
    released_at = models.DateTimeField(null=True, blank=True)
    withdrawn = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reversal", "publication"], name="publishing_reversed_once")
        ]
        indexes = [
            # Which products come next.
            models.Index(
                fields=["reversal", "product"],
                condition=models.Q(released_at__isnull=True),
                name="publishing_reversed_next",
            )
        ]

    def __str__(self) -> str:
        return f"publication {self.publication_id} in reversal {self.reversal_id}"
