"""Cut-outs that workers left in the storage for other recipes of the same photo."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.stores.models import Store


class Matte(models.Model):
    """One kept cut-out. Workers find it by its key alone, which stands for photo, hints, engine, version and weights;
    this row tells how large it is and when it was of use last, so that it can be thrown away."""

    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT)
    store = models.ForeignKey(Store, on_delete=models.PROTECT)
    key = models.CharField(max_length=200, unique=True)
    engine = models.CharField(max_length=40)
    size_bytes = models.BigIntegerField()
    uses = models.PositiveIntegerField(default=0, help_text="How often it saved a search.")
    made_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["used_at"], name="jobs_matte_unused")]

    def __str__(self) -> str:
        return self.key
