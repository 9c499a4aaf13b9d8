"""Our words in JSON. Secrets have no field here."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.audit.models import Detail, Event
from apps.automation import selectors as automation
from apps.automation import words
from apps.automation.models import Happening, Rule
from apps.catalog.models import Photo, Product, Sync
from apps.jobs.models import Job, Lane
from apps.lib.signed import file_url
from apps.publishing.models import Mode, Publication, Step
from apps.review.models import Item
from apps.stores.models import Store


class StoreSerializer(serializers.ModelSerializer):
    class Meta:
        model = Store
        fields = [
            "id",
            "name",
            "platform",
            "url",
            "state",
            "problem",
            "can_upload",
            "refused_deliveries",
            "last_refusal",
            "last_delivery_at",
            "watermark",
        ]


class SyncSerializer(serializers.ModelSerializer):
    state = serializers.CharField(source="work_state", read_only=True)
    drift = serializers.IntegerField(read_only=True)
    seconds = serializers.FloatField(read_only=True, allow_null=True)

    class Meta:
        model = Sync
        fields = [
            "id",
            "store",
            "state",
            "error",
            "since",
            "first",
            "products",
            "drift_changed",
            "drift_new",
            "drift_gone",
            "drift_photos",
            "came_late",
            "drift",
            "seconds",
            "created_at",
            "finished_at",
        ]


class RuleSerializer(serializers.ModelSerializer):
    """A rule as it is told; what may be written is checked in apps.automation."""

    recipe = serializers.CharField(source="recipe.name", default=None, read_only=True)
    says = serializers.SerializerMethodField()
    waiting = serializers.SerializerMethodField()
    made_today = serializers.SerializerMethodField()

    class Meta:
        model = Rule
        fields = [
            "id",
            "store",
            "name",
            "says",
            "on",
            "position",
            "events",
            "tags",
            "filter",
            "recipe",
            "lane",
            "calm_s",
            "ceiling_s",
            "quiet_from",
            "quiet_until",
            "daily_cap",
            "waiting",
            "made_today",
        ]
        read_only_fields = fields

    def get_says(self, rule: Rule) -> str:
        return words.sentence(rule)

    def get_waiting(self, rule: Rule) -> int:
        return self._counts(rule).waits

    def get_made_today(self, rule: Rule) -> int:
        return self._counts(rule).today

    def _counts(self, rule: Rule) -> automation.Counts:
        found = self.context.get("counts")
        if found is None or rule.pk not in found:
            found = automation.counts(rule.store.workspace_id, [rule.pk])
        return found[rule.pk]


class RuleRequest(serializers.Serializer):
    """Every field is optional; what is left out stays, or gets its default."""

    name = serializers.CharField(required=False)
    on = serializers.BooleanField(required=False)
    events = serializers.ListField(child=serializers.ChoiceField(Happening.choices), required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    filter = serializers.DictField(required=False)
    recipe = serializers.CharField(required=False, allow_null=True, help_text="Null: the automatic recipe.")
    lane = serializers.ChoiceField(Lane.choices, required=False)
    calm_s = serializers.IntegerField(required=False)
    ceiling_s = serializers.IntegerField(required=False)
    quiet_from = serializers.TimeField(required=False, allow_null=True)
    quiet_until = serializers.TimeField(required=False, allow_null=True)
    daily_cap = serializers.IntegerField(required=False, allow_null=True)


class NewRuleRequest(RuleRequest):
    store = serializers.IntegerField()


class PhotoSerializer(serializers.ModelSerializer):
    class Meta:
        model = Photo
        fields = ["id", "media_id", "position", "variant", "src", "alt", "present", "ours", "sha256"]


class ProductSerializer(serializers.ModelSerializer):
    photos = PhotoSerializer(many=True, read_only=True)

    class Meta:
        model = Product
        fields = [
            *(
                "id",
                "store",
                "external_id",
                "title",
                "url",
                "status",
                "type",
                "sku",
                "vendor",
                "categories",
                "tags",
            ),
            *(
                "attributes",
                "price",
                "regular_price",
                "sale_price",
                "on_sale",
                "in_stock",
                "present",
                "photos",
            ),
        ]


class JobSerializer(serializers.ModelSerializer):
    measures = serializers.JSONField(source="render.measures", default=None, read_only=True)
    confidence = serializers.FloatField(source="render.confidence", default=None, read_only=True)
    files = serializers.SerializerMethodField()
    recipe = serializers.CharField(source="recipe_version", read_only=True)

    class Meta:
        model = Job
        fields = [
            "id",
            "store",
            "photo",
            "batch",
            "recipe",
            "lane",
            "state",
            "tries",
            "error_code",
            "error",
            "cached",
            "confidence",
            "measures",
            "files",
            "created_at",
            "finished_at",
        ]

    def get_files(self, job: Job) -> dict[str, str]:
        """Addresses of the render's files, valid for an hour."""
        if job.render is None:
            return {}
        return {
            f["name"]: file_url(f["key"], f"{f['name']}.{f['key'].rsplit('.', 1)[-1]}")
            for f in job.render.files
        }


class ItemSerializer(serializers.ModelSerializer):
    class Meta:
        model = Item
        fields = ["id", "job", "verdict", "reasons", "needs_override", "state", "created_at", "decided_at"]


class DecisionRequest(serializers.Serializer):
    approved = serializers.BooleanField()
    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)
    override = serializers.BooleanField(required=False, default=False)
    mode = serializers.ChoiceField(
        Mode.choices,
        required=False,
        default="",
        help_text="What the picture does to the product, where it is not what the recipe says.",
    )


class StepSerializer(serializers.ModelSerializer):
    class Meta:
        model = Step
        fields = ["name", "state", "sent_at", "seen_at", "verified_at"]


class PublicationSerializer(serializers.ModelSerializer):
    state = serializers.CharField(source="work_state", read_only=True)
    steps = StepSerializer(many=True, read_only=True)
    undo = serializers.SerializerMethodField()

    class Meta:
        model = Publication
        fields = [
            "id",
            "product",
            "photo",
            "item",
            "state",
            "error",
            "mode",
            "notes",
            "steps",
            "media_id",
            "published_at",
            "undone_at",
            "undo",
        ]

    def get_undo(self, publication: Publication) -> dict[str, Any] | None:
        undo = getattr(publication, "undo", None)
        if undo is None:
            return None
        return {
            "state": undo.work_state,
            "outcome": undo.outcome,
            "error": undo.error,
            "sha256": undo.restored_sha256,
        }


class EventSerializer(serializers.ModelSerializer):
    detail = serializers.SerializerMethodField()
    sealed = serializers.SerializerMethodField()

    class Meta:
        model = Event
        fields = ["id", "at", "verb", "actor", "subject", "refs", "detail", "sealed"]

    def get_detail(self, event: Event) -> dict[str, Any] | None:
        try:
            return event.detail.body
        except Detail.DoesNotExist:
            return None

    def get_sealed(self, event: Event) -> bool:
        return hasattr(event, "seal")
