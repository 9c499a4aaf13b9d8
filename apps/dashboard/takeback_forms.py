"""Forms that take many pictures back."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django import forms
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.jobs import pace, windows
from apps.recipes.models import Recipe


class TakeBackForm(forms.Form):
    """Of a whole batch: why. `key` is made with the form: sending it twice is once."""

    note = forms.CharField(
        label="Why",
        max_length=300,
        required=False,
        help_text="Stands in the audit trail.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    key = forms.RegexField(r"^[A-Za-z0-9-]{8,80}$", widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].initial = uuid.uuid4().hex


class TakeBackSinceForm(TakeBackForm):
    """Everything since a moment, by the clock of the workspace."""

    since = forms.DateTimeField(
        label="Since",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    recipe = forms.ModelChoiceField(
        label="Made with", queryset=Recipe.objects.none(), required=False, empty_label="Any recipe"
    )
    field_order = ("since", "recipe", "note", "key")

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = pace.of_workspace(workspace.pk).time_zone
        self.zone = windows.zone(name)
        self.fields["since"].help_text = f"By the clock of your shop: {name.replace('_', ' ')}."
        # Today, from its first minute on.
        start = timezone.now().astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        self.fields["since"].initial = start.replace(tzinfo=None)
        recipe = self.fields["recipe"]
        assert isinstance(recipe, forms.ModelChoiceField)
        recipe.queryset = Recipe.objects.filter(workspace=workspace).order_by("name")

    def clean_since(self) -> dt.datetime:
        """What was typed is wall-clock time there, whatever this process's own clock says."""
        typed: dt.datetime = self.cleaned_data["since"]
        since = typed.replace(tzinfo=self.zone)
        if since > timezone.now():
            raise forms.ValidationError("That moment has not come yet.")
        return since

    def first_moment(self) -> dt.datetime:
        """What the field shows before anybody chose."""
        initial: dt.datetime = self.fields["since"].initial
        return initial.replace(tzinfo=self.zone)
