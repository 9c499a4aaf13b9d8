"""Usage in JSON. Money in micros (millionths of your currency), times in seconds, sizes in bytes."""

from __future__ import annotations

from rest_framework import serializers

from apps.usage.models import Record


class SumsAnswer(serializers.Serializer):
    """What some work came to."""

    attempts = serializers.IntegerField()
    pictures = serializers.IntegerField(help_text="Rendered.")
    cached = serializers.IntegerField(help_text="Answered by earlier renders, at no cost.")
    mattes_made = serializers.IntegerField(help_text="Cut-outs that an engine had to find.")
    mattes_reused = serializers.IntegerField(help_text="Cut-outs that were there, from another recipe.")
    device_seconds = serializers.FloatField()
    bytes_in = serializers.IntegerField()
    bytes_out = serializers.IntegerField()
    cost_micros = serializers.IntegerField()
    each_micros = serializers.FloatField(
        allow_null=True, help_text="A rendered picture, failed tries included."
    )
    hit_share = serializers.FloatField(allow_null=True, help_text="0 to 1, of all pictures.")
    matte_hit_share = serializers.FloatField(allow_null=True, help_text="0 to 1, of all cut-outs needed.")


class DayAnswer(serializers.Serializer):
    day = serializers.DateField()
    sums = SumsAnswer()


class PartAnswer(serializers.Serializer):
    """`id` 0: work outside any batch. An empty name: it is gone."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    sums = SumsAnswer()


class BudgetAnswer(serializers.Serializer):
    month = serializers.DateField()
    booked_micros = serializers.IntegerField()
    reserved_micros = serializers.IntegerField(help_text="Expected for what is at workers now.")
    warn_micros = serializers.IntegerField(allow_null=True)
    stop_micros = serializers.IntegerField(allow_null=True)
    left_micros = serializers.IntegerField(allow_null=True)
    level = serializers.ChoiceField(["", "warn", "stop"])


class BudgetRequest(serializers.Serializer):
    """Limits of every month; null for none."""

    warn_micros = serializers.IntegerField(allow_null=True, min_value=1, max_value=2**61)
    stop_micros = serializers.IntegerField(allow_null=True, min_value=1, max_value=2**61)


class UsageAnswer(serializers.Serializer):
    """A calendar month (UTC). Recipes, batches and stores: the dearest first."""

    month = serializers.DateField()
    total = SumsAnswer()
    days = DayAnswer(many=True)
    recipes = PartAnswer(many=True)
    batches = PartAnswer(many=True)
    stores = PartAnswer(many=True)


class PriceAnswer(serializers.Serializer):
    device = serializers.CharField()
    micros_per_hour = serializers.IntegerField()
    valid_from = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(["valid", "coming", "past", "default"])


class RecordSerializer(serializers.ModelSerializer):
    """One attempt. `estimated`: the worker never said what it used, its beats told."""

    class Meta:
        model = Record
        fields = [
            "id",
            "at",
            "attempt",
            "job",
            "store",
            "recipe",
            "batch",
            "engine",
            "device",
            "device_seconds",
            "bytes_in",
            "bytes_out",
            "micros_per_hour",
            "cost_micros",
            "outcome",
            "cutout",
            "estimated",
        ]
