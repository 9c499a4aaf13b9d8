"""People and workspaces in Django's admin."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from apps.accounts.models import ApiKey, Identity, Member, User, Workspace

admin.site.register(User, UserAdmin)


@admin.register(Workspace)
class WorkspaceAdmin(admin.ModelAdmin):
    list_display = ("name", "created_at")


@admin.register(Member)
class MemberAdmin(admin.ModelAdmin):
    list_display = ("user", "workspace", "role")


@admin.register(Identity)
class IdentityAdmin(admin.ModelAdmin):
    list_display = ("issuer", "shop", "subject", "member", "created_at")


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    list_display = ("name", "workspace", "prefix", "role", "last_used_at", "revoked_at")
    readonly_fields = ("sha256", "prefix")
