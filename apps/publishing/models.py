"""One write into a store, the snapshot that undoes it, its steps, and the undo."""

from __future__ import annotations

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
from apps.stores.selectors import STEM_PREFIX


class Publication(Work):
    """An approved render on its way into a store, or there, or taken back. `media_id` is what the store calls it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="publications")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="publications")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="publications")
    photo = models.ForeignKey(Photo, on_delete=models.PROTECT, related_name="publications")
    item = models.OneToOneField(Item, on_delete=models.PROTECT, related_name="publication")
    render = models.ForeignKey(Render, on_delete=models.PROTECT)
    requested_by = models.CharField(max_length=64)
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
    def stem(self) -> str:
        """The file name without extension: the same at every try, so that a lost answer is found again."""
        main = self.render.file("main")
        return f"{STEM_PREFIX}{self.pk}-{main['sha256'][:10] if main else 'none'}"

    @property
    def live(self) -> bool:
        """Shoppers see it."""
        return self.published_at is not None and self.undone_at is None


class Snapshot(models.Model):
    """The product's images before the write: the whole list, and the replaced file's own bytes."""

    publication = models.OneToOneField(Publication, on_delete=models.PROTECT, related_name="snapshot")
    images = models.JSONField()
    replaced_id = models.CharField(max_length=64)
    replaced_src = models.URLField(max_length=1000)
    replaced_key = models.CharField(max_length=200)
    replaced_sha256 = models.CharField(max_length=64)
    taken_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"snapshot of publication {self.publication_id}"


class StepState(models.TextChoices):
    SENT = "sent", "sent, answer not seen"
    DONE = "done", "done"


class Step(models.Model):
    """One call that changes the store: noted before it is sent and after its answer was seen."""

    publication = models.ForeignKey(Publication, on_delete=models.CASCADE, related_name="steps")
    name = models.CharField(max_length=20)
    state = models.CharField(max_length=6, choices=StepState, default=StepState.SENT)
    detail = models.JSONField(default=dict)
    sent_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["publication", "name"], name="publishing_step_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"


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
