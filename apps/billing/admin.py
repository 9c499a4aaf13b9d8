"""Plans in the administration: added, never changed. What stores agreed to, and what was charged, is for reading."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from apps.billing.models import Charge, Plan, Subscription
from apps.billing.services import plans
from apps.lib.errors import BadRequest


class PlanForm(forms.ModelForm):
    """What is offered from now on."""

    class Meta:
        model = Plan
        fields = ("name", "currency", "monthly_micros", "picture_micros", "cap_micros", "trial_days")

    def clean(self) -> dict[str, Any]:
        given = dict(super().clean() or {})
        if not self.errors:
            try:
                plans.check(**given)
            except BadRequest as error:
                raise forms.ValidationError(error.message) from error
        return given


class Lasting(admin.ModelAdmin):
    """Rows that never change by hand."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Plan)
class PlanAdmin(Lasting):
    form = PlanForm
    list_display = (
        "name",
        "currency",
        "monthly_micros",
        "picture_micros",
        "cap_micros",
        "trial_days",
        "created_at",
    )
    ordering = ("-pk",)


class ForReading(Lasting):
    """Rows that only the work itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Subscription)
class SubscriptionAdmin(ForReading):
    list_display = ("store", "plan", "state", "test", "used_micros", "cap_micros", "period_end", "looked_at")


@admin.register(Charge)
class ChargeAdmin(ForReading):
    list_display = ("subscription", "pictures", "amount_micros", "work_state", "booked_at", "error")
