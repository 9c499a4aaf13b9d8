"""The app as its ``shopify.app.toml`` tells Shopify of it: where it is, what it may do, what it wants to hear."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from typing import Any

COMPLIANCE_TOPICS = ("customers/data_request", "customers/redact", "shop/redact")
# Without customer scopes these are what an app like ours can ask for; others are refused, so that a typo is noticed.
TOPICS = (
    *("products/create", "products/update", "products/delete", "app/uninstalled", "app/scopes_update"),
    *("bulk_operations/finish", "app_subscriptions/update", "app_subscriptions/approaching_capped_amount"),
)


class BadAppFile(ValueError):
    """`shopify app deploy` would refuse this file."""


@dataclass(frozen=True)
class Subscription:
    """One `[[webhooks.subscriptions]]`."""

    topics: tuple[str, ...]
    uri: str
    include_fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class AppFile:
    """The app's configuration, as deployed."""

    client_id: str
    name: str = "App"
    application_url: str = ""
    scopes: tuple[str, ...] = ("write_products", "write_files")
    redirect_urls: tuple[str, ...] = ()
    api_version: str = ""
    subscriptions: tuple[Subscription, ...] = field(default=())

    def listening(self, topic: str) -> list[Subscription]:
        """The subscriptions that want `topic`."""
        return [wanted for wanted in self.subscriptions if topic in wanted.topics]

    def hearing(self, uri: str, *topics: str) -> AppFile:
        """The same app, with one more subscription; without topics to everything there is."""
        return replace(
            self,
            subscriptions=(*self.subscriptions, Subscription(topics or (*TOPICS, *COMPLIANCE_TOPICS), uri)),
        )


def read(text: str) -> AppFile:
    """What `shopify app deploy` would make of this file. Raises `BadAppFile`."""
    try:
        given = tomllib.loads(text)
        hooks = given.get("webhooks", {})
        return AppFile(
            client_id=given["client_id"],
            name=given["name"],
            application_url=given["application_url"],
            scopes=_words(given["access_scopes"]["scopes"]),
            redirect_urls=tuple(given["auth"]["redirect_urls"]),
            api_version=hooks["api_version"],
            subscriptions=tuple(_subscription(entry) for entry in hooks.get("subscriptions", [])),
        )
    except tomllib.TOMLDecodeError as error:
        raise BadAppFile(f"not TOML: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise BadAppFile(f"missing or of the wrong kind: {error}") from None


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _subscription(entry: dict[str, Any]) -> Subscription:
    topics, compliance = entry.get("topics", []), entry.get("compliance_topics", [])
    for topic, known in (*((t, TOPICS) for t in topics), *((t, COMPLIANCE_TOPICS) for t in compliance)):
        if topic not in known:
            raise BadAppFile(f"no such topic here: {topic}")
    if not topics and not compliance:
        raise BadAppFile("a subscription without topics")
    fields = tuple(entry.get("include_fields", ()))
    return Subscription((*topics, *compliance), str(entry["uri"]), fields)
