"""What a platform handed on because the law says so, and what came of it: records that an owner keeps or passes on."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404

from apps.accounts.models import Role
from apps.dashboard.access import Asked, sight_for
from apps.dashboard.showing import show
from apps.lib.work import WorkState
from apps.stores.models import LegalRequest, Store

SHOWN = 200


@sight_for(Role.OWNER)
def requests(request: Asked, pk: int) -> HttpResponse:
    """All of a store, the newest first."""
    store = get_object_or_404(Store, workspace=request.workspace, pk=pk)
    rows = LegalRequest.objects.filter(store=store).order_by("-pk")
    return show(request, "privacy.html", {"store": store, "rows": rows[:SHOWN]})


@sight_for(Role.OWNER)
def record(request: Asked, pk: int, request_pk: int) -> HttpResponse:
    """One answer as a file."""
    row = get_object_or_404(
        LegalRequest,
        store__workspace=request.workspace,
        store=pk,
        pk=request_pk,
        work_state=WorkState.DONE,
    )
    answer = JsonResponse(row.answer, json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="privacy-request-{row.pk}.json"'
    return answer
