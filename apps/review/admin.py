"""Review items in Django's admin, for reading."""

from django.contrib import admin

from apps.review.models import Decision, Item

admin.site.register(Decision)


@admin.register(Item)
class ItemAdmin(admin.ModelAdmin):
    list_display = ("id", "job", "verdict", "state", "needs_override", "decided_at")
    list_filter = ("state", "verdict")
