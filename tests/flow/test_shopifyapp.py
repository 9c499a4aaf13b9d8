"""`manage.py shopifyapp`: what Shopify is told of this installation, and what is said where it can't be told yet."""

from __future__ import annotations

import tomllib
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.config import checks
from tests.shopify_app import HERE, KEY, SECRET


@pytest.fixture(autouse=True)
def app(settings: Any) -> Any:
    settings.SHOPIFY_API_KEY, settings.SHOPIFY_API_SECRET, settings.SHOPIFY_API_SECRET_OLD = KEY, SECRET, ""
    settings.PUBLIC_URL = HERE
    return settings


def printed(*words: str) -> str:
    out = StringIO()
    call_command("shopifyapp", *words, stdout=out)
    return out.getvalue()


def test_it_names_addresses_rights_and_every_webhook(app: Any) -> None:
    told = tomllib.loads(printed())
    assert (told["client_id"], told["application_url"], told["embedded"]) == (KEY, f"{HERE}/shopify/", True)
    assert told["auth"]["redirect_urls"] == [f"{HERE}/shopify/callback/"]
    assert told["access_scopes"]["scopes"] == "write_products,write_files"
    subscriptions = told["webhooks"]["subscriptions"]
    assert {s["uri"] for s in subscriptions} == {f"{HERE}/hooks/shopify/"}
    topics = {t for s in subscriptions for t in [*s.get("topics", []), *s.get("compliance_topics", [])]}
    assert topics == {
        *("products/create", "products/update", "products/delete"),
        *("app/uninstalled", "app/scopes_update", "bulk_operations/finish"),
        *("app_subscriptions/update", "app_subscriptions/approaching_capped_amount"),
        *("customers/data_request", "customers/redact", "shop/redact"),
    }
    assert SECRET not in printed()


def test_it_is_written_into_a_file(tmp_path: Path) -> None:
    file = tmp_path / "shopify.app.toml"
    assert "shopify app deploy" in printed("--write", str(file))
    assert tomllib.loads(file.read_text())["client_id"] == KEY
    with pytest.raises(CommandError, match="can't be written"):
        printed("--write", str(tmp_path / "nowhere" / "x.toml"))


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"SHOPIFY_API_KEY": ""}, "SHOPIFY_API_KEY"), ({"PUBLIC_URL": "http://127.0.0.1:8000"}, "https only")],
)
def test_what_is_missing_is_said(app: Any, changed: dict[str, str], says: str) -> None:
    for name, value in changed.items():
        setattr(app, name, value)
    with pytest.raises(CommandError, match=says):
        printed()


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, set()),
        ({"SHOPIFY_API_KEY": "", "SHOPIFY_API_SECRET": ""}, set()),
        ({"SHOPIFY_API_SECRET": ""}, {"config.E005"}),
        ({"SHOPIFY_API_KEY": ""}, {"config.E005"}),
        ({"SHOPIFY_API_SECRET_OLD": SECRET}, {"config.E006"}),
        ({"PUBLIC_URL": "http://127.0.0.1:8000"}, {"config.W003"}),
    ],
)
def test_mistakes_in_the_settings_are_told_at_start(
    app: Any, changed: dict[str, str], found: set[str]
) -> None:
    for name, value in changed.items():
        setattr(app, name, value)
    assert {one.id for one in checks.shopify()} == found
