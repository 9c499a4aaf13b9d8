"""The forms of the rendering page: limits and the off-peak window. The share (weight) is the operator's to set."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.jobs.models import StorePace, WorkspacePace


def _at_once(help_text: str) -> forms.IntegerField:
    return forms.IntegerField(
        label="Photos at work at once, at most",
        min_value=1,
        max_value=10_000,
        required=False,
        help_text=help_text,
    )


class PaceForm(forms.Form):
    """Of a workspace."""

    max_live = _at_once("Empty: as many as there is room for.")
    bulk_from = forms.TimeField(
        label="Catalogues only from",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="Regenerating a catalogue waits for these hours; new photos do not. Empty: at any time.",
    )
    bulk_until = forms.TimeField(
        label="until", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    time_zone = forms.CharField(
        label="Time zone of your shop", max_length=60, help_text="Such as Europe/Berlin or America/New_York."
    )

    @classmethod
    def of(cls, pace: WorkspacePace) -> PaceForm:
        return cls(initial={name: getattr(pace, name) for name in cls.base_fields})

    def values(self) -> dict[str, Any]:
        """What `pacing.change` takes."""
        return dict(self.cleaned_data)


class StorePaceForm(forms.Form):
    max_live = _at_once("")

    @classmethod
    def of(cls, pace: StorePace) -> StorePaceForm:
        return cls(initial={"max_live": pace.max_live}, auto_id=f"id_store_{pace.store_id}_%s")
