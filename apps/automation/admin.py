"""Rules and what waits for them in Django's admin, for reading."""

from django.contrib import admin

from apps.automation.models import Rule, Trigger


@admin.register(Rule)
class RuleAdmin(admin.ModelAdmin):
    list_display = ("id", "store", "position", "name", "on", "deleted_at")
    list_filter = ("on",)


@admin.register(Trigger)
class TriggerAdmin(admin.ModelAdmin):
    list_display = ("id", "store", "photo", "events", "rule", "state", "waits_for", "not_before", "outcome")
    list_filter = ("state", "outcome")
    raw_id_fields = ("product", "photo", "job")
