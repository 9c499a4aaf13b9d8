"""Counted files per workspace and kind, files that nobody names, and what an owner said about keeping."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from apps.accounts.models import Workspace

TEN_YEARS = 3650


def _days(default: int, help_text: str) -> models.PositiveIntegerField:
    return models.PositiveIntegerField(
        default=default,
        db_default=default,
        validators=[MinValueValidator(1), MaxValueValidator(TEN_YEARS)],
        help_text=help_text,
    )


class Holding(models.Model):
    """What the last walk counted. `workspace` is a number: files may outlive the row that they belonged to."""

    workspace = models.BigIntegerField()
    kind = models.CharField(max_length=60)
    files = models.BigIntegerField()
    size_bytes = models.BigIntegerField()
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "kind"], name="storage_holding_once")]

    def __str__(self) -> str:
        return f"{self.kind} of workspace {self.workspace}: {self.files} files"


class Orphan(models.Model):
    """A file that no row named when it was looked at. Once it was nobody's for the grace time it is deleted."""

    key = models.CharField(max_length=1024, unique=True)
    size_bytes = models.BigIntegerField()
    first_seen = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class Keeping(models.Model):
    """How long a workspace keeps what it may do without, in days, and how much its files may take up."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="keeping")
    rejected_days = _days(30, "Pictures that were rejected.")
    unused_days = _days(365, "Pictures that are in no store and wait for nobody.")
    gone_days = _days(365, "Original photos of products that the store no longer has.")
    thumbnail_days = _days(60, "Small copies for these pages; they are made again when needed.")
    budget_bytes = models.BigIntegerField(
        null=True, blank=True, help_text="What its files may take up; set by the operator. Empty: no limit."
    )

    def __str__(self) -> str:
        return f"keeping of {self.workspace}"


DAYS = ("rejected_days", "unused_days", "gone_days", "thumbnail_days")
