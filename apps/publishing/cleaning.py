"""Deleting files of ours that no product shows any more from a store's media library: one cleaning, and what became of
each file."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import Workspace
from apps.lib.work import Work
from apps.stores.models import Store, WrittenMedia


class Cleaning(Work):
    """Looks at one file after the other, up to the newest of when it was asked for (`upto`), in the order of the ledger
    (`cursor`). Sizes in bytes."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="cleanings")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="cleanings")
    requested_by = models.CharField(max_length=64)
    upto = models.BigIntegerField()
    cursor = models.BigIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    deleted = models.PositiveIntegerField(default=0)
    deleted_bytes = models.BigIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store"],
                condition=models.Q(work_state__in=["waiting", "running"]),
                name="publishing_one_cleaning_per_store",
            )
        ]
        indexes = [models.Index(fields=["work_state", "hint_after"], name="publishing_cleaning_due")]

    def __str__(self) -> str:
        return f"cleaning of {self.store}"


class Cleaned(models.Model):
    """A file that a cleaning looked at: deleted from the store, or kept, and why. Ours stays in our storage."""

    cleaning = models.ForeignKey(Cleaning, on_delete=models.CASCADE, related_name="files")
    written = models.ForeignKey(WrittenMedia, on_delete=models.CASCADE, related_name="cleaned")
    deleted = models.BooleanField()
    why = models.CharField(max_length=300, blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="")
    size_bytes = models.BigIntegerField(default=0)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cleaning", "written"], name="publishing_cleaned_once"),
            models.UniqueConstraint(
                fields=["written"], condition=models.Q(deleted=True), name="publishing_deleted_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{'deleted' if self.deleted else 'kept'}: {self.written}"
