"""Signed calls to one WooCommerce store: which credentials go to which API over which scheme."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from woocommerce.oauth import OAuth

from connectors.base import Opening
from connectors.errors import AuthExpired, Unsupported
from connectors.http import Answer, Authorise, Http
from connectors.scrubbing import Scrubber
from connectors.types import Credentials

Params = Mapping[str, str | int | bool]


class WooClient:
    """wc/v3 and wp/v2 of one store. Raises `connectors.errors` only."""

    def __init__(self, opening: Opening, http: Http | None = None) -> None:
        self.url = opening.url.strip().rstrip("/")
        self.api_root = opening.api_root or f"{self.url}/wp-json/"
        self.credentials = opening.credentials
        self.http = http or Http(
            opening.settings,
            throttle=opening.throttle,
            heard=opening.heard,
            scrubber=scrubber(opening.credentials),
        )
        self.secure = urlsplit(self.url).scheme == "https"

    @property
    def has_app_password(self) -> bool:
        """True if the media library (wp/v2) can be used: consumer keys do not open it."""
        return bool(self.credentials.user and self.credentials.app_password)

    def index(self) -> Answer:
        """Who the store says it is; asked without credentials."""
        return self.http.request_json(
            "GET", self._address("", {"_fields": "name,url,home,namespaces,authentication"})
        )

    def wc(self, method: str, path: str, params: Params | None = None, json: Any = None) -> Answer:
        """Call WooCommerce's API, such as ``wc("GET", "products/7")``."""
        try:
            return self.http.request_json(
                method, self._address(f"wc/v3/{path}", params), authorise=self._wc_authorise(), json=json
            )
        except AuthExpired as error:
            hint = self._auth_hint(error)
        raise AuthExpired(hint[0], status=hint[1], code=hint[2])

    def wp(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call WordPress's own API, such as ``wp("GET", "media")``; `Unsupported` without an app password."""
        if not self.has_app_password:
            raise Unsupported("the media library needs an application password; consumer keys do not open it")
        address = self._address(f"wp/v2/{path}", params)
        return self.http.request_json(
            method, address, authorise=self._basic("user"), json=json, data=data, headers=headers
        )

    def _address(self, path: str, params: Params | None) -> str:
        # Lists travel as comma strings and booleans as words: both sign the same on the two sides of OAuth.
        plain = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in (params or {}).items()}
        return joined(self.api_root, path, plain)

    def _wc_authorise(self) -> Authorise:
        if not (self.credentials.key and self.credentials.secret):
            if not self.has_app_password:
                raise AuthExpired("no keys are stored for this store")
            return self._basic("user")
        # Over plain http WooCommerce accepts consumer keys as OAuth 1.0a only.
        return self._basic("key") if self.secure else self._oauth

    def _basic(self, which: str) -> Authorise:
        have = self.credentials
        pair = f"{have.key}:{have.secret}" if which == "key" else f"{have.user}:{have.app_password}"
        header = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return lambda method, url: (url, header)

    def _oauth(self, method: str, url: str) -> tuple[str, Mapping[str, str]]:
        signer = OAuth(url, self.credentials.key, self.credentials.secret, version="wc/v3", method=method)
        return signer.get_oauth_url(), {}

    def _auth_hint(self, error: AuthExpired) -> tuple[str, int | None, str]:
        """The detail of a refusal, with the likeliest cause of WooCommerce's most misleading answer."""
        detail = error.detail
        if self.secure and self.credentials.key and error.code == "woocommerce_rest_cannot_view":
            detail += (
                ". If the keys are right, your site may not know that it is on https (TLS ends at a proxy), "
                "or the user behind the keys lost the right to manage the shop"
            )
        return detail, error.status, error.code


def joined(api_root: str, path: str, params: Mapping[str, str]) -> str:
    """The address of a route below the API's root, which may be a query itself: ``…/?rest_route=/``."""
    mark = "&" if "?" in api_root else "?"
    return f"{api_root}{path}{mark}{urlencode(params)}" if params else f"{api_root}{path}"


def scrubber(credentials: Credentials) -> Scrubber:
    """Hides these credentials in every spelling they travel in."""
    c = credentials
    return Scrubber((c.key, c.secret, c.app_password), ((c.key, c.secret), (c.user, c.app_password)))
