"""Vitrine inside the administration of a Shopify store, and the way there.

A page in that frame has no cookies of ours. Its first request brings a session token in the address, every further one
in the Authorization header; what else there is to do happens in a tab of its own, which a ticket opens. Tokens, codes
and tickets are read from `request.handed_over` (handed.py), so that no log holds them.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import Member, Role, User
from apps.accounts.selectors import at_least, member_of
from apps.catalog.models import Product
from apps.dashboard import tickets, words
from apps.flow import signingin
from apps.flow.signingin import Arrived, ClosedShop
from apps.lib.wire import WireError
from apps.review import selectors as review
from apps.stores import installing, shopify
from apps.stores.installing import NotThisBrowser
from apps.stores.models import StoreState
from apps.stores.services import TakenElsewhere
from connectors.errors import ConnectorError, Rejected

ADMIN = "https://admin.shopify.com"
COOKIE = "vitrine_install"
RETRY = "X-Shopify-Retry-Invalid-Session-Request"
NOT_SIGNED = "That did not come from Shopify, or too late. Nothing was changed."


# 1. The page in the frame.


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Where the administration opens us. 401 for a token that Shopify never gave, another one to be fetched for one
    that has ended."""
    given = _given(request)
    token = given.get("id_token", "")
    if not token:
        return _without_token(request, given)
    try:
        session = shopify.session(token)
    except Rejected as error:
        return _fetch_another(given) if error.code == shopify.EXPIRED else _said(request, 401, NOT_SIGNED)
    if given.get("shop", session.shop) != session.shop:
        return _said(request, 401, NOT_SIGNED)
    try:
        arrived = signingin.arrive(session, token)
    except ClosedShop as error:
        return _framed(
            _said(request, 403, error.message, title="This shop is connected already"), session.shop
        )
    except shopify.NotSetUp as error:
        return _framed(_said(request, 503, error.message), session.shop)
    except ConnectorError as error:
        return _framed(_said(request, 503, error.message, title="Shopify did not let us in"), session.shop)
    return _framed(render(request, "dashboard/shopify_home.html", _now(arrived)), session.shop)


def _given(request: HttpRequest) -> dict[str, str]:
    return cast("dict[str, str]", request.handed_over)  # type: ignore[attr-defined]  # set by handed.py


def _without_token(request: HttpRequest, given: dict[str, str]) -> HttpResponse:
    """In the frame a token can be had; outside of it, the way there."""
    try:
        shop = shopify.shop_name(given.get("shop", ""))
    except Rejected:
        return _said(request, 400, "Open Vitrine from the administration of your shop.")
    return (
        _fetch_another(given)
        if given.get("embedded") == "1"
        else HttpResponseRedirect(shopify.page_inside(shop))
    )


def _fetch_another(given: dict[str, str]) -> HttpResponse:
    """To the page whose script asks the administration for a new token and comes back with it."""
    kept: dict[str, str] = {name: given[name] for name in ("shop", "host", "embedded") if name in given}
    again = f"{settings.PUBLIC_URL}{reverse('shopify-home')}?{urlencode(kept)}"
    return redirect(f"{reverse('shopify-token')}?{urlencode({**kept, 'shopify-reload': again})}")


@require_GET
def token(request: HttpRequest) -> HttpResponse:
    """Holds nothing but Shopify's script, which reads `shopify-reload` from the address and goes there."""
    given = _given(request)
    if not given.get("shopify-reload", "").startswith(f"{settings.PUBLIC_URL}{reverse('shopify-home')}?"):
        return _said(request, 400, "Open Vitrine from the administration of your shop.")
    try:
        shop = shopify.shop_name(given.get("shop", ""))
    except Rejected:
        shop = ""
    return _framed(
        render(request, "dashboard/shopify_token.html", {"api_key": settings.SHOPIFY_API_KEY}), shop
    )


def _now(arrived: Arrived) -> dict[str, object]:
    store, workspace = arrived.store, arrived.member.workspace
    store.refresh_from_db()
    return {
        "api_key": settings.SHOPIFY_API_KEY,
        "store": store,
        "said": words.store(store),
        "broken": store.state != StoreState.CONNECTED,
        "products": Product.objects.filter(store=store, present=True).count(),
        "waiting": review.waiting(workspace.pk).filter(job__store=store).count(),
        "reading": store.syncs.filter(work_state__in=["waiting", "running"]).order_by("-pk").first(),
    }


# 2. What its script asks for, with a token in the header.


@require_GET
def now(request: HttpRequest) -> HttpResponse:
    """How it stands, as a part of the page."""
    arrived = _bearer(request)
    if isinstance(arrived, HttpResponse):
        return arrived
    return render(request, "dashboard/parts/shopify_now.html", _now(arrived))


@csrf_exempt  # there is no cookie that somebody else's page could use
@require_POST
def open_tab(request: HttpRequest) -> HttpResponse:
    """The address that lets this person into a tab of its own, once."""
    arrived = _bearer(request)
    if isinstance(arrived, HttpResponse):
        return arrived
    try:
        ticket = tickets.give(arrived.member.pk)
    except WireError:
        return JsonResponse({"error": "That can't be done just now. Please try again."}, status=503)
    return JsonResponse({"url": f"{settings.PUBLIC_URL}{reverse('shopify-enter')}?ticket={ticket}"})


