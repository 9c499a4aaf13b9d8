"""What work cost. One record per attempt, for ever; money in micros (millionths) of the workspace's currency."""

from __future__ import annotations

from django.db import models

from apps.accounts.models import Workspace


class Price(models.Model):
    """A dated price: what one second on a device costs from `valid_from` on."""

    device = models.CharField(max_length=40)
    valid_from = models.DateTimeField()
    micros_per_second = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "valid_from"], name="usage_price_once")]

    def __str__(self) -> str:
        return f"{self.device}: {self.micros_per_second} µ/s from {self.valid_from:%Y-%m-%d}"


class Record(models.Model):
    """One attempt, booked once: `attempt` is unique, and a number because jobs stand above usage."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="usage")
    attempt = models.BigIntegerField(unique=True)
    job = models.BigIntegerField(db_index=True)
    at = models.DateTimeField(auto_now_add=True)
    engine = models.CharField(max_length=40)
    device = models.CharField(max_length=40)
    device_seconds = models.FloatField()
    bytes_in = models.BigIntegerField(default=0)
    bytes_out = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField()
    outcome = models.CharField(max_length=12)

    class Meta:
        indexes = [models.Index(fields=["workspace", "at"], name="usage_by_month")]

    def __str__(self) -> str:
        return f"attempt {self.attempt}: {self.cost_micros} µ"


class Reservation(models.Model):
    """What an attempt under way is expected to cost; settled when it is booked or ends without work."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    attempt = models.BigIntegerField(unique=True)
    cost_micros = models.BigIntegerField()

    def __str__(self) -> str:
        return f"attempt {self.attempt}: {self.cost_micros} µ reserved"


class Budget(models.Model):
    """A month's limits. At `stop_micros` nothing more is dispatched for the workspace."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE)
    warn_micros = models.BigIntegerField(null=True, blank=True)
    stop_micros = models.BigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"budget of {self.workspace}"
