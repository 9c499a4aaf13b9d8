"""Batches in JSON: what is asked for, what would come of it, how far it is."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.jobs.models import Batch


@extend_schema_field({"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "example": "2%"}]})
class PilotField(serializers.CharField):
    """A number of photos, or a part of them such as ``2%``."""


@extend_schema_field(
    {
        "type": "object",
        "description": "Which photos: all fields that are set must hold, one value of a list is enough. Fields: "
        "categories, tags, types, vendors (names), attributes (name: option), products (ids), on_sale, missing_alt, "
        "main_photo_only, never_rendered, recipe_behind, not_rendered_well (true), older_than_days, judged (doubted, "
        "waiting, rejected), of_batch, any (a list of filters of which one is enough). Empty: every photo of it.",
        "example": {"categories": ["Mugs"], "never_rendered": True},
    }
)
class FilterField(serializers.JSONField):
    """See apps.jobs.filters.Filter."""


class Meant(serializers.Serializer):
    """Which photos of which store, with which recipe, for how much."""

    store = serializers.IntegerField()
    recipe = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="Its name; empty: the automatic one."
    )
    filter = FilterField(required=False, default=dict)
    cap_micros = serializers.IntegerField(
        required=False,
        default=None,
        allow_null=True,
        min_value=1,
        max_value=2**62,
        help_text="What it may cost at most, in millionths of your currency. Nothing is handed out beyond it.",
    )


class RegenerateRequest(Meant):
    """The same idempotency key is the same batch, however often it is sent."""

    name = serializers.CharField(required=False, default="Regenerate catalogue", max_length=120)
    idempotency_key = serializers.CharField(max_length=80)
    pilot = PilotField(
        required=False, default="", allow_blank=True, max_length=12,
        help_text="So many photos, or such a part of them, are rendered first; the rest waits for `go`.",
    )  # fmt: skip
    go_at_percent = serializers.IntegerField(
        required=False,
        default=None,
        allow_null=True,
        min_value=1,
        max_value=100,
        help_text="The rest goes on by itself when so much of the pilot is approved.",
    )
    seed = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=2**31, help_text="Which pilot is drawn."
    )


class CapRequest(serializers.Serializer):
    cap_micros = serializers.IntegerField(allow_null=True, min_value=1, max_value=2**62)


class CloneRequest(serializers.Serializer):
    recipe = serializers.CharField(help_text="The name of the other recipe.")
    idempotency_key = serializers.CharField(max_length=80)
    name = serializers.CharField(required=False, default="", allow_blank=True, max_length=120)


class PaceAnswer(serializers.Serializer):
    seconds = serializers.FloatField()
    device = serializers.CharField()
    basis = serializers.ChoiceField(["version", "recipe", "pipeline", "guess"])
    measured = serializers.IntegerField()


class PreflightAnswer(serializers.Serializer):
    """photos = skipped + cached + to_render. Null where nobody can tell, or nothing limits."""

    photos = serializers.IntegerField()
    skipped = serializers.DictField(child=serializers.IntegerField(), help_text="By reason.")
    cached = serializers.IntegerField(help_text="Rendered before: they cost nothing.")
    unfetched = serializers.IntegerField()
    to_render = serializers.IntegerField()
    planned = serializers.IntegerField()
    pace = PaceAnswer()
    cost_each_micros = serializers.IntegerField()
    cost_micros = serializers.IntegerField()
    slots = serializers.IntegerField(help_text="Photos that the workers of now render at once.")
    seconds = serializers.FloatField(allow_null=True)
    budget_left_micros = serializers.IntegerField(allow_null=True)
    cap_micros = serializers.IntegerField(allow_null=True)
    affordable = serializers.IntegerField(
        allow_null=True, help_text="How many of them budget and cap allow; null: all."
    )


class ProgressAnswer(serializers.Serializer):
    """Jobs per state stand beside these fields, under the state's name."""

    total = serializers.IntegerField()
    open = serializers.IntegerField()
    cached = serializers.IntegerField()
    cost_micros = serializers.IntegerField()
    cost_each_micros = serializers.FloatField(
        allow_null=True, help_text="A rendered picture, failed tries included."
    )
    troubles = serializers.DictField(child=serializers.IntegerField(), help_text="By error code.")
    at_cap = serializers.BooleanField(help_text="Nothing more is handed out until the cap is raised.")
    budget_level = serializers.ChoiceField(["", "warn", "stop"], help_text="Of the workspace, this month.")
    per_minute = serializers.FloatField(allow_null=True)
    left_s = serializers.FloatField(allow_null=True)


class BatchSerializer(serializers.ModelSerializer):
    recipe = serializers.CharField(source="recipe_version", read_only=True)
    pilot = serializers.SerializerMethodField()

    class Meta:
        model = Batch
        fields = [
            "id",
            "store",
            "name",
            "state",
            "recipe",
            "filter",
            "forecast",
            "cap_micros",
            "cap_reached_at",
            "pilot",
            "pilot_of",
            "go_at_share",
            "cloned_from",
            "idempotency_key",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields

    def get_pilot(self, batch: Batch) -> int | None:
        """The batch that is rendered first, where there is one."""
        pilot: Any = getattr(batch, "pilot", None)
        return pilot.pk if pilot else None