def _bearer(request: HttpRequest) -> Arrived | HttpResponse:
    """Who asks; or 401, after which App Bridge tries once more with a new token."""
    kind, _, sent = request.headers.get("Authorization", "").partition(" ")
    token = sent.strip() if kind.lower() == "bearer" else ""
    try:
        session = shopify.session(token)
    except Rejected:
        return _unknown()
    return signingin.still_there(session, token) or _unknown()


def _unknown() -> HttpResponse:
    answer = JsonResponse({"error": "Please reload the page."}, status=401)
    answer[RETRY] = "1"
    return answer


@require_GET
def enter(request: HttpRequest) -> HttpResponse:
    """The new tab: from here on there is a login like any other."""
    try:
        pk = tickets.take(_given(request).get("ticket", ""))
    except WireError:
        return _said(request, 503, "That can't be done just now. Please try again.")
    member = Member.objects.select_related("user").filter(pk=pk, user__is_active=True).first() if pk else None
    if member is None:
        return _said(
            request, 401, "This way in was used before, or is too old. Open Vitrine from your shop again."
        )
    login(request, member.user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("dashboard:home")


# 3. Outside the frame: the shop's page asks its merchant, and brings the browser back.


@require_http_methods(["GET", "POST"])
def install(request: HttpRequest) -> HttpResponse:
    """To the shop's page. An owner who is logged in says so first: the shop then belongs to their workspace."""
    given = _given(request) if request.method == "GET" else request.POST.dict()
    try:
        shop = shopify.shop_name(str(given.get("shop", "")))
    except Rejected as error:
        return _said(request, 400, error.detail[:1].upper() + error.detail[1:] + ".")
    if "hmac" in given and not shopify.query_is_signed(_pairs(request)):
        return _said(request, 401, NOT_SIGNED)
    member = member_of(request.user) if isinstance(request.user, User) else None
    owner = member if member is not None and at_least(member.role, Role.OWNER) else None
    if request.method == "POST" and owner is None:
        return _said(request, 403, "Only an owner of a workspace connects shops to it.")
    try:
        signingin.may_install(shop, owner.workspace if owner else None)
        if owner is not None and request.method == "GET":
            return render(
                request, "dashboard/shopify_install.html", {"shop": shop, "workspace": owner.workspace}
            )
        return _to_the_shop(shop, owner)
    except TakenElsewhere as error:
        return _said(request, 403, error.message, title="This shop is connected already")
    except shopify.NotSetUp as error:
        return _said(request, 503, error.message)


def _pairs(request: HttpRequest) -> list[tuple[str, str]]:
    return cast("list[tuple[str, str]]", request.handed_pairs)  # type: ignore[attr-defined]  # set by handed.py


def _to_the_shop(shop: str, owner: Member | None) -> HttpResponse:
    sent = installing.begin(
        shopify.PLATFORM,
        shop,
        workspace=owner.workspace_id if owner else None,
        by=f"user:{owner.user_id}" if owner else "",
    )
    page = shopify.approval_page(
        shop, state=sent.state, back=f"{settings.PUBLIC_URL}{reverse('shopify-callback')}"
    )
    answer = HttpResponseRedirect(page)
    answer.status_code = 303
    # A word of chance, so nothing has to be signed; Lax, because the shop's page leads back here.
    answer.set_cookie(
        COOKIE,
        sent.browser,
        max_age=int(installing.GOOD_FOR.total_seconds()),
        path="/shopify/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return answer


@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Back from the shop, with a code that is good for access. 401, and nothing changed, unless Shopify signed it just
    now and this very browser went there, for this shop, and was not back before."""
    given = _given(request)
    if not shopify.query_is_signed(_pairs(request)):
        return _said(request, 401, NOT_SIGNED)
    by = f"user:{request.user.pk}" if request.user.is_authenticated else ""
    try:
        mine = installing.came_back(
            shopify.PLATFORM,
            shopify.shop_name(given.get("shop", "")),
            state=given.get("state", ""),
            browser=request.COOKIES.get(COOKIE, ""),
            by=by,
        )
    except (Rejected, NotThisBrowser):
        return _said(request, 401, NotThisBrowser().message)
    try:
        store = signingin.installed(mine, given.get("code", ""))
    except TakenElsewhere as error:
        return _said(request, 403, error.message, title="This shop is connected already")
    except shopify.NotSetUp as error:
        return _said(request, 503, error.message)
    except ConnectorError as error:
        return _said(request, 502, f"{error.message} Please start again.", title="Shopify did not let us in")
    if mine.workspace_id:
        answer = redirect("dashboard:store-connected", store.pk)
    else:
        answer = HttpResponseRedirect(shopify.page_inside(store.shop))
    answer.delete_cookie(COOKIE, path="/shopify/")
    return answer


# -- what all of them answer with --------------------------------------------------------------------------------


def _said(
    request: HttpRequest, status: int, sentence: str, *, title: str = "That did not work"
) -> HttpResponse:
    told = {"title": title, "sentence": sentence}
    return render(request, "dashboard/shopify_said.html", told, status=status)


def _framed(answer: HttpResponse, shop: str) -> HttpResponse:
    """Shown in the administration of this shop, and in nobody else's page."""
    shops = f"https://{shop} " if shop else ""
    answer["Content-Security-Policy"] = f"frame-ancestors {shops}{ADMIN};"
    answer.xframe_options_exempt = True  # read by Django's middleware
    return answer
