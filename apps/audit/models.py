"""Three tables. Event and Seal are append-only (PostgreSQL refuses change); Detail may be deleted by redaction."""

from __future__ import annotations

from django.db import models


class Event(models.Model):
    """One thing that happened. Holds ids, a verb and a salted digest, never a name, address or picture.

    `workspace` is a number, not a foreign key: nothing below may hold on to what is above. 0 means the installation.
    """

    at = models.DateTimeField()
    workspace = models.BigIntegerField(default=0)
    verb = models.CharField(max_length=64)
    actor = models.CharField(max_length=64)
    subject = models.CharField(max_length=64, blank=True, default="")
    refs = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="audit_event_recent"),
            models.Index(fields=["workspace", "subject", "-id"], name="audit_event_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"


class Detail(models.Model):
    """What a person reads of an event. `Event.digest` is SHA-256 over salt and body."""

    event = models.OneToOneField(Event, on_delete=models.PROTECT, primary_key=True, related_name="detail")
    salt = models.CharField(max_length=32)
    body = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"detail of {self.event_id}"


class Pending(models.Model):
    """Events the sealer has not chained yet; written with the event, removed with its seal."""

    event_id = models.BigIntegerField(primary_key=True)
    workspace = models.BigIntegerField()

    def __str__(self) -> str:
        return f"pending {self.event_id}"


class Seal(models.Model):
    """A link of a workspace's chain: hash = SHA-256(previous hash, sequence, the event's columns)."""

    workspace = models.BigIntegerField()
    seq = models.BigIntegerField()
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="seal")
    previous = models.CharField(max_length=64, blank=True, default="")
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "seq"], name="audit_seal_once")]

    def __str__(self) -> str:
        return f"seal {self.workspace}/{self.seq}"


class Redaction(models.Model):
    """That a detail was deleted, when and by whom: an absent detail without such a row is damage."""

    event = models.OneToOneField(Event, on_delete=models.PROTECT, primary_key=True, related_name="redaction")
    at = models.DateTimeField()
    by = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"redaction of {self.event_id}"
