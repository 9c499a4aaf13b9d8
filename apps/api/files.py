"""Stored files over HTTP: signed addresses for stores, session or key for people."""

from __future__ import annotations

import mimetypes

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from apps.lib.signed import key_of


@require_safe
def signed_file(request: HttpRequest, token: str, filename: str) -> HttpResponseBase:
    """What a store downloads when our keys can't upload. 404 for a forged, expired or unknown address."""
    key = key_of(token)
    if key is None or not default_storage.exists(key):
        raise Http404("This address is not valid, or no longer.")
    kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    answer = FileResponse(default_storage.open(key, "rb"), content_type=kind)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, max-age=600"
    return answer
