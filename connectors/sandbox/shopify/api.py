"""The Admin API over HTTP: ``POST /admin/api/VERSION/graphql.json``, and the call that uninstalls."""

from __future__ import annotations

import json
import uuid
from typing import Any

from flask import Blueprint, Response, request

from connectors.sandbox.shopify import billing, mutations, query
from connectors.sandbox.shopify.engine import answer
from connectors.sandbox.shopify.fields import FIELDS, LISTS
from connectors.sandbox.shopify.site import STATES, Site, full_name

FIELDS |= {"QueryRoot": query.FIELDS, "Mutation": mutations.FIELDS | billing.MUTATIONS, **billing.TYPES}
LISTS |= {"QueryRoot": query.LISTS, **billing.TYPE_LISTS}
_WORDS = {
    402: "Unavailable Shop: the shop is frozen",
    423: "Locked: the shop is locked",
    404: "Not Found",
}


def blueprint(site: Site) -> Blueprint:
    """The routes under /admin."""
    routes = Blueprint("admin_api", __name__)

    @routes.post("/admin/api/<version>/graphql.json")
    def graphql(version: str) -> Response:
        served = site.served(version)
        if served is None:
            return said({"errors": "Not Found"}, 404)
        opened = _opened(site)
        if isinstance(opened, Response):
            return opened
        body = request.get_json(silent=True)
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            return said({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        variables = body.get("variables")
        if variables is not None and not isinstance(variables, dict):
            return said({"errors": {"variables": "Must be an object"}}, 400)
        call = site.call(opened, site.access.scopes(opened), served)
        told = answer(call, body["query"], variables, body.get("operationName"))
        return said(told, version=served)

    @routes.delete("/admin/api_permissions/current.json")
    def uninstall() -> Response:
        opened = _opened(site)
        if isinstance(opened, Response):
            return opened
        site.uninstall(opened)
        return said({})

    return routes


def said(value: Any, status: int = 200, *, version: str = "") -> Response:
    """An answer of the API."""
    response = Response(json.dumps(value), status=status, content_type="application/json; charset=utf-8")
    response.headers["X-Request-Id"] = str(uuid.uuid4())
    if version:
        response.headers["X-Shopify-API-Version"] = version
    return response


def named_shop() -> str:
    """The shop that the address names, by its path or its host; "" where it names none."""
    return str(request.environ.get("sandbox.shop", ""))


def _opened(site: Site) -> str | Response:
    """The shop that the token of this request opens, or the answer where it opens none."""
    row = site.access.opens(request.headers.get("X-Shopify-Access-Token", ""))
    shop = named_shop() or (row["shop"] if row else "")
    if shop:
        try:
            state = site.shop(full_name(shop))["state"]
        except KeyError:
            return said({"errors": "Not Found"}, 404)
        if state != "open":
            status = STATES[state]
            return said({"errors": _WORDS[status]}, status)
    if row is None or row["shop"] != shop:
        words = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return said({"errors": words}, 401)
    if site.options.expiring_only and not row["expires"]:
        words = "Non-expiring access tokens are no longer accepted for the Admin API. Use expiring ones."
        return said({"errors": words}, 403)
    return str(shop)
