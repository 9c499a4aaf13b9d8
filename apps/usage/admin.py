"""Prices and budgets in Django's admin; records are for reading."""

from django.contrib import admin

from apps.usage.models import Budget, Price, Record


@admin.register(Price)
class PriceAdmin(admin.ModelAdmin):
    list_display = ("device", "valid_from", "micros_per_second")


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin):
    list_display = ("workspace", "warn_micros", "stop_micros")


@admin.register(Record)
class RecordAdmin(admin.ModelAdmin):
    list_display = (
        "attempt",
        "workspace",
        "engine",
        "device",
        "device_seconds",
        "cost_micros",
        "outcome",
        "at",
    )

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False
