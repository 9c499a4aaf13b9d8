"""The form of an automation rule. What can be meant is checked where rules are written (apps.automation)."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from apps.accounts.models import Workspace
from apps.automation.models import Happening, Rule
from apps.catalog.selectors import Facets
from apps.dashboard.batch_forms import FACETS, Narrowing
from apps.jobs.filters import Filter
from apps.jobs.models import Lane
from apps.recipes import selectors as recipes

HAPPENINGS = [(h.value, h.label.capitalize()) for h in Happening]
LANES = [
    (Lane.URGENT, "Before everything else"),
    (Lane.STANDARD, "In turn with other new photos"),
    (Lane.BULK, "When nothing newer waits"),
]
FLAGS = ("main_photo_only", "on_sale", "missing_alt", "never_rendered")
PLAIN = ("name", "events", "lane", "calm_s", "ceiling_s", "quiet_from", "quiet_until", "daily_cap")


def _time(label: str, help_text: str = "") -> forms.TimeField:
    widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    return forms.TimeField(label=label, required=False, widget=widget, help_text=help_text)


class RuleForm(Narrowing):
    """When, which products, what is made, and how much of it."""

    name = forms.CharField(label="Name of this rule", max_length=80)
    events = forms.MultipleChoiceField(
        label="When",
        choices=HAPPENINGS,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one thing that happens."},
    )
    added = forms.CharField(
        label="Only when one of these tags is added",
        required=False,
        max_length=500,
        help_text="With commas between them, such as summer, sale. Empty: whichever tag.",
    )
    main_photo_only = forms.BooleanField(label="Only the main photo of each product", required=False)
    missing_alt = forms.BooleanField(label="Without alternative text", required=False)
    never_rendered = forms.BooleanField(label="Never rendered before", required=False)
    recipe = forms.ChoiceField(label="Recipe", required=False)
    lane = forms.ChoiceField(label="How urgent", choices=LANES)
    calm_s = forms.IntegerField(
        label="Wait until nothing changed for",
        min_value=0,
        max_value=86_400,
        help_text="Seconds. A product that is edited five times in a minute is rendered once. 0: at once.",
    )
    ceiling_s = forms.IntegerField(
        label="But no longer than",
        min_value=0,
        max_value=86_400,
        help_text="Seconds since the first change, however often it is edited.",
    )
    daily_cap = forms.IntegerField(
        label="Pictures a day, at most",
        min_value=1,
        max_value=1_000_000,
        required=False,
        help_text="What is more waits for the next day. Empty: no limit.",
    )
    quiet_from = _time("Not between", "What comes in these hours is done afterwards. Empty: at any time.")
    quiet_until = _time("and")

    def __init__(
        self, *args: Any, workspace: Workspace, facets: Facets, rule: Rule | None = None, **kwargs: Any
    ) -> None:
        self.rule = rule
        kwargs["initial"] = _initial(rule)
        super().__init__(*args, **kwargs)
        self.narrow_by(facets, Filter.from_json(rule.filter) if rule else None)
        field = self.fields["recipe"]
        assert isinstance(field, forms.ChoiceField)
        current = list(recipes.current(workspace.pk))
        automatic = next((v.recipe.name for v in current if v.recipe.automatic), "none is set")
        field.choices = [
            ("", f"The automatic recipe ({automatic})"),
            *((v.recipe.name, v.recipe.name) for v in current),
        ]

    @property
    def happenings(self) -> list[tuple[str, str, bool]]:
        """(value, label, chosen) of each thing that can happen."""
        chosen = set(self["events"].value() or [])
        return [(value, label, value in chosen) for value, label in HAPPENINGS]

    @property
    def flags(self) -> list[forms.BoundField]:
        return [self[name] for name in FLAGS]

    def values(self) -> dict[str, Any]:
        """What `ruling.create` and `ruling.change` take. Of a filter, what this form does not show stays."""
        data = self.cleaned_data
        kept = dict(self.rule.filter) if self.rule else {}
        only = {name: value for name, value in kept.items() if name not in {*FACETS, *FLAGS}}
        only |= {name: data[name] for name in (*FACETS, *FLAGS) if data[name]}
        return {
            **{name: data[name] for name in PLAIN},
            "tags": [tag for tag in (t.strip() for t in re.split(r"[,\n]", data["added"])) if tag],
            "filter": only,
            "recipe": data["recipe"] or None,
        }


def _initial(rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        # A name to begin with: the browser asks for no look ahead while a field that is needed is empty.
        plain = {"lane": Lane.STANDARD, "calm_s": 30, "ceiling_s": 600}
        return {"name": "New rule", "events": [Happening.NEW_PHOTO], **plain}
    return {
        **{name: getattr(rule, name) for name in PLAIN},
        **rule.filter,
        "added": ", ".join(rule.tags),
        "recipe": rule.recipe.name if rule.recipe else "",
    }
