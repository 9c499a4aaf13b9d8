"""The public REST API: read everything of one's workspace, decide, undo. Batches and usage have files of their own."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import Role, User
from apps.api import serializers
from apps.api.permissions import ByRole, actor_of_request, workspace_of_request
from apps.audit import selectors as audit
from apps.audit.models import Event
from apps.catalog import selectors as catalog
from apps.catalog.models import Product, Sync
from apps.flow import drift, flow
from apps.jobs import selectors as jobs
from apps.jobs.models import Job, JobState
from apps.jobs.services import planning
from apps.lib.errors import VitrineError
from apps.publishing import selectors as publishing
from apps.publishing.models import Publication
from apps.publishing.services import asking
from apps.review import selectors as review
from apps.review import services as review_services
from apps.review.models import Item, ItemState
from apps.stores import selectors as stores
from apps.stores.models import Store


class Conflict(APIException):
    """What was asked does not fit what is."""

    status_code = status.HTTP_409_CONFLICT


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValidationError({name: ["This is no id."]})
    return int(text)


def asked_of(kind: type[Any], request: Request) -> dict[str, Any]:
    """The request's body as this serializer understands it. Raises ValidationError."""
    wish = kind(data=request.data)
    wish.is_valid(raise_exception=True)
    found: dict[str, Any] = wish.validated_data
    return found


class OfWorkspace(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Rows of the caller's workspace; another workspace's row is as good as none."""

    permission_classes = [IsAuthenticated, ByRole]

    @property
    def workspace(self) -> int:
        if getattr(self, "swagger_fake_view", False):
            return 0
        return workspace_of_request(self.request).pk


class StoreView(OfWorkspace):
    queryset = Store.objects.none()
    serializer_class = serializers.StoreSerializer
    write_role = Role.OWNER

    def get_queryset(self) -> QuerySet[Store]:
        return stores.of_workspace(self.workspace)

    @extend_schema(request=None, responses={202: None})
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, pk: str) -> Response:
        """Read the store's catalogue again, in the background."""
        flow.connected(self.get_object(), by=actor_of_request(request))
        return Response(status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses={200: dict})
    @action(detail=True)
    def keeping(self, request: Request, pk: str) -> Response:
        """How true the mirror is: the last reading, what no webhook told in 7 and 30 days, and how webhooks do."""
        return Response(drift.as_json(drift.of_store(self.get_object())))


class SyncView(OfWorkspace):
    """Readings of stores, newest first; ``?store=ID`` narrows them. Kept for 90 days."""

    queryset = Sync.objects.none()
    serializer_class = serializers.SyncSerializer

    def get_queryset(self) -> QuerySet[Sync]:
        found = Sync.objects.filter(store__workspace=self.workspace).order_by("-pk")
        store = self.request.query_params.get("store", "") if self.request else ""
        return found.filter(store=int(store)) if store.isdecimal() else found


class ProductView(OfWorkspace):
    queryset = Product.objects.none()
    serializer_class = serializers.ProductSerializer

    def get_queryset(self) -> QuerySet[Product]:
        return catalog.products_of(self.workspace).prefetch_related("photos")


class JobView(OfWorkspace):
    queryset = Job.objects.none()
    serializer_class = serializers.JobSerializer

    def get_queryset(self) -> QuerySet[Job]:
        found = jobs.jobs_of(self.workspace)
        asked = self.request.query_params if self.request else {}
        if state := asked.get("state"):
            found = found.filter(state=state)
        if batch := asked.get("batch"):
            found = found.filter(batch=_number("batch", batch))
        return found

    @extend_schema(
        parameters=[
            OpenApiParameter("state", OpenApiTypes.STR, enum=[str(s) for s in JobState]),
            OpenApiParameter("batch", OpenApiTypes.INT, description="Only jobs of this batch."),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop a job that has not ended."""
        job = self.get_object()
        if not planning.cancel(job, by=actor_of_request(request)):
            raise Conflict("This job has ended already.")
        job.refresh_from_db()
        return Response(self.get_serializer(job).data)


class ItemView(OfWorkspace):
    queryset = Item.objects.none()
    serializer_class = serializers.ItemSerializer

    def get_queryset(self) -> QuerySet[Item]:
        found = review.items_of(self.workspace)
        state = self.request.query_params.get("state") if self.request else None
        return found.filter(state=state) if state else found

    @extend_schema(request=serializers.DecisionRequest)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        """Approve or reject. Approving writes the picture into the store."""
        wish = serializers.DecisionRequest(data=request.data)
        wish.is_valid(raise_exception=True)
        asked: dict[str, Any] = wish.validated_data
        mode = asked.pop("mode")
        actor = actor_of_request(request)
        user = request.user if isinstance(request.user, User) else None
        try:
            with transaction.atomic():
                item = review_services.decide(self.get_object(), user=user, actor=actor, **asked)
                if item.state == ItemState.APPROVED:
                    flow.reviewed(item, by=actor, mode=mode)
        except VitrineError as error:
            raise Conflict(error.message) from error
        return Response(self.get_serializer(item).data)


class PublicationView(OfWorkspace):
    queryset = Publication.objects.none()
    serializer_class = serializers.PublicationSerializer

    def get_queryset(self) -> QuerySet[Publication]:
        return publishing.publications_of(self.workspace).prefetch_related("steps")

    @extend_schema(request=None, responses={202: serializers.PublicationSerializer})
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Put the original back."""
        try:
            flow.undo(self.get_object(), by=actor_of_request(request))
        except VitrineError as error:
            raise Conflict(error.message) from error
        return Response(self.get_serializer(self.get_object()).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: serializers.PublicationSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Try a failed publication again."""
        publication = self.get_object()
        with transaction.atomic():
            if not asking.retry(publication, by=actor_of_request(request)):
                raise Conflict("Only a failed publication can be tried again.")
            flow.reviewed(publication.item, by=actor_of_request(request))
        return Response(self.get_serializer(self.get_object()).data, status=status.HTTP_202_ACCEPTED)


class EventView(OfWorkspace):
    queryset = Event.objects.none()
    serializer_class = serializers.EventSerializer

    def get_queryset(self) -> QuerySet[Event]:
        subject = self.request.query_params.get("subject", "") if self.request else ""
        return audit.events_of(self.workspace, subject=subject)
