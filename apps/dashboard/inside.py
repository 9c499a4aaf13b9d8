"""The dashboard inside the administration of a Shopify store.

A page in that frame has no cookies of ours. The document that the administration opens brings a session token in its
address; whatever a page asks for after that brings one in the Authorization header (static/inside.js). Every request is
known by its own token alone, so there is nothing that somebody else's page could use: no cookie is read or set.
Pictures and files, which browsers fetch without headers, carry a pass (passes.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.accounts.models import Member
from apps.dashboard import passes
from apps.dashboard.framing import NOT_SIGNED, fetch_another, framed, said, scripts, unknown
from apps.flow import signingin
from apps.flow.signingin import Arrived, ClosedShop
from apps.stores import shopify
from apps.stores.models import Store, StoreState
from connectors.errors import ConnectorError, Rejected

HOME = "shopify-home"
# Pages of the frame that are none of the dashboard's: they answer by themselves whoever is not known.
OF_THE_FRAME = frozenset({HOME, "shopify-open"})
# Read by static/inside.js: this address can't be shown in a frame, the whole window goes there.
LEAVE = "X-Vitrine-Leave"


@dataclass(frozen=True)
class Inside:
    """Whose frame it is, and who looks at it."""

    store: Store
    member: Member
    session_id: str

    @property
    def scripts(self) -> dict[str, str]:
        """See `framing.scripts`; read by the page's template."""
        return scripts()


class KnowsByToken:
    """Middleware. Sets `request.inside` (None outside of a frame) and, inside, `request.user`.

    Stands before CSRF's: where there are no cookies nobody can be made to send them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.inside = None  # type: ignore[attr-defined]
        answer = self.get_response(request)
        inside: Inside | None = request.inside  # type: ignore[attr-defined]
        if inside is None:
            return answer
        answer.cookies.clear()
        if "Authorization" in request.headers and _leads_away(request, answer):
            away, answer = answer["Location"], HttpResponse(status=204)
            answer[LEAVE] = away
        return framed(answer, inside.store.shop)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        if match is None or not (match.namespace == "dashboard" or match.url_name in OF_THE_FRAME):
            return None
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return _by_header(request, token.strip())
        given: dict[str, str] = request.handed_over  # type: ignore[attr-defined]  # set by handed.py
        if given.get("id_token") and request.method == "GET":
            return _by_address(request, given)
        if match.url_name in passes.FILES and request.method in {"GET", "HEAD"}:
            member = passes.bearer(request)
            if member is not None:
                request.user = member.user
                return None
        if _in_a_frame(request, given) and shopify.is_set_up() and match.url_name not in OF_THE_FRAME:
            return fetch_another(request, given)
        return None


def _in_a_frame(request: HttpRequest, given: dict[str, str]) -> bool:
    """A document for a frame, which has lost its token: somebody reloaded it, or it was opened by a plain link."""
    told = request.headers.get("Sec-Fetch-Dest") == "iframe" or given.get("embedded") == "1"
    return told and request.method == "GET"


def _by_header(request: HttpRequest, token: str) -> HttpResponseBase | None:
    try:
        session = shopify.session(token)
    except Rejected:
        return unknown()
    arrived = signingin.still_there(session, token)
    if arrived is None:
        return unknown()
    _let_in(request, arrived, session)
    return None


def _by_address(request: HttpRequest, given: dict[str, str]) -> HttpResponseBase | None:
    """The administration opens a page. 401 for a token that Shopify never gave, another one to be fetched for one that
    has ended."""
    token = given["id_token"]
    try:
        session = shopify.session(token)
    except Rejected as error:
        return (
            fetch_another(request, given) if error.code == shopify.EXPIRED else said(request, 401, NOT_SIGNED)
        )
    if given.get("shop", session.shop) != session.shop:
        return said(request, 401, NOT_SIGNED)
    try:
        arrived = signingin.arrive(session, token)
    except ClosedShop as error:
        answer = said(request, 403, error.message, title="This shop is connected already")
    except shopify.NotSetUp as error:
        answer = said(request, 503, error.message)
    except ConnectorError as error:
        answer = said(request, 503, error.message, title="Shopify did not let us in")
    else:
        _let_in(request, arrived, session)
        return None
    return framed(answer, session.shop)


def _let_in(request: HttpRequest, arrived: Arrived, session: shopify.Session) -> None:
    if arrived.store.state != StoreState.CONNECTED:
        arrived.store.refresh_from_db()  # access may have been given just now
    request.user = arrived.member.user
    request.inside = Inside(arrived.store, arrived.member, session.session_id)  # type: ignore[attr-defined]
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # as django.test.Client asks for


def _leads_away(request: HttpRequest, answer: HttpResponseBase) -> bool:
    host = urlsplit(answer["Location"]).netloc if 300 <= answer.status_code < 400 else ""
    return bool(host) and host not in {request.get_host(), urlsplit(settings.PUBLIC_URL).netloc}
