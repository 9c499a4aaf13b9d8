"""What waits for a decision, and every decision that was taken."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import User, Workspace
from apps.jobs.models import Job, Render


class ItemState(models.TextChoices):
    PENDING = "pending", "waiting for a person"
    APPROVED = "approved", "approved"
    REJECTED = "rejected", "rejected"


class Item(models.Model):
    """A render of a job, judged. `verdict` is what policy said, `state` what holds now."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="review_items")
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="item")
    render = models.ForeignKey(Render, on_delete=models.PROTECT)
    verdict = models.CharField(max_length=10)
    reasons = models.JSONField(default=list)
    needs_override = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=ItemState, default=ItemState.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="review_recent"),
            models.Index(
                fields=["workspace", "id"], condition=models.Q(state="pending"), name="review_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}: {self.state}"


class Decision(models.Model):
    """Who decided what; policy decides with no user."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="decisions")
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True)
    actor = models.CharField(max_length=64)
    approved = models.BooleanField()
    override = models.BooleanField(default=False)
    note = models.TextField(blank=True, default="")
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{'approved' if self.approved else 'rejected'} by {self.actor}"
