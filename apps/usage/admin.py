"""Prices and budgets in Django's admin; records are for reading. A price that has begun is for reading too."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminDateWidget
from django.http import HttpRequest
from django.utils import timezone

from apps.usage.models import Budget, Daily, Price, Record


class PriceForm(forms.ModelForm):
    """A price holds from the beginning of a day (UTC), today or later."""

    valid_from = forms.DateField(widget=AdminDateWidget)

    class Meta:
        model = Price
        fields = ("device", "valid_from", "micros_per_hour")

    def clean_valid_from(self) -> dt.datetime:
        day: dt.date = self.cleaned_data["valid_from"]
        if day < timezone.now().astimezone(dt.UTC).date():
            raise forms.ValidationError(
                "A price holds from today or a later day on: what was booked keeps its price."
            )
        return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)

    def clean_micros_per_hour(self) -> int:
        price: int = self.cleaned_data["micros_per_hour"]
        if price < 0:
            raise forms.ValidationError("A price is nothing or more.")
        return price


@admin.register(Price)
class PriceAdmin(admin.ModelAdmin):
    form = PriceForm
    list_display = ("device", "valid_from", "micros_per_hour")
    ordering = ("device", "-valid_from")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _begun(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _begun(obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without "delete selected", which asks about no single row."""
        return {k: v for k, v in super().get_actions(request).items() if k != "delete_selected"}


def _begun(price: Price | None) -> bool:
    return price is not None and price.valid_from <= timezone.now()


@admin.register(Budget)
class BudgetAdmin(admin.ModelAdmin):
    list_display = ("workspace", "warn_micros", "stop_micros")


class ForReading(admin.ModelAdmin):
    """Rows that only the work itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Record)
class RecordAdmin(ForReading):
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
    show_full_result_count = False


@admin.register(Daily)
class DailyAdmin(ForReading):
    list_display = ("day", "workspace", "store", "recipe", "batch", "pictures", "cached", "cost_micros")
    show_full_result_count = False
