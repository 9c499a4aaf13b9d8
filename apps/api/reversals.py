"""Taking many publications back, over HTTP: look ahead, start once, watch, stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import Role
from apps.api.permissions import actor_of_request
from apps.api.serializers import PublicationSerializer
from apps.api.views import Conflict, OfWorkspace, asked_of
from apps.flow import takingback
from apps.jobs import progress
from apps.lib.errors import BadRequest, VitrineError
from apps.publishing import counting
from apps.publishing.foresight import Scope, foresee
from apps.publishing.models import Reversal
from apps.publishing.services import reversing
from apps.recipes.models import Recipe
from apps.stores import selectors as stores


class TakeBackWish(serializers.Serializer):
    """A whole `batch`, or everything that went into a `store` `since` a moment, perhaps of one `recipe` only."""

    batch = serializers.IntegerField(required=False)
    store = serializers.IntegerField(required=False)
    since = serializers.DateTimeField(required=False, help_text="With its time zone; without one it is UTC.")
    recipe = serializers.CharField(required=False, default="", allow_blank=True, help_text="Its name.")


class ReversalRequest(TakeBackWish):
    """The same idempotency key is the same reversal, however often it is sent."""

    idempotency_key = serializers.CharField(max_length=80)
    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=300)


class AheadAnswer(serializers.Serializer):
    """What would come of it, as far as is known here; no store is asked."""

    pictures = serializers.IntegerField(help_text="To be taken back.")
    products = serializers.IntegerField(help_text="In so many products.")
    waiting = serializers.IntegerField(help_text="Not written yet: they will not be.")
    under_way = serializers.IntegerField(help_text="Being written just now; they follow when that has ended.")
    changed = serializers.IntegerField(
        help_text="Products whose pictures somebody else changed meanwhile. What they did stays."
    )
    covered = serializers.IntegerField(help_text="Pictures under newer ones of ours, which stay.")
    gone = serializers.IntegerField(help_text="Left out: the product is deleted or in the trash.")
    undone = serializers.IntegerField(help_text="Left out: taken back before.")
    cancelled_jobs = serializers.IntegerField(help_text="Open photos of the batch, cancelled first.")
    cancelled_batch = serializers.IntegerField(allow_null=True)
    in_review = serializers.IntegerField(help_text="Pictures of the batch that wait for a person; they stay.")
    going_on = serializers.ListField(
        child=serializers.CharField(), help_text="Batches of the store that go on writing."
    )


class ReversalProgress(serializers.Serializer):
    """total = done + withdrawn + failed + open + left."""

    total = serializers.IntegerField()
    done = serializers.IntegerField()
    withdrawn = serializers.IntegerField(help_text="Never written.")
    failed = serializers.IntegerField()
    open = serializers.IntegerField(help_text="Being taken back now.")
    left = serializers.IntegerField()
    per_minute = serializers.FloatField(allow_null=True)
    left_s = serializers.FloatField(allow_null=True)


class ReversalSerializer(serializers.ModelSerializer):
    recipe = serializers.CharField(source="recipe.name", default=None, read_only=True)
    ahead = AheadAnswer(read_only=True)

    class Meta:
        model = Reversal
        fields = [
            "id",
            "store",
            "batch",
            "since",
            "until",
            "recipe",
            "note",
            "state",
            "total",
            "ahead",
            "requested_by",
            "created_at",
            "ended_at",
        ]
        read_only_fields = fields


class ReversalView(OfWorkspace):
    """Many pictures taken back as one action."""

    queryset = Reversal.objects.none()
    serializer_class = ReversalSerializer

    @property
    def write_role(self) -> Role:
        """Taking a catalogue back is as much as regenerating it; stopping that is anybody's who decides."""
        return Role.OWNER if self.action == "create" else Role.REVIEWER

    def get_queryset(self) -> QuerySet[Reversal]:
        return counting.reversals_of(self.workspace)

    @extend_schema(request=ReversalRequest, responses={201: ReversalSerializer})
    def create(self, request: Request) -> Response:
        """Take it back, in the background. Needs an owner's key."""
        asked = asked_of(ReversalRequest, request)
        scope = self._scope(asked)
        try:
            row, _ = takingback.start(
                scope, key=asked["idempotency_key"], by=actor_of_request(request), note=asked["note"]
            )
        except BadRequest as error:
            raise ValidationError(error.message) from error
        except VitrineError as error:
            raise Conflict(error.message) from error
        if (row.store_id, row.batch_id) != (scope.store.pk, scope.batch.pk if scope.batch else None):
            raise Conflict("This idempotency key belongs to another reversal.")
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TakeBackWish, responses={200: AheadAnswer})
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What would come of it. Changes nothing."""
        try:
            return Response(foresee(self._scope(asked_of(TakeBackWish, request))).as_json())
        except BadRequest as error:
            raise ValidationError(error.message) from error
        except VitrineError as error:
            raise Conflict(error.message) from error

    def _scope(self, asked: dict[str, Any]) -> Scope:
        if "batch" in asked:
            batch = get_object_or_404(progress.batches_of(self.workspace), pk=asked["batch"])
            return Scope(batch.store, batch=batch, since=asked.get("since"))
        if "store" not in asked:
            raise ValidationError("Say which batch, or which store and since when.")
        store = get_object_or_404(stores.of_workspace(self.workspace), pk=asked["store"])
        recipes = Recipe.objects.filter(workspace=self.workspace)
        recipe = get_object_or_404(recipes, name=asked["recipe"]) if asked["recipe"] else None
        return Scope(store, since=asked.get("since"), recipe=recipe)

    @extend_schema(responses={200: ReversalProgress})
    @action(detail=True)
    def progress(self, request: Request, pk: str) -> Response:
        """How far it is."""
        return Response(counting.counts(self.get_object()).as_json())

    @extend_schema(responses={200: PublicationSerializer(many=True)})
    @action(detail=True)
    def failures(self, request: Request, pk: str) -> Response:
        """What could not be taken back; each tells why in its `undo`."""
        page = self.paginate_queryset(counting.failed_of(self.get_object()))
        return self.get_paginated_response(PublicationSerializer(page, many=True).data)

    @extend_schema(request=None, responses={200: ReversalSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """Leave the rest as it is. What has begun is brought to its end."""
        return self._moved(reversing.stop, request)

    @extend_schema(request=None, responses={200: ReversalSerializer})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on where it was stopped."""
        return self._moved(reversing.resume, request)

    @extend_schema(request=None, responses={200: ReversalSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Try again what could not be taken back."""
        return self._moved(reversing.retry, request)

    def _moved(self, move: Callable[..., Any], request: Request) -> Response:
        row = self.get_object()
        try:
            takingback.move(row, move, by=actor_of_request(request))
        except VitrineError as error:
            raise Conflict(error.message) from error
        return Response(self.get_serializer(row).data)
