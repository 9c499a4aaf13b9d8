"""The form with which the limit of a plan is raised."""

from __future__ import annotations

from decimal import Decimal

from django import forms

from apps.billing.selectors import Standing


class CapForm(forms.Form):
    """Another limit for thirty days."""

    cap = forms.DecimalField(
        label="New limit",
        min_value=Decimal("0.01"),
        max_digits=8,
        decimal_places=2,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "autocomplete": "off", "step": "0.01"}),
        help_text="What pictures may come to in 30 days. You agree to it on Shopify's page; it can only be raised.",
    )

    @classmethod
    def of(cls, standing: Standing) -> CapForm | None:
        if standing.holds is None:
            return None
        twice = Decimal(standing.holds.cap_micros) * 2 / 1_000_000
        return cls(initial={"cap": f"{twice:.2f}"}, auto_id=f"id_{standing.store.pk}_%s")

    def micros(self) -> int:
        return int(self.cleaned_data["cap"] * 1_000_000)
