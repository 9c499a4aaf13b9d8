"""Forms of products, recipes and marks; those that connect a store are in connect_forms.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from apps.dashboard import reading
from apps.jobs.services.again import Marks
from apps.publishing.models import Mode
from apps.recipes import publishing
from apps.recipes.models import RecipeVersion
from apps.stores.models import Store


class ScaleForm(forms.Form):
    """How large the product is shown in its photos: each by itself, or all at one scale."""

    consistent = forms.ChoiceField(
        label="Photos of one product",
        choices=[("off", "Each fills the picture"), ("product", "All at one scale")],
        help_text="One scale is right where one camera stood still: front, side and back keep their proportions.",
    )

    @classmethod
    def of(cls, version: RecipeVersion) -> ScaleForm | None:
        """The form as the recipe has it; None where the recipe leaves no choice."""
        framing = version.body.get("framing") or {}
        if framing.get("canvas_px", True) is None or framing.get("scale_px_per_px"):
            return None
        initial = {"consistent": "product" if version.one_scale else "off"}
        return cls(initial=initial, auto_id=f"id_{version.recipe_id}_%s")

    def one_scale(self) -> bool:
        return bool(self.cleaned_data["consistent"] == "product")


class PublishForm(forms.Form):
    """What a recipe's pictures do to a product, and what they are called there."""

    mode = forms.ChoiceField(label="In the product a picture", choices=Mode.choices)
    file_name = forms.CharField(
        label="File name",
        required=False,
        max_length=300,
        help_text="As the photo's own unless you say so. Words in braces are filled in: {words}.".replace(
            "{words}", ", ".join(f"{{{word}}}" for word in publishing.WORDS)
        ),
    )
    alt = forms.CharField(label="Alt text", required=False, max_length=300)
    title = forms.CharField(label="Title in the media library", required=False, max_length=300)
    caption = forms.CharField(label="Caption", required=False, max_length=300)

    @classmethod
    def of(cls, version: RecipeVersion) -> PublishForm:
        """The form as the recipe has it."""
        initial = {**publishing.DEFAULTS, **(version.body.get("publish") or {})}
        return cls(initial=initial, auto_id=f"id_{version.recipe_id}_%s")

    def part(self) -> dict[str, str]:
        """The recipe's part; what is as usual, or left empty, is not in it."""
        said = {name: value.strip() for name, value in self.cleaned_data.items()}
        return {n: v for n, v in said.items() if v and v != publishing.DEFAULTS[n]}


class ProductFilter(forms.Form):
    """What the product list is narrowed to; everything is optional and nonsense is ignored."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Title or SKU"}),
    )
    state = forms.ChoiceField(label="State", required=False)
    store = forms.ChoiceField(label="Store", required=False)

    def __init__(self, *args: Any, stores: list[Store], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        states, shops = self.fields["state"], self.fields["store"]
        assert isinstance(states, forms.ChoiceField) and isinstance(shops, forms.ChoiceField)
        states.choices = [
            ("", "Any state"),
            *((k, label) for k, (label, _) in reading.PRODUCT_STATES.items()),
        ]
        shops.choices = [("", "Any store"), *((str(s.pk), s.name) for s in stores)]

    def chosen(self) -> dict[str, Any]:
        """Arguments for `reading.products`."""
        self.is_valid()
        data = getattr(self, "cleaned_data", {})
        return {
            "text": data.get("q", "").strip(),
            "state": data.get("state", ""),
            "store": int(data["store"]) if data.get("store") else None,
        }


SIDES = ("left", "top", "right", "bottom")
YES_OR_NO: Mapping[str, bool | None] = {"yes": True, "no": False}
POINT_KINDS = (("on", "On the product"), ("off", "Not the product"))


class Percent(forms.FloatField):
    """A place in the photo, in percent of its width or height; may be left empty."""

    def __init__(self, label: str) -> None:
        attrs = {"step": "0.1", "inputmode": "decimal", "autocomplete": "off"}
        widget = forms.NumberInput(attrs=attrs)
        super().__init__(label=label, required=False, min_value=0, max_value=100, widget=widget)


class MarksForm(forms.Form):
    """Where the product is: a box, points (fields `x`, `y`, `kind` once per point), what openings show, and whether it
    is see-through."""

    left, top, right, bottom = (Percent(side.capitalize()) for side in SIDES)
    holes = forms.ChoiceField(
        label="Openings, such as a handle's",
        required=False,
        choices=[
            ("", "Decided by the engine"),
            ("yes", "Show what is behind"),
            ("no", "Belong to the product"),
        ],
    )
    glass = forms.ChoiceField(
        label="Glass or clear plastic",
        required=False,
        choices=[
            ("", "As the recipe says, else solid"),
            ("yes", "See-through: the new backdrop shows"),
            ("no", "Solid: nothing shows through"),
        ],
        help_text="Works where the photo's own backdrop is plain. Labels and caps stay as they are.",
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        sides = [found.get(side) for side in SIDES]
        if any(side is None for side in sides) and any(side is not None for side in sides):
            raise forms.ValidationError("A box has four sides: give all of them or none.")
        found["points"] = [self._point(*row) for row in self._rows() if row[0].strip() or row[1].strip()]
        return found

    def _rows(self) -> list[tuple[str, str, str]]:
        """(x, y, kind) of each point as it was typed."""
        if not isinstance(self.data, QueryDict):
            return []
        return list(zip(*(self.data.getlist(name) for name in ("x", "y", "kind")), strict=False))[:200]

    def _point(self, x: str, y: str, kind: str) -> tuple[float, float, bool]:
        try:
            across, down = (Percent("").clean(text) for text in (x, y))
        except forms.ValidationError as error:
            raise forms.ValidationError(f"A point: {' '.join(error.messages)}") from error
        if across is None or down is None:
            raise forms.ValidationError("A point needs both numbers, across and down.")
        return _share(across), _share(down), kind != "off"

    def points(self) -> list[tuple[str, str, str]]:
        """The points to show, as typed or from `initial`, and some empty rows for pages without scripts."""
        shown = self._rows() if self.is_bound else self.initial.get("points", [])
        return [*shown, *[("", "", "on")] * 3]

    def marks(self) -> Marks:
        data = self.cleaned_data
        box = None if data["left"] is None else tuple(_share(data[side]) for side in SIDES)
        holes, glass = (YES_OR_NO.get(data[name]) for name in ("holes", "glass"))
        return Marks(box, tuple(data["points"]), holes, glass)  # type: ignore[arg-type]


def marks_as_typed(table: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's ``cutout`` table as `MarksForm` takes it for a start."""
    box = [f"{share * 100:g}" for share in table.get("box") or ()]
    points = [
        (f"{x * 100:g}", f"{y * 100:g}", "on" if on else "off") for x, y, on in table.get("clicks") or ()
    ]
    words = {said: word for word, said in YES_OR_NO.items()}
    holes, glass = (words.get(table.get(name), "") for name in ("keep_holes", "see_through"))
    return {**dict(zip(SIDES, box, strict=False)), "points": points, "holes": holes, "glass": glass}


def _share(percent: float) -> float:
    return round(percent / 100, 4)
