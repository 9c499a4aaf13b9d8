"""The sandbox's own door for tests and the demo, open to local callers with the token: what merchants and time do."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from connectors.sandbox.admin import guarded, misbehaviour
from connectors.sandbox.shopify.cost import Bucket
from connectors.sandbox.shopify.engine import MOST_LISTED
from connectors.sandbox.shopify.search import read
from connectors.sandbox.shopify.site import Site, full_name


def blueprint(site: Site) -> Blueprint:
    """The routes under /_admin."""
    routes = Blueprint("admin", __name__, url_prefix="/_admin")
    guarded(routes, site.admin_token)
    misbehaviour(routes, site.faults)
    _merchants(routes, site)
    _products(routes, site)
    _platform(routes, site)

    @routes.errorhandler(KeyError)
    def nothing_there(error: KeyError) -> tuple[Response, int]:
        return jsonify(error=f"no such thing: {error}"), 404

    @routes.errorhandler(ValueError)
    def wrong(error: ValueError) -> tuple[Response, int]:
        return jsonify(error=str(error)), 400

    return routes


def _merchants(routes: Blueprint, site: Site) -> None:
    @routes.post("/shops")
    def open_shop() -> tuple[Response, int]:
        body = _body()
        shop = site.open_shop(body["name"], plan=body.get("plan", "standard"), title=body.get("title", ""))
        return jsonify(shop=shop), 201

    @routes.post("/shops/<name>/<what>")
    def do(name: str, what: str) -> Response:
        body, shop = _body(), full_name(name)
        site.shop(shop)
        scopes = tuple(body["scopes"]) if "scopes" in body else None
        deeds: dict[str, Callable[[], Any]] = {
            "install": lambda: site.install(shop, scopes),
            "uninstall": lambda: site.uninstall(shop),
            "scopes": lambda: site.change_scopes(shop, tuple(body["scopes"])),
            "revoke": lambda: site.access.revoke(shop),
            "token": lambda: site.token(
                shop, **{k: v for k, v in body.items() if k in {"expiring", "user_id"}}
            ),
            "session-token": lambda: site.session_token(
                shop, body.get("user_id", "1001"), claims=body.get("claims")
            ),
            "state": lambda: site.set_state(shop, body["state"]),
            "fill": lambda: site.fill(shop, int(body["products"]), int(body.get("photos", 3))),
            "redact": lambda: site.redact(shop),
            "customer": lambda: site.customer_asks(shop, body["what"], body.get("customer")),
            "agree": lambda: site.billing.agree(shop),
            "drain": lambda: site.bucket(shop).drain(float(body.get("left", 0))),
            "points": lambda: _points(site.bucket(shop)),
        }
        if what not in deeds:
            raise KeyError(what)
        return jsonify(result=deeds[what]())


def _products(routes: Blueprint, site: Site) -> None:
    @routes.post("/shops/<name>/products")
    def create(name: str) -> tuple[Response, int]:
        body = _body()
        try:
            photos = [
                (str(photo["filename"]), base64.b64decode(photo["data"], validate=True))
                for photo in body.get("photos", ())
            ]
        except binascii.Error:
            raise ValueError("photos carry their bytes as base64") from None
        return jsonify(site.catalogue.create(site.shop(name)["domain"], body, photos)), 201

    @routes.get("/shops/<name>/products")
    def listed(name: str) -> Response:
        """Those that `query` means, in the words of Shopify's own search; so many at most as one page has."""
        search = read(request.args.get("query", ""))
        shop = site.shop(name)["domain"]
        return jsonify([doc for _, doc in site.catalogue.page(shop, search, size=MOST_LISTED).products])

    @routes.get("/shops/<name>/products/<int:product_id>")
    def one(name: str, product_id: int) -> Response:
        found = site.catalogue.product(full_name(name), product_id)
        if found is None:
            raise KeyError(product_id)
        return jsonify(found)

    @routes.patch("/shops/<name>/products/<int:product_id>")
    def change(name: str, product_id: int) -> Response:
        return jsonify(site.catalogue.change(full_name(name), product_id, _body()))

    @routes.delete("/shops/<name>/products/<int:product_id>")
    def delete(name: str, product_id: int) -> Response:
        site.catalogue.delete(full_name(name), product_id)
        return jsonify(deleted=product_id)


def _platform(routes: Blueprint, site: Site) -> None:
    @routes.put("/app")
    def deploy() -> Response:
        """The body is the text of shopify.app.toml."""
        app = site.deploy(request.get_data(as_text=True))
        return jsonify(
            client_id=app.client_id, scopes=app.scopes, topics=[list(s.topics) for s in app.subscriptions]
        )

    @routes.post("/secret")
    def rotate() -> Response:
        return jsonify(secret=site.access.rotate(_body().get("secret", "")))

    @routes.post("/clock")
    def advance() -> Response:
        site.clock.advance(float(_body()["seconds"]))
        return jsonify(now=site.clock.stamp())

    @routes.get("/deliveries")
    def deliveries() -> Response:
        sent = [vars(s) | {"body": base64.b64encode(s.body).decode()} for s in list(site.hooks.sent)]
        return jsonify(waiting=site.hooks.waiting(), sent=sent)

    @routes.post("/deliver")
    def deliver() -> Response:
        return jsonify(delivered=site.hooks.deliver_due(order=_body().get("order", "as it happened")))

    @routes.post("/repeat")
    def repeat() -> Response:
        """The delivery of this id once more."""
        wanted = _body()["webhook_id"]
        sent = next((one for one in reversed(site.hooks.sent) if one.webhook_id == wanted), None)
        if sent is None:
            raise KeyError(wanted)
        return jsonify(status=site.hooks.repeat(sent).status)

    @routes.post("/bulk/fail")
    def fail_bulk() -> Response:
        body = _body()
        site.bulk.fail_next(
            body.get("code", "INTERNAL_SERVER_ERROR"), after_lines=int(body.get("after_lines", 0))
        )
        return jsonify(ordered=True)


def _points(bucket: Bucket) -> dict[str, float]:
    return {
        "left": bucket.left,
        "most": bucket.most,
        "per_s": bucket.per_s,
        "spent": bucket.spent,
        "refused": bucket.refused,
    }


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}
