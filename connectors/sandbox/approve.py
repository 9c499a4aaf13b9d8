"""How a merchant approves an app in the browser: wc-auth for keys, authorize-application for a password.

Whoever opens these pages on the sandbox counts as the logged-in administrator; there is no login to play
through.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from connectors.sandbox.remote import Refused
from connectors.sandbox.site import DEFAULT_USER, Site

MANDATORY = ("app_name", "scope", "user_id", "return_url", "callback_url")
SCOPES = ("read", "write", "read_write")
Page = Response | str | tuple[str, int]


def blueprint(site: Site) -> Blueprint:
    """The approval pages of one site."""
    routes = Blueprint("approve", __name__, template_folder="templates")

    _keys(routes, site)
    _password(routes, site)
    return routes


def _page(site: Site, status: int = 200, *, error: str = "", **shown: str) -> tuple[str, int]:
    return render_template("approve.html", shop=site.options.name, error=error, **shown), status


def _keys(routes: Blueprint, site: Site) -> None:
    @routes.get("/wc-auth/v1/authorize")
    def ask_for_keys() -> Page:
        wrong = _wrong_wc_auth(site, request.args)
        if wrong:
            return _page(site, 401, error=wrong)
        deny = _with(request.args["return_url"], success="0", user_id=request.args["user_id"])
        action = f"/wc-auth/v1/access_granted?{request.query_string.decode()}"
        return _page(
            site,
            app=request.args["app_name"],
            wish=f"{request.args['scope']} access",
            action=action,
            deny=deny,
        )

    @routes.post("/wc-auth/v1/access_granted")
    def hand_over_keys() -> Page:
        wrong = _wrong_wc_auth(site, request.args)
        if wrong:
            return _page(site, 401, error=wrong)
        key, secret = site.add_key(request.args["scope"])
        handed = {
            "key_id": 1,
            "user_id": request.args["user_id"],
            "consumer_key": key,
            "consumer_secret": secret,
        }
        body = json.dumps(handed | {"key_permissions": request.args["scope"]}).encode()
        try:
            status = site.remote.post(
                request.args["callback_url"], body, {"Content-Type": "application/json;charset=utf-8"}
            )
        except Refused as refused:
            site.revoke_key(key)
            return _page(site, 401, error=f"An error occurred in the request: {refused}")
        if status != 200:  # 201 will not do
            site.revoke_key(key)
            return _page(
                site,
                401,
                error="An error occurred in the request and at the time were unable to send the keys",
            )
        return redirect(_with(request.args["return_url"], success="1", user_id=request.args["user_id"]))


def _password(routes: Blueprint, site: Site) -> None:
    @routes.get("/wp-admin/authorize-application.php")
    def ask_for_a_password() -> Page:
        wrong = _wrong_application(site, request.args)
        if wrong:
            return _page(site, 500, error=wrong)
        reject = request.args.get("reject_url") or request.args.get("success_url") or "/"
        action = f"/wp-admin/authorize-application.php?{request.query_string.decode()}"
        deny = _with(reject, success="false")
        return _page(
            site, app=request.args["app_name"], wish="a password of its own", action=action, deny=deny
        )

    @routes.post("/wp-admin/authorize-application.php")
    def hand_over_a_password() -> Page:
        wrong = _wrong_application(site, request.args)
        if wrong:
            return _page(site, 500, error=wrong)
        password = site.add_app_password(DEFAULT_USER, request.args["app_name"])
        target = request.args.get("success_url")
        if not target:
            return _page(site, app=request.args["app_name"], password=password)
        return redirect(_with(target, site_url=site.url, user_login=DEFAULT_USER, password=password))


def _wrong_wc_auth(site: Site, args: Mapping[str, str]) -> str:
    missing = next((name for name in MANDATORY if not args.get(name)), "")
    if missing:
        return f"Missing parameter {missing}"
    if args["scope"] not in SCOPES:
        return f"Invalid scope {args['scope']}"
    if not _acceptable(site, args["callback_url"]):
        return "The callback_url needs to be over SSL"
    return ""


def _wrong_application(site: Site, args: Mapping[str, str]) -> str:
    if not args.get("app_name"):
        return "The app has no name."
    try:
        uuid.UUID(args.get("app_id") or str(uuid.uuid4()))
    except ValueError:
        return "The application ID must be a UUID."
    for name in ("success_url", "reject_url"):
        if args.get(name) and not _acceptable(site, args[name]):
            return f"The {name} must be served over a secure connection."
    return ""


def _acceptable(site: Site, url: str) -> bool:
    return url.startswith("https://") or (site.options.accept_http_callbacks and url.startswith("http://"))


def _with(url: str, **added: str) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(added))))
    return urlunsplit(parts._replace(query=query))
