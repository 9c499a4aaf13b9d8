"""Inbound webhooks: check, keep, answer. All else happens later, elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.flow import hints
from apps.ingest import services as ingest
from apps.ingest.services import BadSignature, NotUnderstood, Received, UnknownStore
from apps.lib import wire
from apps.stores import shopify

# As in apps.config.urls.
WEBHOOK = re.compile(r"/hooks/(?P<token>[^/]+)/")
# The address of an app that serves all shops of a platform; no store's token is so short.
APPS = {"shopify": shopify.PLATFORM}


@csrf_exempt
@require_POST
def receive(request: HttpRequest, token: str) -> JsonResponse:
    """200 once the delivery is in the database (WooCommerce counts anything but 200–302 as a failure and never
    retries), 401 for a wrong signature, 404 for an address that belongs to no store, 413 for more than
    HOOK_MAX_BYTES, 400 for a signed body that is no delivery."""
    body = _body(request)
    if body is None:
        return _no(413, f"A delivery may have at most {settings.HOOK_MAX_BYTES} bytes.")
    try:
        received = _received(partial(ingest.receive, token, headers=request.headers, body=body))
    except UnknownStore as error:
        return _no(404, error.message)
    except BadSignature as error:
        return _no(401, error.message)
    except NotUnderstood as error:
        return _no(400, error.message)
    if received.delivery and not received.repeat:
        wire.wake_dispatcher()
    return JsonResponse({"ok": True, "repeat": received.repeat})


@csrf_exempt
@require_POST
def receive_for_app(request: HttpRequest, app: str) -> JsonResponse:
    """200 once what has to be kept is in the database, 401 for everything that this app's platform did not sign or does
    not send so, 413 for more than HOOK_MAX_BYTES. Five seconds are what Shopify waits, and eight failures in a row make
    it stop; so a shop that is not connected here gets its 200 too."""
    body = _body(request)
    if body is None:
        return _no(413, f"A delivery may have at most {settings.HOOK_MAX_BYTES} bytes.")
    try:
        received = _received(
            partial(
                ingest.receive_for_app,
                APPS[app],
                headers=request.headers,
                body=body,
                secrets=shopify.secrets(),
            )
        )
    except (BadSignature, NotUnderstood) as error:
        return _no(401, error.message)
    if received.request and not received.repeat:
        hints.hint("flow.law", received.request)
    elif received.delivery and not received.repeat:
        wire.wake_dispatcher()
    return JsonResponse({"ok": True, "repeat": received.repeat})


def _body(request: HttpRequest) -> bytes | None:
    """As it came, which is what is signed; None where it is too large."""
    try:
        length = int(request.headers.get("Content-Length") or 0)
        body = request.body if length <= settings.HOOK_MAX_BYTES else None
    except (ValueError, RequestDataTooBig):
        return None
    return body if body is not None and len(body) <= settings.HOOK_MAX_BYTES else None


def _received(receive: Callable[[], Received]) -> Received:
    """Without asking first whether the database's connection still lives, which takes as long as the insert: one that
    does not is found by using it, and to take in a delivery twice is to take it in once."""
    connection.health_check_done = True  # type: ignore[attr-defined]  # Django's own, unknown to its stubs
    try:
        return receive()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return receive()


def before_pages(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Middleware. A webhook has no session, no user, no form and no page: it is answered before all that is prepared.

    It checks a signature instead, and stores count every millisecond.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        found = WEBHOOK.fullmatch(request.path_info)
        if found is None:
            return get_response(request)
        token = found["token"]
        response = receive_for_app(request, token) if token in APPS else receive(request, token)
        # Else the server would have to send it in chunks.
        response["Content-Length"] = str(len(response.content))
        return response

    return answer


def _no(status: int, sentence: str) -> JsonResponse:
    return JsonResponse({"ok": False, "error": sentence}, status=status)
