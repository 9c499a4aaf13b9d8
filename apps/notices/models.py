"""What happened, who wants to hear of it, and the mails that tell."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.accounts.models import Member, Workspace
from apps.lib.work import Work


class Kind(models.TextChoices):
    """What members can be told of; each has its own switch."""

    STORE_KEYS = "store_keys", "A store needs to be connected again"
    STORE_FAILING = "store_failing", "A store does not answer"
    BATCH = "batch", "A batch is finished or stands still"
    BUDGET = "budget", "The month's budget is nearly or fully used"
    BILLING = "billing", "A store's plan has to be agreed to, or its limit is reached"
    STORAGE = "storage", "Room for pictures gets scarce"
    WORKERS = "workers", "Photos wait and nothing renders them"


class How(models.TextChoices):
    AT_ONCE = "at_once", "at once"
    DAILY = "daily", "once a day, together"
    OFF = "off", "not at all"


class Preference(models.Model):
    """What a member said about a kind; `selectors.DEFAULTS` holds where nothing was said."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="notice_preferences")
    kind = models.CharField(max_length=20, choices=Kind)
    how = models.CharField(max_length=10, choices=How)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member", "kind"], name="notices_preference_once")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.how}"


class Notice(models.Model):
    """Something that members are told of. It stays open while it lasts, so that it is told once, however often it is
    noticed; what has no duration ends as it begins. `subject` says about what: ``store:12``."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=20, choices=Kind)
    subject = models.CharField(max_length=80)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True, default="")
    path = models.CharField(max_length=200, help_text="The page that helps, on this server.")
    at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now, help_text="When it was noticed last.")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "kind", "subject"],
                condition=models.Q(ended_at=None),
                name="notices_open_once",
            )
        ]
        indexes = [models.Index(fields=["workspace", "kind", "subject", "-at"], name="notices_recent")]

    def __str__(self) -> str:
        return self.title


class Mail(Work):
    """A mail to one member: everything that came up until it goes. `uid` names it for mail servers, so that they
    know it again should it be sent twice."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="mails")
    daily = models.BooleanField(default=False)
    uid = models.UUIDField(unique=True)
    notices = models.ManyToManyField(Notice, related_name="mails")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # What comes up meanwhile joins the mail that waits: a thousand failures are one mail.
            models.UniqueConstraint(
                fields=["member", "daily"],
                condition=models.Q(work_state="waiting", tries=0),
                name="notices_one_waiting",
            )
        ]
        indexes = [
            models.Index(fields=["work_state", "hint_after"], name="notices_due"),
            models.Index(fields=["member", "-sent_at"], name="notices_sent"),
        ]

    def __str__(self) -> str:
        return f"mail {self.pk} to member {self.member_id}"
