"""How the app is told to Shopify: ``shopify.app.toml``."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from connectors.errors import Rejected
from connectors.shopify import appconfig, webhooks


def written(**changed: Any) -> dict[str, Any]:
    given = {
        "client_id": "c-1",
        "name": 'Vitrine "test" für \\ alle',
        "app_url": "https://app.example/shopify/",
        "redirect_urls": ["https://app.example/shopify/callback/"],
        "webhook_url": "https://app.example/hooks/shopify/",
        **changed,
    }
    return tomllib.loads(appconfig.toml(**given))


def test_the_apps_configuration_says_all_that_shopify_has_to_know() -> None:
    told = written()
    assert (told["client_id"], told["name"], told["embedded"]) == ("c-1", 'Vitrine "test" für \\ alle', True)
    assert told["application_url"] == "https://app.example/shopify/"
    assert told["access_scopes"] == {"scopes": "write_products,write_files"}
    assert told["auth"] == {"redirect_urls": ["https://app.example/shopify/callback/"]}
    assert told["webhooks"]["api_version"] == "2026-10"


def test_every_topic_that_is_understood_is_asked_for_once_at_one_address() -> None:
    subscriptions = written()["webhooks"]["subscriptions"]
    assert {s["uri"] for s in subscriptions} == {"https://app.example/hooks/shopify/"}
    topics = [topic for s in subscriptions for topic in s.get("topics", [])]
    assert sorted(topics) == sorted(webhooks.TOPICS)
    compliance = [topic for s in subscriptions for topic in s.get("compliance_topics", [])]
    assert compliance == ["customers/data_request", "customers/redact", "shop/redact"]


def test_bodies_cut_short_still_tell_when_so_that_none_is_left_out() -> None:
    for subscription in written()["webhooks"]["subscriptions"]:
        assert "updated_at" in subscription.get("include_fields", ["updated_at"])


def test_scopes_may_come_as_text_and_versions_otherwise() -> None:
    told = written(scopes="write_products", api_version="2026-07")
    assert (told["access_scopes"]["scopes"], told["webhooks"]["api_version"]) == ("write_products", "2026-07")


@pytest.mark.parametrize("name", ["", "two\nlines", "a\x7fb", "\ud800"])
def test_what_can_not_stand_in_a_file_is_refused(name: str) -> None:
    with pytest.raises(Rejected):
        written(name=name)
