"""Stores in Django's admin, without their secrets."""

from django.contrib import admin

from apps.stores.models import Store, WrittenMedia


@admin.register(Store)
class StoreAdmin(admin.ModelAdmin):
    list_display = ("name", "platform", "url", "state", "workspace")
    exclude = ("credentials", "hook_secret", "hook_token")
    readonly_fields = ("platform", "url", "workspace", "about")


@admin.register(WrittenMedia)
class WrittenMediaAdmin(admin.ModelAdmin):
    list_display = ("media_id", "stem", "store", "publication", "created_at")
