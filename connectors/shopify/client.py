"""Documents to one shop's Admin API, with the token that opens it now and an eye on its points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.base import Budget, Opening
from connectors.errors import AuthExpired, ConnectorError, NeedsReauth, NotJson
from connectors.http import Answer, Authorise, Http
from connectors.scrubbing import Scrubber
from connectors.shopify.documents import API_VERSION, Document, document
from connectors.shopify.judging import Verdict, judged, user_error
from connectors.shopify.shops import admin_root, shop_name

__all__ = ["API_VERSION", "AdminClient"]

Variables = Mapping[str, Any]

# What a document may cost is learned from the first answer to it; until then this much is assumed.
UNKNOWN_POINTS = 100.0


class AdminClient:
    """The Admin API of one shop. Raises `connectors.errors` only."""

    # By document: the same in every shop, and for as long as the version is the same.
    _costs: dict[str, float] = {}

    def __init__(self, opening: Opening, http: Http | None = None) -> None:
        self.opening = opening
        self.shop = shop_name(urlsplit(opening.url).hostname or "")
        self.address = f"{admin_root(self.shop, opening.api_root)}api/{API_VERSION}/graphql.json"
        self._scrubber = Scrubber((opening.credentials.token, opening.credentials.refresh_token))
        self.http = http or Http(
            opening.settings, throttle=opening.throttle, heard=opening.heard, scrubber=self._scrubber
        )

    def run(self, name: str, variables: Variables | None = None) -> Mapping[str, Any]:
        """The data that the document of this name brings.

        A refused token did nothing, so the call is made once more with another where one can be had; NeedsReauth where
        not. What a mutation says in `userErrors` is raised too.
        """
        asked, token = document(name), self._token()
        data = self._sent(asked, variables or {}, token)
        if data is None:
            data = self._sent(asked, variables or {}, self._token(renew=True))
        if data is None:
            raise NeedsReauth("the store refuses our token", status=401)
        return self._accepted(data)

    def points(self, name: str) -> float:
        """What this document may cost, as far as is known."""
        return self._costs.get(name, UNKNOWN_POINTS)

    def _token(self, *, renew: bool = False) -> str:
        access = self.opening.access
        if access is not None:
            token = access(renew=renew)
            self._scrubber.learn(token)
            return token
        token = self.opening.credentials.token
        if renew or not token:
            raise NeedsReauth("the store refused our token" if token else "there is no token for this store")
        return token

    def _sent(self, asked: Document, variables: Variables, token: str) -> Mapping[str, Any] | None:
        """The data, or None where the token was refused."""
        try:
            return self._send(asked, variables, token)
        except AuthExpired as error:
            if error.status != 401:
                raise
        return None

    def _send(self, asked: Document, variables: Variables, token: str) -> Mapping[str, Any]:
        verdict = Verdict()

        def judge(
            answer: Answer, error: ConnectorError | None
        ) -> tuple[ConnectorError | None, Budget | None]:
            nonlocal verdict
            verdict = judged(answer, error, writes=asked.writes)
            if verdict.requested:
                # With other variables it may cost more than it did, and an answer may cost more than was foreseen.
                known, cost = self._costs.get(asked.name, 0.0), verdict.budget.cost if verdict.budget else 0.0
                self._costs[asked.name] = max(known, verdict.requested, cost)
            return verdict.error, verdict.budget

        self.http.request_json(
            "POST",
            self.address,
            authorise=_bearer(token),
            json={"query": asked.text, "variables": dict(variables)},
            repeats=not asked.writes,
            call=f"admin:{asked.name}",
            points=self.points(asked.name),
            judge=judge,
        )
        return verdict.data

    def _accepted(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        for payload in data.values():
            if isinstance(payload, Mapping):
                error = user_error(payload.get("userErrors")) or user_error(payload.get("mediaUserErrors"))
                if error is not None:
                    raise error
        return data


def _bearer(token: str) -> Authorise:
    return lambda method, url: (url, {"X-Shopify-Access-Token": token})


def part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object of this name that an answer has to hold. Raises NotJson."""
    found = data.get(name)
    if not isinstance(found, Mapping):
        raise NotJson(f"an answer without {name} in it")
    return found
