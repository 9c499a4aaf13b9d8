"""One write into a store, the snapshot that undoes it, its steps, and the undo."""

from __future__ import annotations

import datetime as dt

from django.db import models

from apps.accounts.models import Workspace
from apps.catalog.models import Photo, Product
from apps.jobs.models import Render
from apps.lib.work import Work
from apps.publishing.cleaning import Cleaned as Cleaned  # Django looks for models in here
from apps.publishing.cleaning import Cleaning as Cleaning
from apps.publishing.reversals import Reversal as Reversal
from apps.publishing.reversals import Reversed as Reversed
from apps.review.models import Item
from apps.stores.models import Store


class Mode(models.TextChoices):
    """What a picture does to the product."""

    REPLACE = "replace", "takes the place of its photo"
    ADD = "add", "is added after the other pictures"
    FIRST = "first", "becomes the first picture"
    VARIATION = "variation", "becomes the picture of the variations that show its photo"


class Publication(Work):
    """An approved render on its way into a store, or there, or taken back. `media_id` is what the store calls it.

    `stem` is its file's name there without extension: chosen once, so that a lost answer is found again.
    `notes` are what was seen of it that a merchant should know, though it is live.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="publications")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="publications")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="publications")
    photo = models.ForeignKey(Photo, on_delete=models.PROTECT, related_name="publications")
    item = models.OneToOneField(Item, on_delete=models.PROTECT, related_name="publication")
    render = models.ForeignKey(Render, on_delete=models.PROTECT)
    requested_by = models.CharField(max_length=64)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.REPLACE, db_default=Mode.REPLACE)
    stem = models.CharField(max_length=120, blank=True, default="", db_default="")
    notes = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    media_id = models.CharField(max_length=64, blank=True, default="")
    media_src = models.URLField(max_length=1000, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["work_state", "hint_after"], name="publishing_due"),
            models.Index(fields=["workspace", "-id"], name="publishing_recent"),
            # What the home page counts.
            models.Index(
                fields=["workspace"],
                condition=models.Q(published_at__isnull=False, undone_at__isnull=True),
                name="publishing_live",
            ),
            models.Index(
                fields=["workspace"], condition=models.Q(work_state="failed"), name="publishing_failed"
            ),
        ]

    def __str__(self) -> str:
        return f"publication {self.pk}"

    @property
    def live(self) -> bool:
        """Shoppers see it."""
        return self.published_at is not None and self.undone_at is None


class Snapshot(models.Model):
    """The product's images before the write: the whole list, its variants' images, and the replaced file's own bytes.

    `variants` are pairs of a variant's id and the image's that it showed, its own or the product's; `given` are those
    that we gave our picture instead of their own. Where nothing is replaced, `replaced_…` are empty.
    """

    publication = models.OneToOneField(Publication, on_delete=models.PROTECT, related_name="snapshot")
    images = models.JSONField()
    variants = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    given = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    replaced_id = models.CharField(max_length=64, blank=True, default="")
    replaced_src = models.URLField(max_length=1000, blank=True, default="")
    replaced_key = models.CharField(max_length=200, blank=True, default="")
    replaced_sha256 = models.CharField(max_length=64, blank=True, default="")
    taken_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"snapshot of publication {self.publication_id}"


class StepState(models.TextChoices):
    PLANNED = "planned", "planned"
    SENT = "sent", "sent, answer not seen"
    SEEN = "seen", "the store answered"
    VERIFIED = "verified", "checked in the store"


class StepName(models.TextChoices):
    """In the order in which they are taken."""

    UPLOAD = "upload", "Picture uploaded"
    WRITE = "write", "Product's image list written"
    VARIANTS = "variants", "Variations given the picture"


class Step(models.Model):
    """One change of the store: noted before it is sent, when its answer was seen, and when the change itself was.

    `unsure`: it was sent and nobody knows what became of it, so that the store may have done it twice.
    """

    publication = models.ForeignKey(Publication, on_delete=models.CASCADE, related_name="steps")
    name = models.CharField(max_length=20, choices=StepName)
    state = models.CharField(max_length=8, choices=StepState, default=StepState.PLANNED)
    unsure = models.BooleanField(default=False, db_default=False)
    detail = models.JSONField(default=dict)
    planned_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["publication", "name"], name="publishing_step_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"

    @property
    def last_at(self) -> dt.datetime:
        """When it came to the state that it is in."""
        return self.verified_at or self.seen_at or self.sent_at or self.planned_at


class Undo(Work):
    """Taking a publication back. `outcome` says in words what was restored and how."""

    publication = models.OneToOneField(Publication, on_delete=models.PROTECT, related_name="undo")
    requested_by = models.CharField(max_length=64)
    outcome = models.CharField(max_length=300, blank=True, default="")
    restored_sha256 = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["work_state", "hint_after"], name="publishing_undo_due")]

    def __str__(self) -> str:
        return f"undo of publication {self.publication_id}"
