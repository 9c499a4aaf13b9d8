"""Our words in JSON. Secrets have no field here."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.audit.models import Detail, Event
from apps.catalog.models import Photo, Product
from apps.jobs.models import Job
from apps.lib.signed import file_url
from apps.publishing.models import Publication
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


class PhotoSerializer(serializers.ModelSerializer):
    class Meta:
        model = Photo
        fields = ["id", "media_id", "position", "src", "alt", "present", "ours", "sha256"]


class ProductSerializer(serializers.ModelSerializer):
    photos = PhotoSerializer(many=True, read_only=True)

    class Meta:
        model = Product
        fields = ["id", "store", "external_id", "title", "url", "status", "sku", "tags", "present", "photos"]


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


class PublicationSerializer(serializers.ModelSerializer):
    state = serializers.CharField(source="work_state", read_only=True)
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
