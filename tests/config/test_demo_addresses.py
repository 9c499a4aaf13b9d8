"""Where the demonstration's programs are, and that its own app at its own Shopify stays its own."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError

from apps.config import group
from apps.config.demo import addresses

CHECKOUT = Path(__file__).resolve().parents[2]
NAMES = (
    *("PUBLIC_URL", "ALLOW_PRIVATE_HOSTS", "DEMO_SHOP_PORT", "DEMO_SHOPIFY_PORT"),
    *("SHOPIFY_API_KEY", "SHOPIFY_API_SECRET", "SHOPIFY_API_ROOT"),
)


class StartedAgain(Exception):
    """Instead of the program that would follow."""


@pytest.fixture
def first(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The demonstration begins in an empty folder; what is in force when it starts again."""

    def again(*_: Any) -> None:
        raise StartedAgain

    settings.DATA_ROOT = tmp_path
    monkeypatch.setattr(os, "execv", again)
    monkeypatch.setattr(group, "port_is_free", lambda port: True)
    for name in NAMES:
        monkeypatch.setenv(name, "the operator's")
    with pytest.raises(StartedAgain):
        addresses.agree(0)
    return {name: os.environ[name] for name in NAMES}


def test_both_stores_get_an_address_and_every_program_hears_of_it(first: dict[str, str]) -> None:
    ports = addresses.agree(0)
    assert len({ports.web, ports.shop, ports.shopify}) == 3
    assert first["PUBLIC_URL"] == f"http://127.0.0.1:{ports.web}"
    assert first["ALLOW_PRIVATE_HOSTS"] == f"127.0.0.1:{ports.shop},127.0.0.1:{ports.shopify}"
    assert first["SHOPIFY_API_ROOT"] == f"http://127.0.0.1:{ports.shopify}/{{shop}}/admin/"


def test_its_app_is_made_once_and_readable_by_nobody_else(first: dict[str, str]) -> None:
    assert first["SHOPIFY_API_SECRET"].startswith("shpss_") and len(first["SHOPIFY_API_KEY"]) == 32
    assert stat.S_IMODE(group.environment_file().stat().st_mode) == 0o600
    addresses.agree(0)
    assert {name: os.environ[name] for name in NAMES} == first


def test_another_port_for_the_dashboard_leaves_stores_and_app_where_they_are(first: dict[str, str]) -> None:
    with pytest.raises(StartedAgain):
        addresses.agree(9123)
    moved = {name for name in NAMES if os.environ[name] != first[name]}
    assert moved == {"PUBLIC_URL"} and os.environ["PUBLIC_URL"] == "http://127.0.0.1:9123"


def test_what_was_kept_before_there_was_a_shopify_gets_one(
    first: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    group.remember({name: first[name] for name in ("PUBLIC_URL", "DEMO_SHOP_PORT")})
    with pytest.raises(StartedAgain):
        addresses.agree(0)
    assert os.environ["DEMO_SHOP_PORT"] == first["DEMO_SHOP_PORT"]
    assert os.environ["SHOPIFY_API_SECRET"] not in {"", first["SHOPIFY_API_SECRET"]}


def test_a_taken_port_of_a_store_is_named(first: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    taken = int(first["DEMO_SHOPIFY_PORT"])
    monkeypatch.setattr(group, "port_is_free", lambda port: port != taken)
    with pytest.raises(CommandError, match=f"Port {taken}, where the demo's Shopify lives, is taken"):
        addresses.agree(0)


def test_an_app_at_shopify_itself_is_never_taken_to_the_shops_that_the_demo_plays(
    first: dict[str, str], tmp_path: Path
) -> None:
    ask = "from apps.config import settings as s; print(s.SHOPIFY_API_KEY, s.SHOPIFY_API_ROOT or 'Shopify')"

    def said(**more: str) -> str:
        env = {k: v for k, v in os.environ.items() if k not in {*NAMES, "DATABASE_URL"}}
        done = subprocess.run(
            [sys.executable, "-c", ask],
            cwd=CHECKOUT,
            env={**env, "VITRINE_DATA": str(tmp_path), **more},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert said() == f"{first['SHOPIFY_API_KEY']} {first['SHOPIFY_API_ROOT']}"
    assert said(SHOPIFY_API_KEY="mine", SHOPIFY_API_SECRET="mine too") == "mine Shopify"
