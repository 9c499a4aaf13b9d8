"""How the stores of a workspace stand with what they pay here, over HTTP. To agree takes a person and a browser."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api.permissions import ByRole, workspace_of_request
from apps.billing import selectors
from apps.billing.models import State


class StandingAnswer(serializers.Serializer):
    """Money in micros (millionths) of `currency`. `stopped`: why nothing is rendered, empty where it is."""

    store = serializers.IntegerField(source="store.pk")
    plan = serializers.CharField(source="holds.plan.name", default="")
    state = serializers.ChoiceField([*State.values, ""], source="holds.state", default="")
    test = serializers.BooleanField(source="holds.test", default=False)
    currency = serializers.CharField(source="holds.plan.currency", default="")
    cap_micros = serializers.IntegerField(source="holds.cap_micros", allow_null=True, default=None)
    used_micros = serializers.IntegerField(help_text="Finished in this period, charged or not yet.")
    coming_micros = serializers.IntegerField(help_text="Of it, what is not charged yet.")
    left_micros = serializers.IntegerField()
    period_end = serializers.DateTimeField(source="holds.period_end", allow_null=True, default=None)
    stopped = serializers.ChoiceField(["", "none", "frozen", "full"], source="why_stopped")


class PlansView(APIView):
    permission_classes = [IsAuthenticated, ByRole]

    @extend_schema(responses={200: StandingAnswer(many=True)})
    def get(self, request: Request) -> Response:
        """Every connected store that pays here. Empty where nothing is billed."""
        found = selectors.standings(workspace_of_request(request).pk)
        return Response(StandingAnswer(found, many=True).data)
