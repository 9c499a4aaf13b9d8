"""The yardstick of the intake: the least a Django view can do that checks an HMAC and keeps what came in one row.

`python -m benchmarks.house.bare` makes its table; `benchmarks.house.bare:application` is what a WSGI server loads.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sys

import django
import environ
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from benchmarks.house.deliveries import BARE_SECRET

if not settings.configured:
    settings.configure(
        SECRET_KEY="bench",  # noqa: S106 - signs nothing
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={"default": {**environ.Env().db_url("DATABASE_URL"), "CONN_MAX_AGE": 60}},
        ROOT_URLCONF=__name__,
        MIDDLEWARE=[],
        USE_TZ=True,
    )
    django.setup()


class Row(models.Model):
    """What came, with a key of its own."""

    sha256 = models.CharField(max_length=64, unique=True)
    body = models.BinaryField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "bare"
        db_table = "bench_bare_row"

    def __str__(self) -> str:
        return self.sha256


@require_POST
def take(request: HttpRequest) -> JsonResponse:
    body = request.body
    signed = base64.b64encode(hmac.new(BARE_SECRET.encode(), body, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(request.headers.get("X-WC-Webhook-Signature", ""), signed):
        return JsonResponse({"ok": False}, status=401)
    Row._default_manager.create(sha256=hashlib.sha256(body).hexdigest(), body=body)
    return JsonResponse({"ok": True})


urlpatterns = [path("take/", take)]
application = get_wsgi_application()

if __name__ == "__main__":
    assert os.environ["DATABASE_URL"], "the bench gives one"
    with connection.schema_editor() as editor:
        editor.create_model(Row)
    sys.stdout.write("made\n")
