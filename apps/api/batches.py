"""Batches over HTTP: look ahead, start, watch, move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import Role
from apps.api import batch_serializers as serializers
from apps.api.permissions import actor_of_request
from apps.api.views import Conflict, OfWorkspace, asked_of
from apps.flow import batching
from apps.jobs import progress
from apps.jobs.filters import Filter
from apps.jobs.models import Batch, BatchState
from apps.jobs.preflight import Wish
from apps.jobs.services import batches
from apps.jobs.services.creating import Pilot
from apps.lib.errors import BadRequest, VitrineError
from apps.recipes import selectors as recipes
from apps.recipes.models import RecipeVersion
from apps.stores import selectors as stores
from apps.usage import selectors as usage


class BatchView(OfWorkspace):
    """Many photos of a store rendered again, with a recipe of your choice."""

    queryset = Batch.objects.none()
    serializer_class = serializers.BatchSerializer

    @property
    def write_role(self) -> Role:
        """Who may let a batch cost more is who owns the money."""
        return Role.OWNER if self.action == "cap" else Role.REVIEWER

    def get_queryset(self) -> QuerySet[Batch]:
        found = progress.batches_of(self.workspace)
        wanted = self.request.query_params.get("state") if self.request else None
        return found.filter(state=wanted) if wanted else found

    @extend_schema(
        parameters=[OpenApiParameter("state", OpenApiTypes.STR, enum=[str(s) for s in BatchState])]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first; a pilot is a batch of its own."""
        return super().list(request, *args, **kwargs)

    # -- start

    @extend_schema(request=serializers.RegenerateRequest, responses={201: serializers.BatchSerializer})
    def create(self, request: Request) -> Response:
        """Render photos of a store again: all of them, or those that `filter` means."""
        asked = asked_of(serializers.RegenerateRequest, request)
        pilot = _pilot(asked)
        wish = self._wish(asked)
        try:
            batch, _ = batching.start(
                wish,
                name=asked["name"],
                key=asked["idempotency_key"],
                by=actor_of_request(request),
                pilot=pilot,
            )
        except BadRequest as error:
            raise ValidationError(error.message) from error
        if batch.store_id != wish.store.pk or batch.filter != wish.filter.as_json():
            raise Conflict("This idempotency key belongs to a batch of other photos.")
        return Response(self._told(batch), status=status.HTTP_201_CREATED)

    @extend_schema(request=serializers.Meant, responses={200: serializers.PreflightAnswer})
    @action(detail=False, methods=["post"])
    def preflight(self, request: Request) -> Response:
        """What a batch would do and cost. Creates nothing."""
        return Response(batching.look_ahead(self._wish(asked_of(serializers.Meant, request))).as_json())

    def _wish(self, asked: dict[str, Any]) -> Wish:
        store = get_object_or_404(stores.of_workspace(self.workspace), pk=asked["store"])
        try:
            only = Filter.from_json(asked["filter"])
        except BadRequest as error:
            raise ValidationError({"filter": [error.message]}) from error
        return batching.wish(store, self._version(asked["recipe"]), only=only, cap_micros=asked["cap_micros"])

    def _version(self, name: str) -> RecipeVersion:
        found = recipes.newest(self.workspace, name) if name else recipes.automatic(self.workspace)
        if found is None:
            raise NotFound("There is no such recipe.")
        return found

    # -- watch

    @extend_schema(responses={200: serializers.ProgressAnswer})
    @action(detail=True)
    def progress(self, request: Request, pk: str) -> Response:
        """Jobs per state, what failed and why, cost, pace. Counted from a few rows, however large the batch is."""
        batch = self.get_object()
        counted = progress.counts([batch.pk])[batch.pk]
        pace = progress.pace(batch, counted)
        rendered = counted.done - counted.cached
        return Response(
            {
                **counted.as_json(),
                "cost_each_micros": counted.cost_micros / rendered if rendered > 0 else None,
                "at_cap": progress.at_cap(batch, counted),
                "budget_level": usage.standing(self.workspace).level,
                "per_minute": pace.per_minute,
                "left_s": pace.left_s,
            }
        )

    # -- move

    @extend_schema(request=None, responses={200: serializers.BatchSerializer})
    @action(detail=True, methods=["post"])
    def go(self, request: Request, pk: str) -> Response:
        """The pilot is good: the rest begins."""
        return self._moved(batching.go, request)

    @extend_schema(request=None, responses={200: serializers.BatchSerializer})
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Hand out no more of it. What a worker holds is finished."""
        return self._moved(batches.pause, request)

    @extend_schema(request=None, responses={200: serializers.BatchSerializer})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on where it was left."""
        return self._moved(batching.resume, request)

    @extend_schema(request=None, responses={200: serializers.BatchSerializer})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop it for good, and its pilot with it. Finished pictures stay."""
        return self._moved(batches.cancel, request)

    @extend_schema(request=None, responses={200: serializers.BatchSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Try once more what failed or was set aside."""
        return self._moved(batches.retry_failed, request)

    @extend_schema(request=serializers.CapRequest, responses={200: serializers.BatchSerializer})
    @action(detail=True, methods=["post"])
    def cap(self, request: Request, pk: str) -> Response:
        """What it may cost at most from now on; null for no cap. Needs an owner's key."""
        cap_micros = asked_of(serializers.CapRequest, request)["cap_micros"]
        return self._moved(lambda row, by: batches.set_cap(row, cap_micros, by=by), request)

    @extend_schema(request=serializers.CloneRequest, responses={201: serializers.BatchSerializer})
    @action(detail=True, methods=["post"])
    def clone(self, request: Request, pk: str) -> Response:
        """The same photos with another recipe."""
        asked = asked_of(serializers.CloneRequest, request)
        row, version = self.get_object(), self._version(asked["recipe"])
        name = asked["name"] or f"{row.name} with {version.recipe}"[:120]
        by = actor_of_request(request)
        try:
            made, _ = batching.clone(row, version, name=name, key=asked["idempotency_key"], by=by)
        except VitrineError as error:
            raise Conflict(error.message) from error
        return Response(self._told(made), status=status.HTTP_201_CREATED)

    def _moved(self, move: Callable[..., Any], request: Request) -> Response:
        row = self.get_object()
        try:
            move(row, by=actor_of_request(request))
        except VitrineError as error:
            raise Conflict(error.message) from error
        return Response(self._told(row))

    def _told(self, row: Batch) -> dict[str, Any]:
        return self.get_serializer(progress.batches_of(self.workspace).get(pk=row.pk)).data


def _pilot(asked: dict[str, Any]) -> Pilot | None:
    percent = asked["go_at_percent"]
    if not asked["pilot"]:
        if percent is not None:
            raise ValidationError({"go_at_percent": ["It needs a pilot."]})
        return None
    try:
        return Pilot.of(
            asked["pilot"], go_at_share=None if percent is None else percent / 100, seed=asked["seed"]
        )
    except BadRequest as error:
        raise ValidationError({"pilot": [error.message]}) from error
