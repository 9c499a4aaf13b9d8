"""Automation rules in the REST API: owners write them, everybody of the workspace reads."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import Role
from apps.api import serializers
from apps.api.permissions import actor_of_request
from apps.api.views import OfWorkspace
from apps.automation import selectors
from apps.automation.models import Rule
from apps.automation.services import ruling
from apps.lib.errors import BadRequest
from apps.stores import selectors as stores


class RuleView(OfWorkspace):
    """Rules in the order in which they are asked: the first that fits acts. ``?store=ID`` narrows them."""

    queryset = Rule.objects.none()
    serializer_class = serializers.RuleSerializer
    write_role = Role.OWNER
    pagination_class = None

    def get_queryset(self) -> QuerySet[Rule]:
        found = selectors.rules_of(self.workspace)
        store = self.request.query_params.get("store", "") if self.request else ""
        return found.filter(store=int(store)) if store.isdecimal() else found

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = list(self.get_queryset())
        context = {
            **self.get_serializer_context(),
            "counts": selectors.counts(self.workspace, [r.pk for r in rows]),
        }
        return Response({"results": self.get_serializer_class()(rows, many=True, context=context).data})

    @extend_schema(request=serializers.NewRuleRequest, responses={201: serializers.RuleSerializer})
    def create(self, request: Request) -> Response:
        """A new rule, asked after the others."""
        values = _values(serializers.NewRuleRequest(data=request.data))
        store = get_object_or_404(stores.of_workspace(self.workspace), pk=values.pop("store"))
        try:
            rule = ruling.create(store, values, by=actor_of_request(request))
        except BadRequest as error:
            raise ValidationError({"detail": error.message}) from error
        return Response(self.get_serializer(rule).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=serializers.RuleRequest, responses={200: serializers.RuleSerializer})
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is named."""
        rule = self.get_object()
        try:
            ruling.change(
                rule, _values(serializers.RuleRequest(data=request.data)), by=actor_of_request(request)
            )
        except BadRequest as error:
            raise ValidationError({"detail": error.message}) from error
        return Response(self.get_serializer(rule).data)

    def destroy(self, request: Request, pk: str) -> Response:
        """Take it away; what waits for it is kept for a day."""
        ruling.delete(self.get_object(), by=actor_of_request(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _values(wish: serializers.RuleRequest) -> dict[str, Any]:
    unknown = sorted(set(wish.initial_data) - set(wish.fields))
    if unknown:
        raise ValidationError({"detail": f"A rule has no field {unknown[0]!r}."})
    wish.is_valid(raise_exception=True)
    return dict(wish.validated_data)
