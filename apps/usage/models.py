"""What work cost. One record per attempt, for ever; money in micros (millionths) of the workspace's currency."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import Workspace


class Price(models.Model):
    """A dated price: what an hour on a device costs from `valid_from` on. One that has begun never changes."""

    device = models.CharField(max_length=40, help_text="cpu, cuda, or one model such as cuda:NVIDIA L4.")
    valid_from = models.DateTimeField()
    micros_per_hour = models.BigIntegerField(help_text="Millionths of your currency for one hour.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "valid_from"], name="usage_price_once")]

    def __str__(self) -> str:
        return f"{self.device}: {self.micros_per_hour / 1e6:g} an hour from {self.valid_from:%Y-%m-%d}"


class Record(models.Model):
    """One attempt, booked once: `attempt` is unique.

    `attempt`, `job`, `store`, `recipe` and `batch` (0: none) are numbers because these rooms stand above usage.
    `estimated`: the worker never said what it used, so beats tell; its late word corrects the row, once.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="usage")
    attempt = models.BigIntegerField(unique=True)
    job = models.BigIntegerField(db_index=True)
    store = models.BigIntegerField(default=0, db_default=0)
    recipe = models.BigIntegerField(default=0, db_default=0)
    batch = models.BigIntegerField(default=0, db_default=0)
    at = models.DateTimeField(auto_now_add=True)
    engine = models.CharField(max_length=40)
    device = models.CharField(max_length=40)
    device_seconds = models.FloatField()
    bytes_in = models.BigIntegerField(default=0)
    bytes_out = models.BigIntegerField(default=0)
    micros_per_hour = models.BigIntegerField(
        default=0, db_default=0, help_text="The price that counted; 0 where it was not kept yet."
    )
    cost_micros = models.BigIntegerField()
    outcome = models.CharField(max_length=12)
    cutout = models.CharField(
        max_length=8, blank=True, default="", db_default="", help_text="made, reused, or empty for neither."
    )
    estimated = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [models.Index(fields=["workspace", "at"], name="usage_by_month")]

    def __str__(self) -> str:
        return f"attempt {self.attempt}: {self.cost_micros} µ"


class Daily(models.Model):
    """What a workspace used on one day (UTC) for one store, recipe and batch, as changes that are summed when read.

    A trigger writes them with each record (migration 0003), in the same transaction and without anybody waiting;
    `services.fold` adds them up now and then. `cached` are pictures that an earlier render answered: they cost nothing.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="daily_usage")
    day = models.DateField()
    store = models.BigIntegerField(default=0, db_default=0)
    recipe = models.BigIntegerField(default=0, db_default=0)
    batch = models.BigIntegerField(default=0, db_default=0)
    attempts = models.BigIntegerField(default=0, db_default=0)
    pictures = models.BigIntegerField(default=0, db_default=0)
    cached = models.BigIntegerField(default=0, db_default=0)
    mattes_made = models.BigIntegerField(default=0, db_default=0)
    mattes_reused = models.BigIntegerField(default=0, db_default=0)
    device_seconds = models.FloatField(default=0, db_default=0)
    bytes_in = models.BigIntegerField(default=0, db_default=0)
    bytes_out = models.BigIntegerField(default=0, db_default=0)
    cost_micros = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "day"], name="usage_daily_by_month"),
            models.Index(fields=["day"], name="usage_daily_recent"),
        ]
        verbose_name_plural = "daily usage"

    def __str__(self) -> str:
        return f"{self.day} of {self.workspace_id}: {self.cost_micros:+} µ"


class Reservation(models.Model):
    """What an attempt under way is expected to cost; settled when it is booked or ends without work."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    attempt = models.BigIntegerField(unique=True)
    cost_micros = models.BigIntegerField()

    def __str__(self) -> str:
        return f"attempt {self.attempt}: {self.cost_micros} µ reserved"


class Budget(models.Model):
    """Limits of every calendar month (UTC). Nothing is dispatched that would come to more than `stop_micros`."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE)
    warn_micros = models.BigIntegerField(null=True, blank=True)
    stop_micros = models.BigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"budget of {self.workspace}"


class Level(models.TextChoices):
    WARN = "warn", "warning"
    STOP = "stop", "stop"


class Reached(models.Model):
    """A level of a budget was reached in a month: noted, and told to the audit trail, once per month, level and limit.

    `holds`: of a stop, whether it still keeps work back; the dispatcher knows when not even one more picture fits.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE)
    month = models.DateField()
    level = models.CharField(max_length=4, choices=Level)
    limit_micros = models.BigIntegerField()
    holds = models.BooleanField(default=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "month", "level", "limit_micros"], name="usage_reached_once"
            )
        ]
        verbose_name_plural = "reached levels"

    def __str__(self) -> str:
        return f"{self.level} of {self.workspace_id} in {self.month:%Y-%m}"
