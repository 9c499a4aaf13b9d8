"""The checker finds each fault that is planted into a house in which all is well, and nothing where nothing is."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from apps.accounts import services as accounts
from apps.audit import services as audit
from apps.catalog import services as catalog
from apps.flow import flow
from apps.recipes import services as recipes
from apps.stores import services as stores
from chaos import opening, photos
from chaos.checker.check import count
from chaos.checker.given import Findings, Given, Uploaded
from chaos.checker.shelf import sha256_of
from connectors.sandbox.server import Sandbox
from tests.conftest import on_the_wire
from tests.shopkeeping import Shop


@dataclass
class World:
    """A house at rest, ready to be spoiled: `db` is a transaction that is rolled back, the folders are copies."""

    db: psycopg.Connection[Any]
    given: Given

    @property
    def storage(self) -> Path:
        return self.given.storage

    @property
    def store(self) -> Path:
        return next(iter(self.given.stores.values()))

    def count(self) -> Findings:
        return count(self.db, self.given)

    def shelf(self, sql: str, *values: Any) -> list[Any]:
        with sqlite3.connect(self.store / "store.sqlite3") as db:
            return db.execute(sql, values).fetchall()

    def edit(self, post: int, **changes: Any) -> None:
        [(raw,)] = self.shelf("SELECT doc FROM posts WHERE id = ?", post)
        self.shelf("UPDATE posts SET doc = ? WHERE id = ?", json.dumps(json.loads(raw) | changes), post)

    def attachment(self, like: str) -> tuple[int, dict[str, Any]]:
        """The first in whose file name this stands."""
        for pk, raw in self.shelf("SELECT id, doc FROM posts WHERE kind = 'attachment' ORDER BY id"):
            doc = json.loads(raw)
            if Path(doc["file"]).name.count(like):
                return pk, doc
        raise AssertionError(f"nothing is called {like}")

    def copy_attachment(self, like: str, name: str) -> None:
        pk, doc = self.attachment(like)
        file = Path(doc["file"]).with_name(name)
        shutil.copyfile(self.store / "uploads" / doc["file"], self.store / "uploads" / file)
        [row] = self.shelf("SELECT * FROM posts WHERE id = ?", pk)
        fresh = [None, *row[1:-1], json.dumps(doc | {"file": file.as_posix()})]
        self.shelf(f"INSERT INTO posts VALUES ({','.join('?' * len(fresh))})", *fresh)

    def product(self) -> tuple[int, list[int]]:
        [(pk, raw), *_] = self.shelf("SELECT id, doc FROM posts WHERE kind = 'product' ORDER BY id")
        return pk, json.loads(raw)["image_ids"]


@pytest.fixture
def rested(
    django_db_reset_sequences: None,
    storage_root: Path,
    redis_url: str,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Given]:
    """Two products in a sandbox store went all the way; the first picture was taken back."""
    user, workspace = accounts.create_owner(
        username="anna", password="a long pass phrase", workspace_name="A"
    )
    recipes.create(workspace, name="R", body=opening.RECIPE, by="test", automatic=True)
    with Sandbox(tmp_path / "store", environment="local", webhook_interval_s=None) as sandbox:
        settings.ALLOW_PRIVATE_HOSTS = [sandbox.netloc]
        uploaded = [sell(sandbox, "a", "b"), sell(sandbox, "c")]
        store = stores.connect(
            workspace, platform="woocommerce", url=sandbox.url, credentials=sandbox.credentials, by="test"
        )
        shop = Shop(user, workspace, store, None, f"file://{storage_root}")  # type: ignore[arg-type]
        on_the_wire(shop, monkeypatch)
        flow.synced(catalog.ask_sync(store, by="test", start_work=True)[0].pk)
        shop.work()
        assert [p.live for p in shop.publications()] == [True] * 3
        flow.undo(shop.publications()[0], by="test")
        shop.work()
    audit.seal()
    yield Given(in_this_database(), storage_root, {sandbox.url: tmp_path / "store"}, tuple(uploaded))


def sell(sandbox: Sandbox, *names: str) -> Uploaded:
    login = (sandbox.credentials.user, sandbox.credentials.app_password)
    media = []
    for name in names:
        headers = {"Content-Type": "image/jpeg", "Content-Disposition": f'attachment; filename="{name}.jpg"'}
        answer = requests.post(
            f"{sandbox.url}/wp-json/wp/v2/media",
            data=photos.photo(name),
            headers=headers,
            auth=login,
            timeout=10,
        )
        media.append({"id": answer.json()["id"]})
    body = {"name": names[0], "images": media}
    made = requests.post(f"{sandbox.url}/wp-json/wc/v3/products", json=body, auth=login, timeout=10).json()
    files = [
        sandbox.site.media_library.root / sandbox.site.state.post(m["id"], "attachment").doc["file"]
        for m in media
    ]
    return Uploaded(sandbox.url, made["id"], tuple(sha256_of(f) for f in files))


def in_this_database() -> str:
    from django.db import connection

    return os.environ["DATABASE_URL"].replace("/vitrine?", f"/{connection.settings_dict['NAME']}?")


# -- the faults ------------------------------------------------------------------------------------------------


def sql(*statements: str) -> Callable[[World], None]:
    def plant(world: World) -> None:
        for statement in statements:
            world.db.execute(statement)

    return plant


def behind_the_trails_back(statement: str) -> Callable[[World], None]:
    tables = ("audit_event", "audit_seal", "audit_redaction")
    return sql(*(f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in tables), statement)


def uploaded_twice(world: World) -> None:
    world.copy_attachment("-v2-", "photo-v2-0123456789-1.jpg")
    world.db.execute(
        "INSERT INTO stores_writtenmedia (store_id, media_id, stem, sha256, publication, created_at)"
        " SELECT store_id, %s, stem, sha256, publication, now() FROM stores_writtenmedia WHERE publication = 2",
        [str(world.attachment("-v2-0123456789-1")[0])],
    )


def shown_twice(world: World) -> None:
    product, images = world.product()
    world.edit(product, image_ids=[*images, images[0]])


def other_order(world: World) -> None:
    product, images = world.product()
    world.edit(product, image_ids=images[::-1])


def not_restored(world: World) -> None:
    """The undo says that it is done, and the store still shows our picture."""
    product, images = world.product()
    world.edit(product, image_ids=[world.attachment("-v1-")[0], *images[1:]])


def other_bytes_served(world: World) -> None:
    _, doc = world.attachment("-v2-")
    (world.store / "uploads" / doc["file"]).write_bytes(photos.photo("another"))


def stored_file_spoiled(world: World) -> None:
    next(world.storage.glob("*/*/renders/*.jpg")).write_bytes(b"half a file")


def stored_file_gone(world: World) -> None:
    next(world.storage.glob("*/*/originals/*")).unlink()


def half_written_file(world: World) -> None:
    (next(world.storage.glob("*/*/originals")) / ".part-x1").write_bytes(b"half")


def a_product_nobody_heard_of(world: World) -> None:
    more = Uploaded(world.given.uploaded[0].store_url, 999, ("f" * 64,))
    world.given = replace(world.given, uploaded=(*world.given.uploaded, more))


BOOKED_AGAIN = (
    "ALTER TABLE usage_record DROP CONSTRAINT usage_record_attempt_key",
    "INSERT INTO usage_record (workspace_id, attempt, job, at, engine, device, device_seconds, bytes_in, bytes_out,"
    " cost_micros, outcome) SELECT workspace_id, attempt, job, at, engine, device, device_seconds, bytes_in,"
    " bytes_out, cost_micros, outcome FROM usage_record LIMIT 1",
)
PLANTED: list[tuple[str, str, Callable[[World], None]]] = [
    ("lost", "a job that still waits", sql("UPDATE jobs_job SET state = 'queued' WHERE id = 1")),
    ("lost", "a failure without a word", sql("UPDATE jobs_job SET state = 'failed' WHERE id = 1")),
    ("lost", "an approved picture that was never published", sql(
        "DELETE FROM publishing_step WHERE publication_id = 3",
        "DELETE FROM publishing_snapshot WHERE publication_id = 3",
        "DELETE FROM publishing_publication WHERE id = 3")),
    ("lost", "a product that the house never saw", a_product_nobody_heard_of),
    ("lost", "money reserved for ever", sql("INSERT INTO usage_reservation (workspace_id, attempt, cost_micros)"
        " SELECT id, 1, 5 FROM accounts_workspace LIMIT 1")),
    ("lost", "an undo that never ends", sql("UPDATE publishing_undo SET work_state = 'running'")),
    ("failed", "a failure that says why", sql("UPDATE jobs_job SET state = 'failed', error = 'Too dark.' WHERE id = 1")),
    ("doubled", "one publication uploaded twice", uploaded_twice),
    ("doubled", "one picture twice in a product", shown_twice),
    ("usage_doubled", "one attempt booked twice", sql(*BOOKED_AGAIN)),
    ("usage_missing", "work that nobody booked", sql("DELETE FROM usage_record WHERE attempt = 1")),
    ("usage_missing", "a booking from nowhere", sql("UPDATE usage_record SET attempt = 777 WHERE attempt = 1")),
    ("orphans", "half a file", half_written_file),
    ("orphans", "media that belongs to nothing", lambda world: world.copy_attachment("c", "stray.jpg")),
    ("wrong", "an undo that restored nothing", not_restored),
    ("wrong", "other bytes in the store", other_bytes_served),
    ("wrong", "another order", other_order),
    ("wrong", "a spoiled file in storage", stored_file_spoiled),
    ("wrong", "a file that is gone", stored_file_gone),
    ("audit_broken", "a changed event", behind_the_trails_back("UPDATE audit_event SET actor = 'x' WHERE id = 2")),
    ("audit_broken", "a link cut out", behind_the_trails_back("DELETE FROM audit_seal WHERE seq = 3")),
    ("audit_broken", "a forged link", behind_the_trails_back("UPDATE audit_seal SET hash = repeat('0', 64) WHERE seq = 2")),
    ("audit_broken", "a changed detail", sql("""UPDATE audit_detail SET body = '{"a": 1}' WHERE event_id = 2""")),
    ("audit_broken", "a detail taken away", sql("DELETE FROM audit_detail WHERE event_id = 2")),
]  # fmt: skip


def test_every_planted_fault_is_found(rested: Given, tmp_path: Path, subtests: Any) -> None:
    with psycopg.connect(rested.database, options="-c TimeZone=UTC") as db:
        clean = count(db, rested)
        assert clean.sound and not clean.failed, clean.cases
        for number, (kind, what, plant) in enumerate(PLANTED):
            copy = tmp_path / f"copy-{number}"
            [(url, folder)] = rested.stores.items()
            shutil.copytree(folder, copy / "store")
            shutil.copytree(rested.storage, copy / "storage")
            with subtests.test(what):
                world = World(db, replace(rested, storage=copy / "storage", stores={url: copy / "store"}))
                plant(world)
                found = world.count()
                assert getattr(found, kind) >= 1, found.cases
                assert found.sound is (kind == "failed")
            db.rollback()
        assert count(db, rested).sound
