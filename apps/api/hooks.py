"""Inbound webhooks: check, keep, answer. All else happens later, elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.ingest import services as ingest
from apps.ingest.services import BadSignature, NotUnderstood, Received, UnknownStore
from apps.lib import wire

# As in apps.config.urls.
WEBHOOK = re.compile(r"/hooks/(?P<token>[^/]+)/")


@csrf_exempt
@require_POST
def receive(request: HttpRequest, token: str) -> JsonResponse:
    """200 once the delivery is in the database (WooCommerce counts anything but 200–302 as a failure and never
    retries), 401 for a wrong signature, 404 for an address that belongs to no store, 413 for more than
    HOOK_MAX_BYTES, 400 for a signed body that is no delivery."""
    try:
        length = int(request.headers.get("Content-Length") or 0)
        body = request.body if length <= settings.HOOK_MAX_BYTES else None
    except (ValueError, RequestDataTooBig):
        body = None
    if body is None or len(body) > settings.HOOK_MAX_BYTES:
        return _no(413, f"A delivery may have at most {settings.HOOK_MAX_BYTES} bytes.")
    try:
        received = _received(token, request.headers, body)
    except UnknownStore as error:
        return _no(404, error.message)
    except BadSignature as error:
        return _no(401, error.message)
    except NotUnderstood as error:
        return _no(400, error.message)
    if received.delivery and not received.repeat:
        wire.wake_dispatcher()
    return JsonResponse({"ok": True, "repeat": received.repeat})


def _received(token: str, headers: Mapping[str, str], body: bytes) -> Received:
    """Without asking first whether the database's connection still lives, which takes as long as the insert: one that
    does not is found by using it, and to take in a delivery twice is to take it in once."""
    connection.health_check_done = True  # type: ignore[attr-defined]  # Django's own, unknown to its stubs
    try:
        return ingest.receive(token, headers=headers, body=body)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return ingest.receive(token, headers=headers, body=body)


def before_pages(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Middleware. A webhook has no session, no user, no form and no page: it is answered before all that is prepared.

    It checks a signature instead, and stores count every millisecond.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        found = WEBHOOK.fullmatch(request.path_info)
        if found is None:
            return get_response(request)
        response = receive(request, found["token"])
        # Else the server would have to send it in chunks.
        response["Content-Length"] = str(len(response.content))
        return response

    return answer


def _no(status: int, sentence: str) -> JsonResponse:
    return JsonResponse({"ok": False, "error": sentence}, status=status)
