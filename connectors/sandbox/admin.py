"""The sandbox's own door for tests and the demo, open to local callers with the token."""

from __future__ import annotations

import base64
import hmac
import ipaddress
from typing import Any

from flask import Blueprint, Response, jsonify, request

from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.faults import Faults
from connectors.sandbox.site import Site


def blueprint(site: Site, catalogue: Catalogue) -> Blueprint:
    """The routes under /_admin."""
    routes = Blueprint("admin", __name__, url_prefix="/_admin")

    guarded(routes, site.admin_token)
    misbehaviour(routes, site.faults)
    _deliveries(routes, site)
    _access(routes, site)

    @routes.post("/products/<int:product_id>/restore")
    def restore(product_id: int) -> Response:
        return jsonify(site.shapes.product(catalogue.restore(product_id)))

    return routes


def guarded(routes: Blueprint, admin_token: str) -> None:
    """Let local callers with the token in, and nobody else."""

    @routes.before_request
    def only_local_callers_with_the_token() -> tuple[Response, int] | None:
        local = ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104
        token = request.headers.get("X-Admin-Token", "")
        if local and hmac.compare_digest(token.encode(), admin_token.encode()):
            return None
        return jsonify(error="the admin token is missing or wrong"), 403


def misbehaviour(routes: Blueprint, faults: Faults) -> None:
    """Faults on order, and the log."""

    @routes.post("/faults")
    def add_fault() -> tuple[Response, int]:
        try:
            fault = faults.add(**_body())
        except (TypeError, ValueError) as error:
            return jsonify(error=str(error)), 400
        return jsonify(vars(fault)), 201

    @routes.delete("/faults")
    def clear_faults() -> Response:
        faults.clear()
        return jsonify(cleared=True)

    @routes.get("/log")
    def log() -> Response:
        return jsonify([vars(entry) for entry in faults.requests(request.args.get("match", ""))])


def _deliveries(routes: Blueprint, site: Site) -> None:
    @routes.get("/deliveries")
    def deliveries() -> Response:
        sent = [vars(s) | {"body": base64.b64encode(s.body).decode()} for s in list(site.hooks.sent)]
        return jsonify(waiting=site.hooks.waiting(), sent=sent)

    @routes.post("/cron")
    def cron() -> Response:
        return jsonify(delivered=site.hooks.deliver_due())


def _access(routes: Blueprint, site: Site) -> None:
    @routes.post("/keys")
    def add_key() -> tuple[Response, int]:
        body = _body()
        key, secret = site.add_key(body.get("permissions", "read_write"), body.get("login", "admin"))
        return jsonify(consumer_key=key, consumer_secret=secret), 201

    @routes.delete("/keys/<consumer_key>")
    def revoke_key(consumer_key: str) -> Response:
        site.revoke_key(consumer_key)
        return jsonify(revoked=consumer_key)

    @routes.post("/users")
    def add_user() -> tuple[Response, int]:
        body = _body()
        user_id = site.add_user(body["login"], body["role"])
        return jsonify(id=user_id, app_password=site.add_app_password(body["login"])), 201


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}
