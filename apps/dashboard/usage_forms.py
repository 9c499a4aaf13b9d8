"""The form of a workspace's budget."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.dashboard.batch_forms import Amount, micros
from apps.usage.selectors import Standing


class BudgetForm(forms.Form):
    """What a month may cost; empty for no limit."""

    warn = Amount(label="Warn from", help_text="The first page then says so. Empty: no warning.")
    stop = Amount(
        label="Stop at",
        help_text="Nothing more is rendered that would come to more. It can be raised at any time. Empty: no limit.",
    )

    @classmethod
    def of(cls, standing: Standing) -> BudgetForm:
        limits = {"warn": standing.warn_micros, "stop": standing.stop_micros}
        return cls(
            initial={
                name: f"{limit / 1e6:.4f}".rstrip("0").rstrip(".")
                for name, limit in limits.items()
                if limit is not None
            }
        )

    def values(self) -> dict[str, Any]:
        """What `usage.services.set_budget` takes."""
        return {f"{name}_micros": micros(self.cleaned_data[name]) for name in ("warn", "stop")}
