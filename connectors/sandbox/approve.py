"""How a merchant approves an app in the browser: wc-auth for keys, authorize-application for a password.

Whoever opens these pages on the sandbox counts as logged in, as an administrator unless the options say otherwise;
there is no login to play through.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from connectors.sandbox.auth import CAPABILITIES
from connectors.sandbox.remote import Refused
from connectors.sandbox.site import Site

MANDATORY = ("app_name", "scope", "user_id", "return_url", "callback_url")
SCOPES = ("read", "write", "read_write")
Page = Response | str | tuple[str, int]


def blueprint(site: Site) -> Blueprint:
    """The approval pages of one site; those for keys are WooCommerce's own."""
    routes = Blueprint("approve", __name__, template_folder="templates")

    if site.options.woocommerce:
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
        return _page(
            site,
            app=request.args["app_name"],
            wish=f"{request.args['scope']} access",
            action=_granting(site),
            deny=deny,
        )

    @routes.post("/wc-auth/v1/access_granted")
    def hand_over_keys() -> Page:
        """Works as often as it is asked: each time with new keys."""
        wrong = _wrong_wc_auth(site, request.args)
        if wrong:
            return _page(site, 401, error=wrong)
        key, secret = site.add_key(request.args["scope"], site.approver()[0])
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


def _granting(site: Site) -> str:
    """Where the button leads, in the form that the site's permalinks allow."""
    query = request.query_string.decode()
    if site.options.permalinks == "plain":
        return f"{request.script_root}/?wc-auth-version=1&wc-auth-route=access_granted&{query}"
    return f"{request.script_root}/wc-auth/v1/access_granted?{query}"


def _password(routes: Blueprint, site: Site) -> None:
    @routes.get("/wp-admin/authorize-application.php")
    def ask_for_a_password() -> Page:
        status, wrong = _wrong_application(site, request.args)
        if wrong:
            return _page(site, status, error=wrong)
        reject = request.args.get("reject_url") or request.args.get("success_url") or "/"
        action = f"{request.script_root}/wp-admin/authorize-application.php?{request.query_string.decode()}"
        deny = _with(reject, success="false")
        return _page(
            site, app=request.args["app_name"], wish="a password of its own", action=action, deny=deny
        )

    @routes.post("/wp-admin/authorize-application.php")
    def hand_over_a_password() -> Page:
        status, wrong = _wrong_application(site, request.args)
        if wrong:
            return _page(site, status, error=wrong)
        login, _ = site.approver()
        password = site.add_app_password(login, request.args["app_name"])
        target = request.args.get("success_url")
        if not target:
            return _page(site, app=request.args["app_name"], password=password)
        return redirect(_with(target, site_url=site.url, user_login=login, password=password))


def _wrong_wc_auth(site: Site, args: Mapping[str, str]) -> str:
    missing = next((name for name in MANDATORY if not args.get(name)), "")
    if missing:
        return f"Missing parameter {missing}"
    if args["scope"] not in SCOPES:
        return f"Invalid scope {args['scope']}"
    if not (args["callback_url"].startswith("https://") or site.options.accept_http_callbacks):
        return "The callback_url needs to be over SSL"
    if "manage_woocommerce" not in CAPABILITIES[site.approver()[1]]:
        return "You do not have permission to access this page"
    return ""


def _wrong_application(site: Site, args: Mapping[str, str]) -> tuple[int, str]:
    """Status and words; any user may have an application password, whatever it opens then."""
    if not site.gives_app_passwords:
        return 501, "Application passwords are not available."
    if not args.get("app_name"):
        return 500, "The app has no name."
    try:
        uuid.UUID(args.get("app_id") or str(uuid.uuid4()))
    except ValueError:
        return 500, "The application ID must be a UUID."
    for name in ("success_url", "reject_url"):
        if args.get(name) and not _safe(site, args[name]):
            return 500, f"The {name} must be served over a secure connection."
    return 0, ""


def _safe(site: Site, url: str) -> bool:
    """A site that calls its environment local takes http as well."""
    loose = site.options.environment == "local" or site.options.accept_http_callbacks
    return url.startswith("https://") or (loose and url.startswith("http://"))


def _with(url: str, **added: str) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(added))))
    return urlunsplit(parts._replace(query=query))
