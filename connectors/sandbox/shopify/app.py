"""The platform as one WSGI application: which shop is meant, what is asked, faults around all of it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from typing import Any, cast

from flask import Flask

from connectors.sandbox.faults import LABEL, FaultyWsgi, StartResponse, Wsgi
from connectors.sandbox.shopify import admin, api, oauth, pages
from connectors.sandbox.shopify.site import DOMAIN, Site

MAX_BODY_BYTES = 64 * 1024 * 1024
_SHOP_PATH = re.compile(r"/([A-Za-z0-9][A-Za-z0-9_-]*\.myshopify\.com)(/.*)?")
_OPERATION = re.compile(r"\b(?:query|mutation)\s+([A-Za-z_]\w*)")


def make_app(site: Site) -> Wsgi:
    """All rooms of `site`."""
    app = Flask("connectors.sandbox.shopify", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    for routes in (admin.blueprint(site), api.blueprint(site), oauth.blueprint(site), pages.blueprint(site)):
        app.register_blueprint(routes)
    return Labelled(FaultyWsgi(Addressed(cast(Wsgi, app)), site.faults, says=_refusal))


class Addressed:
    """WSGI around the rooms: a shop is its host name, as at Shopify, or the first part of the path."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        host = str(environ.get("HTTP_HOST", "")).partition(":")[0].lower()
        found = _SHOP_PATH.fullmatch(str(environ.get("PATH_INFO", "")))
        if found:
            environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME', '')}/{found[1]}"
            environ["PATH_INFO"] = found[2] or "/"
            environ["sandbox.shop"] = found[1].lower()
        elif host.endswith(DOMAIN):
            environ["sandbox.shop"] = host
        return self._app(environ, start_response)


class Labelled:
    """WSGI that tells faults and log the name of a GraphQL operation: all of them have one address."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if str(environ.get("PATH_INFO", "")).endswith("/graphql.json"):
            length = min(int(environ.get("CONTENT_LENGTH") or 0), MAX_BODY_BYTES)
            body = environ["wsgi.input"].read(length)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
            environ[LABEL] = _operation(body)
        return self._app(environ, start_response)


def _operation(body: bytes) -> str:
    try:
        told = json.loads(body)
        named = told.get("operationName") or ""
        found = _OPERATION.search(told["query"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return str(named or (found[1] if found else ""))


def _refusal(status: int) -> bytes:
    if status != 200:
        return b'{"errors":"Exceeded the limit of calls, or not available for a moment. Please try again."}'
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
    throttle = {"maximumAvailable": 2000.0, "currentlyAvailable": 0, "restoreRate": 100.0}
    cost = {"requestedQueryCost": 100, "actualQueryCost": None, "throttleStatus": throttle}
    return json.dumps({"errors": [error], "extensions": {"cost": cost}}).encode()
