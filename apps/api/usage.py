"""What was used, over HTTP: a month's sums, each attempt, the budget, the prices."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Role
from apps.api import usage_serializers as serializers
from apps.api.permissions import ByRole, actor_of_request, workspace_of_request
from apps.jobs import costs
from apps.lib.errors import BadRequest
from apps.usage import months, services
from apps.usage import selectors as usage
from apps.usage.models import Record

MONTH = OpenApiParameter(
    "month", OpenApiTypes.STR, description="Such as 2026-11 (UTC); without it, this month."
)


def month_of(request: Request) -> dt.date:
    """Raises ValidationError for what is no month."""
    text = request.query_params.get("month", "")
    month = months.read(text) if text else months.this()
    if month is None:
        raise ValidationError({"month": ["A month is written like 2026-11."]})
    return month


class UsageView(APIView):
    permission_classes = [IsAuthenticated, ByRole]

    @extend_schema(parameters=[MONTH], responses={200: serializers.UsageAnswer})
    def get(self, request: Request) -> Response:
        """What a month's work came to, by day, recipe, batch and store."""
        workspace, month = workspace_of_request(request).pk, month_of(request)
        days = usage.by_day(workspace, month)
        told = {
            "month": month,
            "total": usage.sums(workspace, month, months.after(month)),
            "days": [{"day": day, "sums": found} for day, found in days],
            "recipes": costs.parts(workspace, month, "recipe"),
            "batches": costs.parts(workspace, month, "batch"),
            "stores": costs.parts(workspace, month, "store"),
        }
        return Response(serializers.UsageAnswer(told).data)


class BudgetView(APIView):
    permission_classes = [IsAuthenticated, ByRole]
    write_role = Role.OWNER

    @extend_schema(responses={200: serializers.BudgetAnswer})
    def get(self, request: Request) -> Response:
        """How the workspace stands against this month's budget."""
        found = usage.standing(workspace_of_request(request).pk)
        return Response(serializers.BudgetAnswer(found).data)

    @extend_schema(request=serializers.BudgetRequest, responses={200: serializers.BudgetAnswer})
    def put(self, request: Request) -> Response:
        """Set the limits of every month from now on. A higher stop lets work go on at once. Needs an owner's key."""
        wish = serializers.BudgetRequest(data=request.data)
        wish.is_valid(raise_exception=True)
        workspace = workspace_of_request(request)
        try:
            services.set_budget(workspace, **wish.validated_data, by=actor_of_request(request))
        except BadRequest as error:
            raise ValidationError(error.message) from error
        return Response(serializers.BudgetAnswer(usage.standing(workspace.pk)).data)


class PricesView(APIView):
    permission_classes = [IsAuthenticated, ByRole]

    @extend_schema(responses={200: serializers.PriceAnswer(many=True)})
    def get(self, request: Request) -> Response:
        """What an hour on each kind of device costs, cost and will cost. Whoever runs the installation sets it."""
        return Response(serializers.PriceAnswer(usage.price_list(), many=True).data)


class RecordView(mixins.ListModelMixin, viewsets.GenericViewSet):
    """Each attempt that was booked: once, whatever became of it."""

    permission_classes = [IsAuthenticated, ByRole]
    queryset = Record.objects.none()
    serializer_class = serializers.RecordSerializer

    def get_queryset(self) -> QuerySet[Record]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        workspace = workspace_of_request(self.request).pk
        wanted = self.request.query_params.get("month")
        return usage.records_of(workspace, month_of(self.request) if wanted else None)

    @extend_schema(parameters=[MONTH])
    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Newest first."""
        return super().list(request, *args, **kwargs)
