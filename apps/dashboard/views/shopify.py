"""Vitrine inside the administration of a Shopify store, and the way there.

The pages in that frame are those of the dashboard (inside.py); a ticket opens them in a tab of its own. Tokens, codes
and tickets are read from `request.handed_over` (handed.py), so that no log holds them.
"""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import Member, Role, User
from apps.accounts.selectors import at_least, member_of
from apps.dashboard import tickets
from apps.dashboard.framing import NOT_SIGNED, fetch_another, framed, said, scripts, unknown
from apps.dashboard.inside import Inside
from apps.dashboard.views.home import home as first_page
from apps.flow import signingin
from apps.lib.wire import WireError
from apps.stores import installing, shopify
from apps.stores.installing import NotThisBrowser
from apps.stores.services import TakenElsewhere
from connectors.errors import ConnectorError, Rejected

COOKIE = "vitrine_install"


# 1. The page in the frame.


@require_GET
def home(request: HttpRequest) -> HttpResponseBase:
    """Where the administration opens us: the dashboard's first page, for whom the token tells of (inside.py)."""
    if request.inside is not None:  # type: ignore[attr-defined]  # set by inside.py
        return first_page(request)
    given = _given(request)
    try:
        shop = shopify.shop_name(given.get("shop", ""))
    except Rejected:
        return said(request, 400, "Open Vitrine from the administration of your shop.")
    if given.get("embedded") == "1":
        return fetch_another(request, given)
    return HttpResponseRedirect(shopify.page_inside(shop))


def _given(request: HttpRequest) -> dict[str, str]:
    return cast("dict[str, str]", request.handed_over)  # type: ignore[attr-defined]  # set by handed.py


@require_GET
def token(request: HttpRequest) -> HttpResponseBase:
    """Holds nothing but Shopify's script, which reads `shopify-reload` from the address and goes there."""
    given = _given(request)
    if not given.get("shopify-reload", "").startswith(f"{settings.PUBLIC_URL}/"):
        return said(request, 400, "Open Vitrine from the administration of your shop.")
    try:
        shop = shopify.shop_name(given.get("shop", ""))
    except Rejected:
        shop = ""
    return framed(render(request, "dashboard/shopify_token.html", scripts()), shop)


# 2. What its script asks for, with a token in the header.


@csrf_exempt  # there is no cookie that somebody else's page could use
@require_POST
def open_tab(request: HttpRequest) -> HttpResponse:
    """The address that lets this person into a tab of its own, once."""
    inside: Inside | None = request.inside  # type: ignore[attr-defined]  # set by inside.py
    if inside is None:
        return unknown()
    try:
        ticket = tickets.give(inside.member.pk)
    except WireError:
        return JsonResponse({"error": "That can't be done just now. Please try again."}, status=503)
    return JsonResponse({"url": f"{settings.PUBLIC_URL}{reverse('shopify-enter')}?ticket={ticket}"})


@require_GET
def enter(request: HttpRequest) -> HttpResponse:
    """The new tab: from here on there is a login like any other."""
    given = _given(request)
    try:
        pk = tickets.take(given.get("ticket", ""))
    except WireError:
        return said(request, 503, "That can't be done just now. Please try again.")
    member = Member.objects.select_related("user").filter(pk=pk, user__is_active=True).first() if pk else None
    if member is None:
        return said(
            request, 401, "This way in was used before, or is too old. Open Vitrine from your shop again."
        )
    login(request, member.user, backend="django.contrib.auth.backends.ModelBackend")
    wanted = given.get("next", "")
    here = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    return HttpResponseRedirect(wanted) if here else redirect("dashboard:home")


# 3. Outside the frame: the shop's page asks its merchant, and brings the browser back.


@require_http_methods(["GET", "POST"])
def install(request: HttpRequest) -> HttpResponse:
    """To the shop's page. An owner who is logged in says so first: the shop then belongs to their workspace."""
    given = _given(request) if request.method == "GET" else request.POST.dict()
    try:
        shop = shopify.shop_name(str(given.get("shop", "")))
    except Rejected as error:
        return said(request, 400, error.detail[:1].upper() + error.detail[1:] + ".")
    if "hmac" in given and not shopify.query_is_signed(_pairs(request)):
        return said(request, 401, NOT_SIGNED)
    member = member_of(request.user) if isinstance(request.user, User) else None
    owner = member if member is not None and at_least(member.role, Role.OWNER) else None
    if request.method == "POST" and owner is None:
        return said(request, 403, "Only an owner of a workspace connects shops to it.")
    try:
        signingin.may_install(shop, owner.workspace if owner else None)
        if owner is not None and request.method == "GET":
            return render(
                request, "dashboard/shopify_install.html", {"shop": shop, "workspace": owner.workspace}
            )
        return _to_the_shop(shop, owner)
    except TakenElsewhere as error:
        return said(request, 403, error.message, title="This shop is connected already")
    except shopify.NotSetUp as error:
        return said(request, 503, error.message)


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
        return said(request, 401, NOT_SIGNED)
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
        return said(request, 401, NotThisBrowser().message)
    try:
        store = signingin.installed(mine, given.get("code", ""))
    except TakenElsewhere as error:
        return said(request, 403, error.message, title="This shop is connected already")
    except shopify.NotSetUp as error:
        return said(request, 503, error.message)
    except ConnectorError as error:
        return said(request, 502, f"{error.message} Please start again.", title="Shopify did not let us in")
    if mine.workspace_id:
        answer = redirect("dashboard:store-connected", store.pk)
    else:
        answer = HttpResponseRedirect(shopify.page_inside(store.shop))
    answer.delete_cookie(COOKIE, path="/shopify/")
    return answer
