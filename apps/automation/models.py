"""What a store does by itself: rules, and the photos that wait for one to act on them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.catalog.models import Photo, Product
from apps.jobs.models import Job, Lane
from apps.recipes.models import Recipe
from apps.stores.models import Store


class Happening(models.TextChoices):
    """What a rule can wait for. Photos of a new product are new photos, too."""

    NEW_PRODUCT = "new_product", "a product is new"
    NEW_PHOTO = "new_photo", "a photo is new"
    CHANGED_PHOTO = "changed_photo", "a photo is exchanged"
    TAG_ADDED = "tag_added", "a tag is added"
    BACK_IN_STOCK = "back_in_stock", "a product is in stock again"


class Rule(models.Model):
    """When one of `events` happens to a photo that `filter` means, it is rendered. The first rule that fits acts.

    No `recipe`: the workspace's automatic one. Times are seconds, and wall-clock times in the workspace's time zone.
    A deleted rule stays, so that it can be brought back and that what it did can be explained.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="rules")
    name = models.CharField(max_length=80)
    position = models.PositiveIntegerField(default=0)
    on = models.BooleanField(default=True)
    standard = models.BooleanField(default=False, help_text="The one that a store starts with.")
    events = models.JSONField(default=list)
    tags = models.JSONField(
        default=list, blank=True, help_text="Only when one of these is added. None: whichever."
    )
    filter = models.JSONField(default=dict, blank=True)
    recipe = models.ForeignKey(Recipe, on_delete=models.PROTECT, null=True, blank=True, related_name="rules")
    lane = models.CharField(max_length=10, choices=Lane, default=Lane.STANDARD)
    calm_s = models.PositiveIntegerField(
        default=0, help_text="It acts once nothing changed at the product for so long."
    )
    ceiling_s = models.PositiveIntegerField(
        default=600, help_text="It acts after so long, however often the product changes."
    )
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    daily_cap = models.PositiveIntegerField(
        null=True, blank=True, help_text="Images a day; the rest waits for the next."
    )
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store"], condition=models.Q(standard=True), name="automation_one_standard_rule"
            )
        ]
        indexes = [models.Index(fields=["store", "position", "id"], name="automation_rule_order")]

    def __str__(self) -> str:
        return self.name


class TriggerState(models.TextChoices):
    WAITING = "waiting", "waiting"
    ENDED = "ended", "ended"


class WaitsFor(models.TextChoices):
    """Why a photo that a rule means is not rendered yet."""

    TURN = "", "its turn"
    CALM = "calm", "the product to stay as it is for a moment"
    QUIET_HOURS = "quiet_hours", "the end of the quiet hours"
    CAP = "cap", "the next day, because today's cap is reached"
    OFF = "off", "the rule to be switched on again"


class Outcome(models.TextChoices):
    """How it ended."""

    OPEN = "", "not ended"
    MADE = "made", "a picture was asked for"
    HAD = "had", "it had been made with this recipe before"
    NO_RULE = "no_rule", "no rule fitted"
    NO_RECIPE = "no_recipe", "there was no recipe to use"
    GONE = "gone", "the photo was no longer shown"


class Trigger(models.Model):
    """Something happened to a photo that a rule may want to act on. One waits per photo; what happens meanwhile is
    added to it. Which rule acts is decided when it is due; `rule` is the one that it waits for.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="triggers")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="triggers")
    photo = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="triggers")
    revision = models.PositiveIntegerField()
    rule = models.ForeignKey(Rule, on_delete=models.SET_NULL, null=True, blank=True, related_name="triggers")
    events = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=TriggerState, default=TriggerState.WAITING)
    waits_for = models.CharField(max_length=12, choices=WaitsFor, blank=True, default=WaitsFor.TURN)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True, default=Outcome.OPEN)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(default=timezone.now)
    hint_after = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["photo"], condition=models.Q(state="waiting"), name="automation_one_waits_per_photo"
            )
        ]
        indexes = [
            models.Index(fields=["hint_after"], condition=models.Q(state="waiting"), name="automation_due"),
            models.Index(
                fields=["store", "first_at", "id"],
                condition=models.Q(state="waiting"),
                name="automation_in_turn",
            ),
            models.Index(
                fields=["rule", "waits_for"], condition=models.Q(state="waiting"), name="automation_waiting"
            ),
            models.Index(
                fields=["rule", "ended_at"], condition=models.Q(outcome="made"), name="automation_made"
            ),
            models.Index(fields=["ended_at"], condition=models.Q(state="ended"), name="automation_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.photo_id}: {', '.join(self.events)}"
