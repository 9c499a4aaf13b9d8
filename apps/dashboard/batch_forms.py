"""Forms that start a batch, change its cap and clone it."""

from __future__ import annotations

import re
import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.catalog.selectors import Facets
from apps.jobs.filters import Filter
from apps.jobs.services.creating import Pilot
from apps.lib.errors import BadRequest
from apps.recipes import selectors as recipes
from apps.recipes.models import RecipeVersion
from apps.stores.models import Store

# What earlier work says of a photo: choice → (label, fields of the filter).
EARLIER: dict[str, tuple[str, dict[str, Any]]] = {
    "": ("All of them", {}),
    "never": ("Never rendered", {"never_rendered": True}),
    "older": ("Not rendered for some days", {}),
    "behind": ("Made with an older version of a recipe", {"recipe_behind": True}),
    "failed": ("Failed the last time", {"not_rendered_well": True}),
    "doubted": ("Not passed by the quality checks", {"judged": "doubted"}),
    "waiting": ("Waiting for a person", {"judged": "waiting"}),
    "rejected": ("Rejected by a person", {"judged": "rejected"}),
}
FACETS = ("categories", "vendors", "tags", "types", "attributes")
FLAGS = ("on_sale", "missing_alt", "main_photo_only")
MICROS = 1_000_000


class Amount(forms.DecimalField):
    """Money; empty for no limit."""

    def __init__(self, **more: Any) -> None:
        widget = forms.NumberInput(attrs={"inputmode": "decimal", "autocomplete": "off", "step": "any"})
        super().__init__(
            min_value=Decimal("0.0001"),
            max_digits=12,
            decimal_places=4,
            required=False,
            widget=widget,
            **more,
        )


class Versions(forms.ChoiceField):
    """One of the workspace's recipes in use; its value is the version's id."""

    def of(self, workspace: Workspace) -> dict[str, RecipeVersion]:
        found = {str(v.pk): v for v in recipes.current(workspace.pk)}
        self.choices = [(pk, str(v)) for pk, v in found.items()]
        self.initial = next((pk for pk, v in found.items() if v.recipe.automatic), None)
        return found


class Narrowing(forms.Form):
    """Fields that narrow to some products, with what the store has to choose from. Nothing chosen means all."""

    categories = forms.MultipleChoiceField(label="Categories", required=False)
    vendors = forms.MultipleChoiceField(label="Brands", required=False)
    tags = forms.MultipleChoiceField(label="Tags", required=False)
    types = forms.MultipleChoiceField(label="Product types", required=False)
    attributes = forms.MultipleChoiceField(label="Attributes", required=False)
    on_sale = forms.BooleanField(label="Only what is on sale", required=False)

    def narrow_by(self, facets: Facets, kept: Filter | None = None) -> None:
        """`kept`: what was chosen earlier stays to be chosen, although no product has it now."""
        self._narrow: dict[str, list[tuple[str, str]]] = {}
        for name in FACETS:
            narrow = self.fields[name]
            assert isinstance(narrow, forms.MultipleChoiceField)
            counted = dict(getattr(facets, name)) | {
                value: 0 for value in getattr(kept, name, ()) if value not in dict(getattr(facets, name))
            }
            self._narrow[name] = [(value, f"{value} ({count:,})") for value, count in counted.items()]
            narrow.choices = self._narrow[name]

    @property
    def facets(self) -> list[tuple[forms.BoundField, list[tuple[str, str, bool]]]]:
        """Each field that narrows with its choices: (value, label, chosen). One choice is none."""
        rows = []
        for name in FACETS:
            bound, chosen = self[name], set(self[name].value() or [])
            choices = [(value, label, value in chosen) for value, label in self._narrow[name]]
            if len(choices) > 1 or chosen:
                rows.append((bound, choices))
        return rows


