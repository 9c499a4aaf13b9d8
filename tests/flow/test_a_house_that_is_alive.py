"""Real processes: the demo in a new installation, a second time, and a look at everything it left.

What becomes of work while its processes are killed: tests/chaos.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from PIL import Image

from apps.config import embedded
from apps.config.management.commands import demo
from gpu_worker import samples
from tests import installed, secrecy

CHECKOUT = Path(__file__).resolve().parents[2]
# The lamp stands in a room: a person has to look at it.
SAMPLES = ("mug", "box", "soap", "lamp")
DONE = len(SAMPLES)
# The first of them are sold in the Shopify store too; their pictures are made once for both.
IN_SHOPIFY = demo.IN_SHOPIFY
OURS = (
    "DATABASE_URL",
    "REDIS_URL",
    "STORAGE_URL",
    "SECRET_KEY",
    "FIELD_KEYS",
    "DJANGO_SETTINGS_MODULE",
    "PUBLIC_URL",
    "ALLOW_PRIVATE_HOSTS",
    "SHOPIFY_API_KEY",
    "SHOPIFY_API_SECRET",
    "SHOPIFY_API_ROOT",
)


@dataclass
class House:
    """One installation in a folder of its own."""

    root: Path
    env: dict[str, str]

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "manage.py", *words]
        return subprocess.run(
            argv, cwd=CHECKOUT, env=self.env, capture_output=True, text=True, timeout=420, check=False
        )

    def rows(self, sql: str) -> list[tuple]:
        with psycopg.connect(embedded.urls(self.root).superuser_url) as db:
            return db.execute(sql).fetchall()


@pytest.fixture
def house(django_db_setup: None) -> Iterator[House]:
    root = Path(tempfile.gettempdir()) / f"vitrine-house-{os.urandom(4).hex()}"
    env = {k: v for k, v in os.environ.items() if k not in OURS} | {"VITRINE_DATA": str(root)}
    installed.set_up(root)
    yield House(root, env)
    logs = list((root / "logs").glob("*"))
    leaks = secrecy.leaked_into(root)
    embedded.Services(root).forget()
    assert logs and not leaks, "no program's log holds a secret of the demonstration's store"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_takes_products_of_both_stores_all_the_way_and_keeps_them(
    house: House, tmp_path: Path
) -> None:
    for name in SAMPLES:
        Image.fromarray(samples.draw(name, 600).rgb).save(tmp_path / f"{name}.jpg", quality=94)
    (tmp_path / "list.txt").write_text("no photo")
    summary = told(house.command("demo", "--once", "--photos", str(tmp_path)))
    assert summary["problems"] == []
    assert (summary["products"], summary["rendered"], summary["undone"]) == (DONE, DONE, 1)
    assert summary["waiting"] >= 1 and summary["published"] == summary["approved"] >= 2
    assert summary["audit_ok"] and summary["original_back"] and summary["skipped"] == 1
    assert Path(summary["contact_sheet"]).stat().st_size > 20_000
    shopify = summary["shopify"]
    assert (shopify["products"], shopify["rendered"]) == (IN_SHOPIFY, IN_SHOPIFY)
    assert shopify["published"] == shopify["approved"] >= 1
    assert (shopify["undone"], shopify["original_back"]) == (1, True)
    assert shopify["shown"] == shopify["published"] - 1
    with embedded.Services(house.root):
        nothing_is_doubled(house, summary)
        both_stores_are_one_merchants(house, shopify)
        assert house.command("audit", "verify").returncode == 0
    again = told(house.command("demo", "--once", "--photos", str(tmp_path)))
    assert (again["products"], again["rendered"], again["undone"]) == (DONE, DONE, 1)
    assert again["shopify"] == shopify
    with embedded.Services(house.root):
        assert house.rows("SELECT count(*) FROM jobs_job") == [(DONE + IN_SHOPIFY,)]
        made = house.rows("SELECT count(*) FROM usage_record WHERE outcome = 'done'")
        assert made == [(DONE,)], "nothing was rendered again"


def told(demo: subprocess.CompletedProcess[str]) -> dict:
    """The summary line."""
    assert demo.returncode == 0, demo.stderr[-3000:]
    return json.loads(demo.stdout.strip().splitlines()[-1])


def both_stores_are_one_merchants(house: House, shopify: dict) -> None:
    """One workspace, whose Shopify store was approved by its owner; what was there before is a batch, what came after
    was told by signed webhooks."""
    stores = house.rows(
        "SELECT s.platform, s.state, i.asked_by LIKE 'user:%' FROM stores_store s"
        " LEFT JOIN stores_install i ON i.shop = s.shop AND i.used_at IS NOT NULL ORDER BY s.platform"
    )
    assert stores == [("shopify", "connected", True), ("woocommerce", "connected", None)]
    assert house.rows("SELECT count(*) FROM accounts_workspace") == [(1,)]
    before = IN_SHOPIFY // 2
    assert house.rows("SELECT count(*) FROM jobs_job WHERE batch_id IS NOT NULL") == [(before,)]
    topics = house.rows(
        "SELECT d.topic, count(*) FROM ingest_delivery d JOIN stores_store s ON s.id = d.store_id"
        " WHERE s.platform = 'shopify' AND d.kind = 'product_created' GROUP BY d.topic"
    )
    assert topics == [("products/create", IN_SHOPIFY - before)] and shopify["webhooks"] == IN_SHOPIFY - before


def nothing_is_doubled(house: House, summary: dict) -> None:
    [(attempts, booked, done)] = house.rows(
        "SELECT (SELECT count(*) FROM jobs_attempt WHERE started_at IS NOT NULL), (SELECT count(*) FROM usage_record),"
        " (SELECT count(*) FROM usage_record WHERE outcome = 'done')"
    )
    assert booked == attempts and done == DONE
    [(written, products)] = house.rows(
        "SELECT count(*), count(DISTINCT publication) FROM stores_writtenmedia"
    )
    assert written == products == summary["published"] + summary["shopify"]["published"]
    assert house.rows("SELECT count(*) FROM usage_reservation") == [(0,)]
    uploads = list((house.root / "storefront").rglob("*-v[0-9]*-*.jpg"))
    whole = [f for f in uploads if not f.stem.rpartition("-")[2].count("x")]
    assert len(whole) == summary["published"], "one attachment per publication in the store's library"
