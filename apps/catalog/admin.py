"""The mirror in Django's admin."""

from django.contrib import admin

from apps.catalog.models import Photo, Product


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("title", "store", "external_id", "status", "present", "modified_at")
    search_fields = ("title", "external_id", "sku")


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin):
    list_display = ("product", "media_id", "position", "present", "ours", "sha256")