class RegenerateForm(Narrowing):
    """Which photos, which recipe, pilot and cap. `key` is made with the form: sending it twice starts one batch."""

    recipe = Versions(label="Recipe")
    name = forms.CharField(label="Name of this batch", max_length=120)
    earlier = forms.ChoiceField(
        label="By what became of them before",
        choices=[(k, label) for k, (label, _) in EARLIER.items()],
        required=False,
    )
    days = forms.IntegerField(label="Days", min_value=1, max_value=36_500, required=False, initial=30)
    missing_alt = forms.BooleanField(label="Without alternative text", required=False)
    main_photo_only = forms.BooleanField(label="Only the main photo of each product", required=False)
    pilot = forms.CharField(
        label="Pilot",
        max_length=12,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "20 or 2 %"}),
        help_text="So many photos, or such a part of them, drawn across the whole catalogue, are rendered first; the "
        "rest waits until somebody looked at them.",
    )
    go_at = forms.IntegerField(
        label="Go on by itself at",
        min_value=1,
        max_value=100,
        required=False,
        help_text="Percent of the pilot that is approved. Empty: a person says go.",
    )
    cap = Amount(
        label="May cost at most", help_text="Nothing more is handed out then. It can be raised later."
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=80)

    def __init__(self, *args: Any, workspace: Workspace, store: Store, facets: Facets, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["recipe"]
        assert isinstance(field, Versions)
        self._versions = field.of(workspace)
        self.narrow_by(facets)
        self.fields["name"].initial = f"{store.name}, {timezone.now():%d %B %Y}"[:120]
        self.fields["key"].initial = uuid.uuid4().hex

    @property
    def first_version(self) -> RecipeVersion | None:
        """What the recipe field shows before anybody chose."""
        return self._versions.get(self.fields["recipe"].initial or next(iter(self._versions), ""))

    def clean_key(self) -> str:
        key = self.cleaned_data["key"]
        if not re.fullmatch(r"[A-Za-z0-9-]{8,80}", key):
            raise forms.ValidationError("Open this page again.")
        return str(key)

    def clean_pilot(self) -> str:
        text: str = self.cleaned_data["pilot"].strip()
        if text:
            try:
                Pilot.of(text)
            except BadRequest as error:
                raise forms.ValidationError(error.message) from error
        return text

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("earlier") == "older" and not found.get("days") and "days" not in self.errors:
            self.add_error("days", "Say how many days.")
        if found.get("go_at") and not found.get("pilot") and "pilot" not in self.errors:
            self.add_error("pilot", "Say how many photos the pilot has.")
        return found

    def version(self) -> RecipeVersion:
        return self._versions[self.cleaned_data["recipe"]]

    def only(self) -> Filter:
        data = self.cleaned_data
        fields = {name: data[name] for name in FACETS if data[name]}
        fields |= EARLIER[data["earlier"]][1]
        if data["earlier"] == "older":
            fields["older_than_days"] = data["days"]
        fields |= {name: True for name in FLAGS if data[name]}
        return Filter.from_json(fields)

    def first(self) -> Pilot | None:
        data = self.cleaned_data
        if not data["pilot"]:
            return None
        return Pilot.of(data["pilot"], go_at_share=data["go_at"] / 100 if data["go_at"] else None)

    def cap_micros(self) -> int | None:
        return micros(self.cleaned_data["cap"])


class CapForm(forms.Form):
    """What a batch may cost at most; empty for no cap."""

    cap = Amount(label="May cost at most", help_text="Empty: no cap.")

    def cap_micros(self) -> int | None:
        return micros(self.cleaned_data["cap"])


class CloneForm(forms.Form):
    """The same photos with another recipe."""

    recipe = Versions(label="Recipe")
    key = forms.RegexField(r"^[A-Za-z0-9-]{8,80}$", widget=forms.HiddenInput)

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["recipe"]
        assert isinstance(field, Versions)
        self._versions = field.of(workspace)
        self.fields["key"].initial = uuid.uuid4().hex

    def version(self) -> RecipeVersion:
        return self._versions[self.cleaned_data["recipe"]]


def micros(amount: Decimal | None) -> int | None:
    return None if amount is None else round(amount * MICROS)
