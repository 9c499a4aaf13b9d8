"""A process that reads a large catalogue is killed with -9; another goes on at the page, and nothing is there twice."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.catalog import services as catalog
from apps.catalog.models import Photo, Product, Sync, Variant
from apps.flow import flow
from apps.stores import services as stores
from connectors.sandbox.large import fill
from tests import factories
from tests.storefront import Storefront

CHECKOUT = Path(__file__).resolve().parents[2]
READ = "import django; django.setup(); from apps.flow import flow; flow.synced({})"
PRODUCTS = 240


@pytest.mark.timeout(180)
def test_it_goes_on_at_the_page_where_it_was_and_doubles_nothing(
    front: Storefront, transactional_db: None, storage_root: Path, redis_url: str, settings: Any
) -> None:
    fill(front.site, PRODUCTS)
    host = front.site.url.partition("://")[2]
    settings.ALLOW_PRIVATE_HOSTS = [host]
    store = stores.connect(
        factories.WorkspaceFactory(),
        platform="woocommerce",
        url=front.site.url,
        credentials=front.site.credentials,
        by="test",
    )
    row, _ = catalog.ask_sync(store, by="test")
    middle = front.site.state.posts(
        "kind = 'product' AND doc LIKE '%variable%' ORDER BY id LIMIT 1 OFFSET 30"
    )[0]
    front.site.faults.add(rf"/products/{middle.id}/variations", "hang", seconds=60)
    database = connection.settings_dict["NAME"]
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "apps.config.settings",
        "DATABASE_URL": os.environ["DATABASE_URL"].replace("/vitrine?", f"/{database}?"),
        "REDIS_URL": redis_url,
        "ALLOW_PRIVATE_HOSTS": host,
    }
    reading = subprocess.Popen([sys.executable, "-c", READ.format(row.pk)], cwd=CHECKOUT, env=env)
    try:
        wait_for(lambda: Product.objects.count() >= 150 or reading.poll() is not None)
        assert reading.poll() is None, "it is in the middle of the second page"
    finally:
        reading.kill()
        reading.wait()
    row.refresh_from_db()
    assert (row.work_state, row.page, row.products) == ("running", "2", 100)
    before = Product.objects.count()
    assert 150 <= before < PRODUCTS
    front.site.faults.clear()
    flow.synced(row.pk)
    row.refresh_from_db()
    assert row.page == "2", "whoever holds it may still live"
    Sync.objects.update(lease_until=timezone.now() - dt.timedelta(seconds=1))
    flow.synced(row.pk)
    row.refresh_from_db()
    assert (row.work_state, row.products) == ("done", PRODUCTS)
    asked = [
        len(front.site.faults.requests(rf"^GET /wp-json/wc/v3/products\?(.*&)?page={n}&")) for n in (1, 2, 3)
    ]
    assert asked == [1, 2, 1]
    assert Product.objects.filter(present=True, last_sync=row.pk).count() == PRODUCTS
    variable = PRODUCTS // 5
    assert Variant.objects.count() == variable * 4
    assert Photo.objects.filter(variant="").count() == PRODUCTS * 3
    assert Photo.objects.exclude(variant="").count() == variable * 2


def wait_for(what: Any) -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.1)
