"""The sandbox as one WSGI application."""

from __future__ import annotations

from typing import cast

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from connectors.sandbox import admin, approve, shop, wc_api, wp_api
from connectors.sandbox.address import Addressed, api_root
from connectors.sandbox.auth import Auth
from connectors.sandbox.catalogue import Catalogue
from connectors.sandbox.faults import FaultyWsgi, Wsgi
from connectors.sandbox.site import Site
from connectors.sandbox.wire import WpError, answer

MAX_BODY_BYTES = 64 * 1024 * 1024


def make_app(site: Site) -> Wsgi:
    """All rooms of `site`, with faults and log around them."""
    app = Flask("connectors.sandbox", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    catalogue, auth = Catalogue(site), Auth(site)
    if site.options.woocommerce:
        app.register_blueprint(wc_api.blueprint(site, auth, catalogue))
    for routes in (
        wp_api.blueprint(site, auth),
        admin.blueprint(site, catalogue),
        approve.blueprint(site),
        shop.blueprint(site),
    ):
        app.register_blueprint(routes)

    @app.errorhandler(WpError)
    def wp_error(error: WpError) -> Response:
        return answer(error.body(), error.status)

    @app.errorhandler(405)
    @app.errorhandler(404)
    def no_route(error: HTTPException) -> Response | tuple[str, int]:
        if request.path.startswith("/wp-json"):
            message = "No route was found matching the URL and request method."
            return answer(WpError(404, "rest_no_route", message).body(), 404)
        return shop.missing_page(site.options.name)

    @app.after_request
    def api_link(response: Response) -> Response:
        if request.path.startswith("/wp-json"):
            response.headers["Cache-Control"] = "no-store"
        if request.path.startswith("/wp-json") or response.mimetype == "text/html":
            response.headers.setdefault("Link", f'<{api_root(site)}>; rel="https://api.w.org/"')
        return response

    return FaultyWsgi(Addressed(cast(Wsgi, app), site), site.faults)
