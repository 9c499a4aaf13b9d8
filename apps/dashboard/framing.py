"""Answers that Shopify's administration shows in its frame: who may frame them, and what is said to nobody we know."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from apps.stores import shopify

ADMIN = "https://admin.shopify.com"
RETRY = "X-Shopify-Retry-Invalid-Session-Request"
NOT_SIGNED = "That did not come from Shopify, or too late. Nothing was changed."
KEPT = ("shop", "host", "embedded")


def framed(answer: HttpResponseBase, shop: str) -> HttpResponseBase:
    """Shown in the administration of this shop, and in nobody else's page."""
    shops = f"https://{shop} " if shop else ""
    own = f" {_origin(settings.SHOPIFY_API_ROOT)}" if settings.SHOPIFY_API_ROOT else ""
    answer["Content-Security-Policy"] = f"frame-ancestors {shops}{ADMIN}{own};"
    answer.xframe_options_exempt = True  # type: ignore[attr-defined]  # read by Django's middleware,
    del answer["X-Frame-Options"]  # unless it was there before us
    return answer


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def said(
    request: HttpRequest, status: int, sentence: str, *, title: str = "That did not work"
) -> HttpResponse:
    """A page of one sentence."""
    told = {"title": title, "sentence": sentence}
    return render(request, "dashboard/shopify_said.html", told, status=status)


def unknown() -> HttpResponse:
    """Nobody we know asks; App Bridge, and our own script, try once more with a new token."""
    answer = JsonResponse({"error": "Please reload the page."}, status=401)
    answer[RETRY] = "1"
    return answer


def fetch_another(request: HttpRequest, given: dict[str, str]) -> HttpResponse:
    """To the page whose script asks the administration for a token, and comes back to this address with it."""
    kept = {name: given[name] for name in KEPT if name in given}
    query = "&".join(filter(None, (request.META.get("QUERY_STRING", ""), urlencode(kept))))
    again = f"{settings.PUBLIC_URL}{request.path}?{query}"
    return redirect(f"{reverse('shopify-token')}?{urlencode({**kept, 'shopify-reload': again})}")


def scripts() -> dict[str, str]:
    """What a page in the frame loads from Shopify: App Bridge with the app's key, and Polaris."""
    return {
        "api_key": settings.SHOPIFY_API_KEY,
        "app_bridge": shopify.script("app-bridge.js"),
        "polaris": shopify.script("polaris.js"),
    }
