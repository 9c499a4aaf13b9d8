"""Getting access: the page on which a merchant approves, and the token endpoint."""

from __future__ import annotations

import hmac
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from connectors.sandbox.shopify.access import Refused
from connectors.sandbox.shopify.api import named_shop, said
from connectors.sandbox.shopify.site import DOMAIN, Site

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
ONLINE = "urn:shopify:params:oauth:token-type:online-access-token"


def blueprint(site: Site) -> Blueprint:
    """The routes under /admin/oauth."""
    routes = Blueprint("oauth", __name__, url_prefix="/admin/oauth", template_folder="templates")

    @routes.get("/authorize")
    def ask() -> Answer | str | tuple[str, int]:
        shop, wrong = named_shop(), _wrong_request(site)
        if wrong:
            return render_template("oops.html", words=wrong), 400
        wanted = _scopes(request.args.get("scope", ""))
        if set(wanted) <= set(site.access.scopes(shop)):
            return _approved(site, shop, wanted)  # approved before: nothing is asked again
        app = site.access.app
        title = site.shop(shop)["title"]
        return render_template("install.html", app=app, shop=title, scopes=wanted, fields=request.args)

    @routes.post("/authorize")
    def decide() -> Answer | str | tuple[str, int]:
        wrong = _wrong_request(site)
        if wrong:
            return render_template("oops.html", words=wrong), 400
        if "cancel" in request.form:
            fields = {"error": "access_denied", "shop": named_shop(), "state": request.args.get("state", "")}
            return redirect(f"{request.args['redirect_uri']}?{urlencode(fields)}")
        return _approved(site, named_shop(), _scopes(request.args.get("scope", "")))

    @routes.post("/access_token")
    def token() -> Response:
        given = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        try:
            return said(_token(site, given if isinstance(given, dict) else {}))
        except Refused as error:
            return said({"error": error.error, "error_description": error.words}, error.status)

    return routes


def _token(site: Site, given: dict[str, Any]) -> dict[str, Any]:
    """The answer of the token endpoint. Raises `Refused`."""
    shop, access = named_shop(), site.access
    if given.get("client_id") != access.app.client_id:
        raise Refused("application_cannot_be_found", "Could not find the app by its client id")
    secret = str(given.get("client_secret", "")).encode()
    if not any([hmac.compare_digest(secret, good.encode()) for good in access.accepted_secrets()]):  # noqa: C419
        raise Refused("invalid_client", "The client secret is wrong", 401)
    kind, expiring = given.get("grant_type", ""), str(given.get("expiring", "")) in {"1", "true", "True"}
    if kind == "refresh_token":
        return access.refresh(shop, str(given.get("refresh_token", "")))
    if not kind or kind == "authorization_code":
        return access.by_code(shop, str(given.get("code", "")), expiring=expiring)
    if kind != EXCHANGE:
        raise Refused("unsupported_grant_type", "The grant type is not supported")
    subject, of_kind = str(given.get("subject_token", "")), given.get("subject_token_type")
    wanted = given.get("requested_token_type", OFFLINE)
    if of_kind == OFFLINE and wanted == OFFLINE and expiring:
        return access.migrate(shop, subject)
    if of_kind != ID_TOKEN or wanted not in {OFFLINE, ONLINE}:
        raise Refused("invalid_request", "The token types do not fit")
    user_id = access.reads_session(shop, subject)
    return access.by_session(shop, subject, expiring=expiring, online=wanted == ONLINE, user_id=user_id)


def frame_query(site: Site, shop: str, user_id: str = "1001") -> dict[str, str]:
    """What Admin puts behind the address of an app that it shows in its frame."""
    fields = {
        "embedded": "1",
        "host": _host(shop),
        "locale": "en",
        "session": str(site.memory.next_id()),
        "shop": shop,
        "timestamp": str(int(site.clock.now())),
        "id_token": site.session_token(shop, user_id),
    }
    return site.access.sign_query(fields)


def _approved(site: Site, shop: str, scopes: tuple[str, ...]) -> Answer:
    fields = {
        "code": site.access.code(shop, scopes),
        "host": _host(shop),
        "shop": shop,
        "state": request.args.get("state", ""),
        "timestamp": str(int(site.clock.now())),
    }
    return redirect(f"{request.args['redirect_uri']}?{urlencode(site.access.sign_query(fields))}")


def _wrong_request(site: Site) -> str:
    """Why this page asks nothing; "" where it does."""
    app, given = site.access.app, request.args
    try:
        site.shop(named_shop())
    except KeyError:
        return "There is no such shop."
    if given.get("client_id") != app.client_id:
        return "Oauth error invalid_request: Could not find Shopify API application with that api_key"
    if app.redirect_urls and given.get("redirect_uri") not in app.redirect_urls:
        return "Oauth error invalid_request: The redirect_uri is not whitelisted"
    if not given.get("redirect_uri", "").startswith(("http://", "https://")):
        return "Oauth error invalid_request: The redirect_uri is missing"
    return ""


def _scopes(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _host(shop: str) -> str:
    return b64encode(f"admin.shopify.com/store/{shop.removesuffix(DOMAIN)}".encode()).decode().rstrip("=")
