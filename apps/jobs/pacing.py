"""How fast whose work goes: what owners and operators set, and the dispatcher's memory of whose turn it is."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import Workspace
from apps.stores.models import Store


class Tier(models.IntegerChoices):
    """Service tiers by weight: a workspace of weight 3 gets three slots where one of weight 1 gets one."""

    STANDARD = 1, "standard"
    PLUS = 3, "plus"
    PREMIUM = 10, "premium"


class Pace(models.Model):
    """Abstract. What a workspace and a store have in common: a pause, and how many jobs at once."""

    max_live = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Jobs at work at the same time, at most. Empty: as many as there is room for.",
    )
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        abstract = True


class WorkspacePace(Pace):
    """A workspace's share, limit and off-peak window. No row means: weight 1, no limit, bulk at any time."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, related_name="pace")
    weight = models.PositiveSmallIntegerField(default=Tier.STANDARD)
    time_zone = models.CharField(max_length=60, default="UTC")
    bulk_from = models.TimeField(null=True, blank=True)
    bulk_until = models.TimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"pace of {self.workspace}"


class StorePace(Pace):
    store = models.OneToOneField(Store, on_delete=models.CASCADE, related_name="pace")

    def __str__(self) -> str:
        return f"pace of {self.store}"


class LaneClock(models.Model):
    """Where a lane's fair queue stands: `virtual` is the start of the last turn, `passed_over` counts the slots that
    more urgent lanes got while this one waited."""

    capability = models.CharField(max_length=10)
    region = models.CharField(max_length=40)
    lane = models.CharField(max_length=10)
    virtual = models.FloatField(default=0)
    passed_over = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["capability", "region", "lane"], name="jobs_clock_once")
        ]

    def __str__(self) -> str:
        return f"{self.lane} of {self.capability} in {self.region}"


class Turn(models.Model):
    """Up to which virtual time a workspace has used its share of a lane."""

    clock = models.ForeignKey(LaneClock, on_delete=models.CASCADE, related_name="turns")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE)
    finish = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clock", "workspace"], name="jobs_turn_once")]

    def __str__(self) -> str:
        return f"{self.workspace_id} up to {self.finish}"
