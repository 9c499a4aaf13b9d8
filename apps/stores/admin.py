"""Stores in Django's admin, without their secrets."""

from django.contrib import admin
from django.http import HttpRequest

from apps.stores.models import Approval, Store, WrittenMedia


@admin.register(Store)
class StoreAdmin(admin.ModelAdmin):
    list_display = ("name", "platform", "url", "state", "workspace")
    exclude = ("credentials", "hook_secret", "hook_token")
    readonly_fields = ("platform", "url", "workspace", "about")


@admin.register(WrittenMedia)
class WrittenMediaAdmin(admin.ModelAdmin):
    list_display = ("media_id", "stem", "store", "publication", "created_at")


@admin.register(Approval)
class ApprovalAdmin(admin.ModelAdmin):
    list_display = ("url", "way", "state", "asked_by", "workspace", "created_at")
    fields = readonly_fields = (
        "workspace", "platform", "way", "asked_by", "url", "state", "error", "store", "created_at", "expires_at",
        "used_at",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
