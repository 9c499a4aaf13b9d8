"""The ground the other tests stand on: own database, own keys, own files, a real browser."""

from __future__ import annotations

import os

import psycopg
import pytest
import redis
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection


def test_each_worker_has_a_database_and_keys_of_its_own(db, redis_url):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = connection.settings_dict["NAME"]
    number = redis.Redis.from_url(redis_url).connection_pool.connection_kwargs["db"]
    if worker:
        assert (name, number) == (f"test_vitrine_{worker}", int(worker.removeprefix("gw")) + 1)
    else:
        assert (name, number) == ("test_vitrine", 0)
    assert redis.Redis.from_url(redis_url).dbsize() == 0


def test_the_app_role_reads_the_test_database_and_owns_nothing_in_it(app_database_url):
    with psycopg.connect(app_database_url) as app:
        count, owned = app.execute(
            "select count(*), count(*) filter (where tableowner = current_user) from pg_tables where schemaname = 'public'"
        ).fetchone()
        assert count > 0 and owned == 0
        assert app.execute("select count(*) > 0 from django_migrations").fetchone() == (True,)


def test_files_go_into_this_tests_own_folder(storage_root):
    default_storage.save("photos/front.jpg", ContentFile(b"pixels"))
    assert (storage_root / "photos" / "front.jpg").read_bytes() == b"pixels"


@pytest.mark.browser
def test_a_real_browser_shows_a_page(page):
    page.set_content("<title>Shop</title><img id=photo alt='A red cup'>")
    assert page.title() == "Shop"
    assert page.get_by_alt_text("A red cup").count() == 1
