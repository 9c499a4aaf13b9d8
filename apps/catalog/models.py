"""What each store has: products, variants, photos. A mirror: the store is the truth, this is how we last saw it."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils import timezone

from apps.lib.work import Work
from apps.stores.models import Store


class Product(models.Model):
    """A product as last seen. `fingerprint` covers its pictures, those of its variants too: equal means nothing to do.

    `in_stock`, `on_sale` and `attributes` (name → options) are None where nobody knows. Prices are texts as the store
    writes them; without a `price` nobody can buy it. `counted_by` is the sync that found a change of it which
    no webhook had told.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="products")
    external_id = models.CharField(max_length=64)
    title = models.CharField(max_length=300)
    url = models.URLField(max_length=500, blank=True, default="")
    status = models.CharField(max_length=20)
    type = models.CharField(max_length=20, blank=True, default="")
    sku = models.CharField(max_length=120, blank=True, default="")
    vendor = models.CharField(max_length=200, blank=True, default="")
    categories = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    attributes = models.JSONField(null=True, blank=True)
    price = models.CharField(max_length=40, blank=True, default="", db_default="")
    regular_price = models.CharField(max_length=40, blank=True, default="", db_default="")
    sale_price = models.CharField(max_length=40, blank=True, default="", db_default="")
    on_sale = models.BooleanField(null=True, blank=True)
    in_stock = models.BooleanField(null=True, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    present = models.BooleanField(default=True)
    modified_at = models.DateTimeField()
    last_sync = models.BigIntegerField(default=0)
    counted_by = models.BigIntegerField(default=0, db_default=0)
    seen_at = models.DateTimeField(
        default=timezone.now, help_text="When the store was asked for what is known of it."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "external_id"], name="catalog_product_once")]
        indexes = [
            models.Index(fields=["store", "present", "-id"], name="catalog_product_recent"),
            models.Index(fields=["store", "vendor"], name="catalog_product_vendor"),
            models.Index(fields=["store", "type"], name="catalog_product_type"),
            GinIndex(fields=["categories"], opclasses=["jsonb_path_ops"], name="catalog_product_in_category"),
            GinIndex(fields=["tags"], opclasses=["jsonb_path_ops"], name="catalog_product_tagged"),
            GinIndex(fields=["attributes"], opclasses=["jsonb_path_ops"], name="catalog_product_with"),
        ]

    def __str__(self) -> str:
        return self.title


class Variant(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    external_id = models.CharField(max_length=64)
    title = models.CharField(max_length=300, blank=True, default="")
    sku = models.CharField(max_length=120, blank=True, default="")
    media_id = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "external_id"], name="catalog_variant_once")
        ]

    def __str__(self) -> str:
        return self.title or self.sku


class Photo(models.Model):
    """An image of a product. `ours` marks what we wrote; `revision` grows when one id shows other bytes.

    `variant` is empty for what the gallery shows, else the store's id of the variant that shows it and the gallery does
    not (the first, where several do); such pictures stand behind the gallery.
    `sha256`, `key` and the size are empty until the original was fetched.
    """

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="photos")
    media_id = models.CharField(max_length=64)
    position = models.PositiveIntegerField(default=0)
    variant = models.CharField(max_length=64, blank=True, default="", db_default="")
    src = models.URLField(max_length=1000)
    alt = models.TextField(blank=True, default="")
    name = models.TextField(blank=True, default="")
    present = models.BooleanField(default=True)
    ours = models.BooleanField(default=False)
    revision = models.PositiveIntegerField(default=1)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    key = models.CharField(max_length=200, blank=True, default="")
    bytes = models.BigIntegerField(default=0)
    width_px = models.PositiveIntegerField(default=0, db_default=0)
    height_px = models.PositiveIntegerField(default=0, db_default=0)
    first_seen_at = models.DateTimeField(auto_now_add=True)
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["product", "media_id"], name="catalog_photo_once")]
        indexes = [
            models.Index(fields=["media_id"], condition=models.Q(ours=True), name="catalog_photo_of_ours"),
        ]
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return f"{self.product_id}/{self.media_id}"


class Sync(Work):
    """Reading a store page by page: all of it, or what changed since. An interrupted one goes on at `page`.

    What it found that no webhook had told is drift, counted for 90 days. The `first` reading counts none: there
    everything is new. `came_late` counts what webhooks told after all, a little later.
    """

    # `page` once the last one was read.
    READ = "-"

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="syncs")
    since = models.DateTimeField(null=True, blank=True)
    page = models.CharField(max_length=200, blank=True, default="")
    start_work = models.BooleanField(default=False)
    first = models.BooleanField(default=False, db_default=False)
    then_full = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Somebody asked for everything while changes were being read.",
    )
    requested_by = models.CharField(max_length=64)
    products = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True, blank=True)
    drift_changed = models.PositiveIntegerField(default=0, db_default=0, help_text="Known products.")
    drift_new = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Products that were not known."
    )
    drift_gone = models.PositiveIntegerField(default=0, db_default=0, help_text="Deleted products.")
    drift_photos = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="Photos of new and changed products that were added, exchanged or taken off.",
    )
    came_late = models.PositiveIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["store"],
                condition=models.Q(work_state__in=["waiting", "running"]),
                name="catalog_one_sync_per_store",
            )
        ]
        indexes = [
            models.Index(fields=["work_state", "hint_after"], name="catalog_sync_due"),
            models.Index(fields=["store", "-finished_at"], name="catalog_sync_recent"),
        ]

    def __str__(self) -> str:
        return f"sync of {self.store}"

    @property
    def drift(self) -> int:
        """Products that were not as the store had them and of which no webhook told, not even a late one."""
        return max(0, self.drift_changed + self.drift_new + self.drift_gone - self.came_late)

    @property
    def seconds(self) -> float | None:
        """From its first request to its end, with what an interruption took."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()
