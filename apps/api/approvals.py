"""Where a store brings the keys that a merchant approved there. It waits for the answer, and the merchant with it."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.flow import hints
from apps.stores import approving
from apps.stores.approving import TokenUsed, UnknownToken
from connectors.errors import Rejected

MAX_BYTES = 16 * 1024


@csrf_exempt
@require_POST
def woocommerce_keys(request: HttpRequest) -> JsonResponse:
    """Exactly 200 for a token that is waiting, once. After any other answer WooCommerce takes its key back and says so:
    403 for a token that nobody has, 410 for one that was used or came too late, 400 and 413 for what is no such call,
    415 for what is no JSON.

    The body is not signed and names no store, so nothing in it is believed: the keys are tried later, at the address
    that the token was made for.
    """
    if request.content_type != "application/json":
        return _no(415, "Keys come as JSON.")
    body = _body(request)
    if body is None:
        return _no(413, f"Keys take up less than {MAX_BYTES} bytes.")
    given = _mapping(body)
    if given is None:
        return _no(400, "That is not what WooCommerce sends.")
    try:
        approval = approving.deliver("woocommerce", "keys", given)
    except Rejected as error:
        return _no(400, error.detail)
    except UnknownToken as error:
        return _no(403, error.message)
    except TokenUsed as error:
        return _no(410, error.message)
    hints.hint("flow.approve", approval.pk)
    return JsonResponse({"ok": True})


def _body(request: HttpRequest) -> bytes | None:
    try:
        if int(request.headers.get("Content-Length") or 0) > MAX_BYTES:
            return None
    except ValueError:
        return None
    body = request.read(MAX_BYTES + 1)
    return body if len(body) <= MAX_BYTES else None


def _mapping(body: bytes) -> dict[str, Any] | None:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _no(status: int, sentence: str) -> JsonResponse:
    return JsonResponse({"ok": False, "error": sentence}, status=status)
