"""Stores in Django's admin, without their secrets."""

from django.contrib import admin
from django.http import HttpRequest

from apps.stores.models import Approval, Install, LegalRequest, Store, WrittenMedia


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


@admin.register(LegalRequest)
class LegalRequestAdmin(admin.ModelAdmin):
    list_display = ("kind", "store", "request", "created_at", "done_at", "work_state")
    readonly_fields = (
        "kind",
        "store",
        "webhook_id",
        "request",
        "customer",
        "answer",
        "triggered_at",
        "done_at",
    )


@admin.register(Install)
class InstallAdmin(admin.ModelAdmin):
    list_display = ("shop", "asked_by", "created_at", "used_at")
    fields = readonly_fields = (
        "platform",
        "shop",
        "workspace",
        "asked_by",
        "created_at",
        "expires_at",
        "used_at",
    )
