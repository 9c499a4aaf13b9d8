"""The text of ``shopify.app.toml``, with which an app is told to Shopify: addresses, scopes, webhooks.

https://shopify.dev/docs/apps/build/cli-for-apps/app-configuration. Scopes and webhooks stand here and nowhere else:
Shopify then installs them, changes them and takes them down by itself, and compliance topics can be asked for in no
other way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from connectors.errors import Rejected
from connectors.shopify.documents import API_VERSION
from connectors.shopify.oauth import SCOPES, comma_list
from connectors.shopify.webhooks import COMPLIANCE_TOPICS, TOPICS

# Of these a body names what to look at, and no more of the shop than that. Without `updated_at` bodies would be alike,
# and Shopify leaves out a delivery whose body is that of the one before.
_LEAN = ("products/create", "products/update")
_FIELDS = ("id", "admin_graphql_api_id", "updated_at")


def toml(
    *,
    client_id: str,
    name: str,
    app_url: str,
    redirect_urls: Sequence[str],
    scopes: Sequence[str] | str = SCOPES,
    webhook_url: str,
    api_version: str = API_VERSION,
) -> str:
    """The whole file. `app_url` is the embedded app's page, `redirect_urls` are where authorisation ends, `webhook_url`
    takes every delivery of every shop. Raises Rejected for a value that can't stand in it."""
    lines = [
        f"client_id = {_text(client_id)}",
        f"name = {_text(name)}",
        f"application_url = {_text(app_url)}",
        "embedded = true",
        "",
        "[access_scopes]",
        f"scopes = {_text(comma_list(scopes))}",
        "",
        "[auth]",
        f"redirect_urls = {_list(redirect_urls)}",
        "",
        "[webhooks]",
        f"api_version = {_text(api_version)}",
        "",
        *_subscription("topics", _LEAN, webhook_url),
        f"include_fields = {_list(_FIELDS)}",
        "",
        *_subscription("topics", [topic for topic in TOPICS if topic not in _LEAN], webhook_url),
        "",
        *_subscription("compliance_topics", COMPLIANCE_TOPICS, webhook_url),
        "",
        "[pos]",
        "embedded = false",
    ]
    return "\n".join(lines) + "\n"


def _subscription(key: str, topics: Sequence[str], uri: str) -> list[str]:
    return ["[[webhooks.subscriptions]]", f"{key} = {_list(topics)}", f"uri = {_text(uri)}"]


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(_text(value) for value in values)}]"


def _text(value: str) -> str:
    """A basic string of TOML; JSON writes printable text the same way."""
    if not value or not value.isprintable():
        raise Rejected(f"{value[:40]!r} can't stand in shopify.app.toml", code="bad_config")
    return json.dumps(value, ensure_ascii=False)
