"""The raw inbox: a delivery is kept as it came, once, before anybody tries to understand it."""

from __future__ import annotations

from django.db import models

from apps.lib.work import Work
from apps.stores.models import Store


class Delivery(Work):
    """A signed webhook. The same body from the same webhook is one delivery, however often it is sent."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="deliveries")
    webhook_id = models.CharField(max_length=64, blank=True, default="")
    topic = models.CharField(max_length=80)
    kind = models.CharField(max_length=20)
    external_id = models.CharField(max_length=64, blank=True, default="")
    body = models.BinaryField()
    body_sha256 = models.CharField(max_length=64)
    triggered_at = models.DateTimeField(
        null=True, blank=True, help_text="When it happened, where that was said."
    )
    received_at = models.DateTimeField(auto_now_add=True)
    repeats = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=80, blank=True, default="")
    changed = models.BooleanField(default=False, db_default=False, help_text="It told something new.")

    class Meta:
        constraints = [
            # WooCommerce's delivery id repeats between different bodies, so the body itself is the key.
            models.UniqueConstraint(
                fields=["store", "webhook_id", "topic", "body_sha256"], name="ingest_delivery_once"
            ),
            # Where a platform's ids are one delivery's alone, no hash of the body is kept and the id decides.
            models.UniqueConstraint(
                fields=["store", "webhook_id"],
                condition=models.Q(body_sha256=""),
                name="ingest_delivery_by_id",
            ),
        ]
        indexes = [
            models.Index(fields=["work_state", "hint_after"], name="ingest_due"),
            models.Index(fields=["store", "-id"], name="ingest_recent"),
            models.Index(
                fields=["store", "received_at"],
                condition=models.Q(changed=True),
                name="ingest_told_something",
            ),
            models.Index(
                fields=["store", "external_id"],
                condition=models.Q(work_state__in=["waiting", "running"]),
                name="ingest_on_its_way",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.external_id}"
