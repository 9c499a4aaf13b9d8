"""What is offered, what a store agreed to, what was charged for which pictures. In micros of the plan's currency."""

from __future__ import annotations

from django.db import models

from apps.lib import ids
from apps.lib.work import Work
from apps.stores.models import Store
from apps.usage.models import Record

# Platforms charge whole cents.
CENT_MICROS = 10_000


class Plan(models.Model):
    """What the operator offers: a price each month, one for each picture, and a cap on the pictures of a month.

    It never changes; the newest one is offered, and who agreed to an older one keeps that.
    """

    name = models.CharField(max_length=60)
    currency = models.CharField(max_length=3, help_text="Three letters, such as USD.")
    monthly_micros = models.BigIntegerField(help_text="Millionths for 30 days; 0 for none.")
    picture_micros = models.BigIntegerField(
        help_text="Millionths for each finished picture, in whole cents; 0 for none."
    )
    cap_micros = models.BigIntegerField(help_text="What pictures may come to in 30 days, at most.")
    trial_days = models.PositiveSmallIntegerField(default=0, help_text="Days without the monthly price.")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.currency})"

    @property
    def terms(self) -> str:
        """As the platform shows it to the merchant."""
        if not self.picture_micros:
            return "Pictures cost nothing extra."
        return f"{self.picture_micros / 1e6:.2f} {self.currency} for each finished picture."


class State(models.TextChoices):
    ASKED = "asked", "waiting for the merchant"
    ACTIVE = "active", "active"
    FROZEN = "frozen", "frozen"
    DECLINED = "declined", "declined"
    EXPIRED = "expired", "not answered in time"
    ENDED = "ended", "ended"


OPEN = (State.ASKED, State.ACTIVE, State.FROZEN)
HOLDING = (State.ACTIVE, State.FROZEN)


class Subscription(models.Model):
    """A plan that a store was asked to agree to, and how it stands as the platform said at `looked_at`.

    Pictures booked from `counts_from` on are charged; before `collected_until` none is left. `used_micros` is what the
    platform had at `used_at`. `full_since`: not one more picture fits under the cap.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="subscriptions")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="subscriptions")
    external_id = models.CharField(max_length=64)
    line_id = models.CharField(max_length=200, blank=True, default="")
    page = models.URLField(max_length=1000, blank=True, default="")
    state = models.CharField(max_length=8, choices=State, default=State.ASKED)
    test = models.BooleanField(default=False)
    cap_micros = models.BigIntegerField()
    used_micros = models.BigIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)
    counts_from = models.DateTimeField(null=True, blank=True)
    collected_until = models.DateTimeField(null=True, blank=True)
    full_since = models.DateTimeField(null=True, blank=True)
    asked_by = models.CharField(max_length=64)
    asked_at = models.DateTimeField(auto_now_add=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "external_id"], name="billing_subscription_once"),
            models.UniqueConstraint(
                fields=["store"],
                condition=models.Q(state__in=["active", "frozen"]),
                name="billing_one_holds",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} of {self.store_id}: {self.state}"


def _key() -> str:
    return f"vitrine-{ids.token(24)}"


class Charge(Work):
    """Some finished pictures of a subscription, charged together. The platform books it once per `key`.

    `sent`: it may have reached the platform; until then it can be taken back.
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="charges")
    key = models.CharField(max_length=100, unique=True, default=_key, editable=False)
    pictures = models.PositiveIntegerField()
    amount_micros = models.BigIntegerField()
    words = models.CharField(max_length=200)
    sent = models.BooleanField(default=False)
    external_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    booked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["work_state", "hint_after"], name="billing_charge_due")]

    def __str__(self) -> str:
        return f"{self.pictures} pictures, {self.amount_micros} µ"


class Charged(models.Model):
    """A picture that is in a charge: in one, whatever happens."""

    record = models.OneToOneField(Record, on_delete=models.PROTECT, related_name="charged")
    charge = models.ForeignKey(Charge, on_delete=models.CASCADE, related_name="records")

    def __str__(self) -> str:
        return f"record {self.record_id} in charge {self.charge_id}"
