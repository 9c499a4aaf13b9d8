"""How a WordPress site is reached: permalinks, the folder it is installed in, the one host it goes by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from connectors.sandbox.faults import StartResponse, Wsgi
from connectors.sandbox.site import Site

API, APPROVE = "/wp-json", "/wc-auth"
# Set where the API was asked by `?rest_route=`: WooCommerce knows its own requests by their path.
BY_QUERY = "sandbox.rest_route"


class Addressed:
    """WSGI around the store. `/?rest_route=/…` and `/?wc-auth-route=…` always work; with plain permalinks `/wp-json/`
    does not exist and `/wc-auth/` leads to the front page."""

    def __init__(self, app: Wsgi, site: Site) -> None:
        self._app, self._site = app, site

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        site, options = urlsplit(self._site.url), self._site.options
        path = str(environ.get("PATH_INFO", "/")) or "/"
        if path.startswith("/_admin"):
            return self._app(environ, start_response)
        if options.one_host and environ.get("HTTP_HOST", "") != site.netloc:
            return _redirect(start_response, f"{site.scheme}://{site.netloc}{path}{_query(environ)}")
        if site.path:
            if path == site.path:
                return _redirect(start_response, f"{self._site.url}/{_query(environ)}")
            if not path.startswith(f"{site.path}/"):
                return _nothing_here(start_response)
            environ["SCRIPT_NAME"], path = site.path, path[len(site.path) :]
        if options.permalinks == "plain" and path.startswith(f"{APPROVE}/"):
            return _redirect(start_response, f"{self._site.url}/")
        environ["PATH_INFO"] = self._routed(environ, path)
        return self._app(environ, start_response)

    def _routed(self, environ: dict[str, Any], path: str) -> str:
        asked = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        approve = dict(asked).get("wc-auth-route")
        if approve and path in {"/", "/index.php"}:
            environ["QUERY_STRING"] = urlencode([(k, v) for k, v in asked if not k.startswith("wc-auth-")])
            return f"{APPROVE}/v{dict(asked).get('wc-auth-version')}/{approve}"
        route = dict(asked).get("rest_route")
        if route is not None and path in {"/", "/index.php"}:
            environ["QUERY_STRING"] = urlencode([(k, v) for k, v in asked if k != "rest_route"])
            environ[BY_QUERY] = True
            return f"{API}/{route.lstrip('/')}"
        if self._site.options.permalinks == "plain" and (path == API or path.startswith(f"{API}/")):
            return "/there-is-no-such-page"
        return path


def api_root(site: Site) -> str:
    """Where the site says its API is (the Link header of every page)."""
    plain = site.options.permalinks == "plain"
    return f"{site.url}/index.php?rest_route=/" if plain else f"{site.url}{API}/"


def _query(environ: dict[str, Any]) -> str:
    query = environ.get("QUERY_STRING", "")
    return f"?{query}" if query else ""


def _redirect(start_response: StartResponse, to: str) -> Iterable[bytes]:
    start_response("301 Moved Permanently", [("Location", to), ("Content-Length", "0")])
    return [b""]


def _nothing_here(start_response: StartResponse) -> Iterable[bytes]:
    body = b"<!DOCTYPE html><title>404 Not Found</title><h1>Not Found</h1>"
    start_response("404 Not Found", [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
    return [body]
