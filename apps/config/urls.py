"""Every address of the server."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from apps.api import approvals, files, hooks


def alive(request: HttpRequest) -> HttpResponse:
    """For probes: the process answers. Asks nothing of the database, so that its trouble restarts nobody."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("healthz", alive, name="alive"),
    path("hooks/shopify/", hooks.receive_for_app, {"app": "shopify"}, name="shopify-hook"),
    path("hooks/<str:token>/", hooks.receive, name="hook"),
    path("approvals/woocommerce/keys/", approvals.woocommerce_keys, name="woocommerce-keys"),
    path("files/<str:token>/<str:filename>", files.signed_file, name="signed-file"),
    path("api/", include("apps.api.urls")),
    path("admin/", admin.site.urls),
    path("", include("apps.dashboard.urls")),
]
