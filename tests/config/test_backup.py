"""A house is backed up while it runs, its database and storage are emptied, and everything is there again."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from apps.audit import services as audit
from apps.config.backup import database, files, keys, manifest
from apps.config.servers import postgres
from apps.flow import flow
from apps.lib import blobs
from apps.lib.errors import BadRequest
from apps.lib.locks import session_lock
from apps.stores.models import Store
from tests.conftest import on_the_wire
from tests.shopkeeping import Shop, open_shop, photo

pytestmark = pytest.mark.django_db(transaction=True)
Rows = dict[str, str]


def run(*words: object) -> dict[str, Any]:
    out = StringIO()
    call_command(*map(str, words), "--json", stdout=out)
    return json.loads(out.getvalue().strip().splitlines()[-1])


def every_row() -> Rows:
    """A digest of each table's rows, as the database has them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        found = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM "{table}" t')
            found[table] = cursor.fetchone()[0]
    return found


def every_file(root: Path) -> dict[str, str]:
    """But for kept cut-outs, which are made again when they are missed."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.parent.name != "mattes"
    }


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """Another, empty database: what this process does from here on, it does there. The test's own is left alone."""
    own = connection.settings_dict["NAME"]
    name = f"{own}_restored"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}"')
    yield
    connection.close()
    connection.settings_dict["NAME"] = own
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def move_house() -> None:
    connection.close()
    connection.settings_dict["NAME"] += "_restored"


@pytest.fixture
def house(storage_root: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose picture is live, with a second one that was undone, and a trail that is sealed."""
    shop = open_shop(f"file://{storage_root}")
    on_the_wire(shop, monkeypatch)
    shop.sell("Mug", photo())
    shop.sell("Lamp", photo("#a33"))
    shop.deliver()
    shop.work()
    first, second = shop.publications()
    assert first.live and second.live
    flow.undo(second, by="test")
    shop.work()
    audit.seal()
    return shop


def test_a_house_comes_back_as_it_was_and_an_undo_asked_before_works_after(
    house: Shop, storage_root: Path, tmp_path: Path, elsewhere: None
) -> None:
    rows, stored = every_row(), every_file(storage_root)
    made = run("backup", tmp_path / "backup")
    assert made["files"] == len(stored) and made["damaged"] == []
    shutil.rmtree(storage_root)
    move_house()
    told = run("restore", tmp_path / "backup", "--expect", made["manifest_sha256"])
    assert (told["ok"], told["missing"], told["audit_ok"], told["copied"]) == (True, 0, True, len(stored))
    assert every_file(storage_root) == stored
    after = every_row()
    # The restore tells of itself in the trail, and looked over the storage.
    own = {t for t in rows if t.startswith(("audit_", "storage_"))}
    assert {t: d for t, d in after.items() if t not in own} == {t: d for t, d in rows.items() if t not in own}
    publication = house.publications()[0]
    flow.undo(publication, by="test")
    house.work()
    publication.refresh_from_db()
    assert publication.undo.outcome == "Everything is as it was before."
    audit.seal()
    call_command("audit", "verify", stdout=StringIO())


def test_triggers_and_sequences_come_back_too(
    house: Shop, storage_root: Path, tmp_path: Path, elsewhere: None
) -> None:
    run("backup", tmp_path / "backup")
    shutil.rmtree(storage_root)
    move_house()
    run("restore", tmp_path / "backup")
    with connection.cursor() as cursor, pytest.raises(Exception, match="append-only"):
        cursor.execute("DELETE FROM audit_event")
    house.sell("Vase", photo("#3a3"))
    house.deliver()
    house.work()
    assert len(house.jobs()) == 3


def parts(folder: Path) -> dict[str, Path]:
    told = manifest.read(folder)
    renders = next(
        path for path in (folder / "files").rglob("*") if "/renders/" in str(path) and path.is_file()
    )
    return {
        told.database.name: folder / told.database.name,
        told.file_list.name: folder / told.file_list.name,
        f"files/{renders.relative_to(folder / 'files').as_posix()}": renders,
    }


def test_a_backup_that_was_changed_is_refused_by_the_name_of_the_part(
    house: Shop, storage_root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    run("backup", folder)
    rows, stored = every_row(), every_file(storage_root)
    for name, path in parts(folder).items():
        whole = path.read_bytes()
        for broken in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-1], None):
            path.unlink() if broken is None else path.write_bytes(broken)
            with pytest.raises(CommandError, match=f"nothing was changed: {name}"):
                run("restore", folder, "--replace")
            path.write_bytes(whole)
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text() + " ")
    with pytest.raises(CommandError, match=r"SHA-256 differs"):
        run("restore", folder, "--replace", "--expect", "0" * 64)
    assert (every_row(), every_file(storage_root)) == (rows, stored)
    assert run("restore", folder, "--check")["ok"]


def test_a_file_list_that_leads_out_of_the_backup_is_refused(house: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    run("backup", folder)
    told = manifest.read(folder)
    (folder / told.file_list.name).write_text(json.dumps(["../../etc/passwd", "0" * 64, 1]) + "\n")
    data = (folder / told.file_list.name).read_bytes()
    told.file_list = manifest.Part(told.file_list.name, hashlib.sha256(data).hexdigest(), len(data))
    told.write(folder)
    with pytest.raises(CommandError, match="outside its folder"):
        run("restore", folder, "--check")


def test_a_house_that_is_lived_in_is_not_overwritten_unless_told(
    house: Shop, storage_root: Path, tmp_path: Path, elsewhere: None
) -> None:
    folder = tmp_path / "backup"
    run("backup", folder)
    with pytest.raises(CommandError, match="The database is not empty"):
        run("restore", folder)
    move_house()
    with pytest.raises(CommandError, match="The storage is not empty"):
        run("restore", folder)
    assert run("restore", folder, "--replace")["ok"]
    house.sell("Vase", photo("#3a3"))
    house.deliver()
    house.work()
    assert run("restore", folder, "--replace")["ok"]
    assert len(house.jobs()) == 2


def cut_short(folder: Path) -> None:
    """A dump that lists what it holds and ends in the middle of it, in a backup that thinks it is whole."""
    told = manifest.read(folder)
    dump = manifest.inside(folder, told.database.name)
    data = dump.read_bytes()[:-200]
    dump.write_bytes(data)
    told.database = manifest.Part(told.database.name, hashlib.sha256(data).hexdigest(), len(data))
    told.write(folder)


def test_a_dump_that_ends_too_early_leaves_the_house_as_it_was(house: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    run("backup", folder)
    cut_short(folder)
    house.sell("Vase", photo("#3a3"))
    house.deliver()
    rows = every_row()
    with pytest.raises(CommandError, match="pg_restore failed, so nothing was changed"):
        run("restore", folder, "--replace")
    assert every_row() == rows


def test_a_database_that_refuses_the_backup_stays_as_it_was(house: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    run("backup", folder)
    house.sell("Vase", photo("#3a3"))
    house.deliver()
    with connection.cursor() as cursor:
        # Somebody's own, which restoring leaves alone, where the backup has one of ours.
        cursor.execute(
            "ALTER TABLE stores_store RENAME TO stores_store_2; CREATE VIEW stores_store AS SELECT 1"
        )
    try:
        rows = every_row()
        with pytest.raises(
            CommandError, match=r'refused the backup, so nothing was changed: .*"stores_store"'
        ):
            run("restore", folder, "--replace")
        assert every_row() == rows
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP VIEW stores_store; ALTER TABLE stores_store_2 RENAME TO stores_store")


def test_a_backup_of_a_newer_release_says_so(house: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    run("backup", folder)
    told = manifest.read(folder)
    told.migrations["jobs"].append("0999_from_the_future")
    told.write(folder)
    with pytest.raises(CommandError, match=r"newer release .* jobs\.0999_from_the_future"):
        run("restore", folder, "--replace")


def test_while_a_dispatcher_runs_nothing_is_restored(house: Shop, tmp_path: Path) -> None:
    import psycopg

    run("backup", tmp_path / "backup")
    with psycopg.connect(database.conninfo()) as other:
        import zlib

        other.execute("SELECT pg_advisory_lock(%s)", [zlib.crc32(b"vitrine-dispatcher")])
        with pytest.raises(CommandError, match="Stop its programs first"):
            run("restore", tmp_path / "backup", "--replace")


def test_an_update_copies_only_what_is_new_and_the_earlier_backup_stays_whole_until_then(
    house: Shop, storage_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backup"
    first = run("backup", folder)
    with pytest.raises(CommandError, match="--update"):
        run("backup", folder)
    house.sell("Vase", photo("#3a3"))
    house.deliver()
    house.work()
    with monkeypatch.context() as patch:
        patch.setattr(
            files, "copy_out", lambda *_, **__: (_ for _ in ()).throw(OSError("the plug was pulled"))
        )
        with pytest.raises(OSError, match="plug"):
            run("backup", folder, "--update")
    assert run("restore", folder, "--check")["files"] == first["files"]
    second = run("backup", folder, "--update")
    assert 0 < second["copied"] < second["files"]
    assert run("restore", folder, "--check")["files"] == second["files"] > first["files"]
    assert len(list(folder.glob("database-*"))) == 1


def test_nothing_is_deleted_from_storage_while_a_backup_is_made(house: Shop, storage_root: Path) -> None:
    key, _ = blobs.put(b"nobody's", workspace=1, store=1, kind="originals")
    long_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(days=9)).timestamp()
    os.utime(storage_root / key, (long_ago, long_ago))
    import zlib

    import psycopg

    with psycopg.connect(database.conninfo()) as other:
        lock = [zlib.crc32(blobs.BACKUP.encode())]
        other.execute("SELECT pg_advisory_lock(%s)", lock)
        assert blobs.drop_unnamed([key]) is None
        # A server notices a closed connection only a moment later, and keeps its locks until then.
        other.execute("SELECT pg_advisory_unlock(%s)", lock)
    assert blobs.drop_unnamed([key]) == [key]
    with session_lock(blobs.BACKUP) as held:
        assert held


def test_keys_are_left_out_wrapped_or_plain_as_asked(
    house: Shop, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, elsewhere: None
) -> None:
    monkeypatch.setenv("BACKUP_PASSPHRASE", "correct horse battery")
    own = settings.FIELD_KEYS
    run("backup", tmp_path / "none")
    run("backup", tmp_path / "wrapped", "--keys", "wrapped")
    for file in (p for p in (tmp_path / "wrapped").rglob("*") if p.is_file()):
        assert (
            own[0].encode() not in file.read_bytes() and settings.SECRET_KEY.encode() not in file.read_bytes()
        )
    [box] = (tmp_path / "wrapped").glob("keys-*")
    assert box.stat().st_mode & 0o077 == 0
    with pytest.raises(BadRequest, match="does not open"):
        keys.unpacked(box.read_bytes(), "wrong horse battery")
    shutil.rmtree(default_storage.location)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    move_house()
    assert run("restore", tmp_path / "none")["credentials_open"] is False
    with pytest.raises(CommandError, match="holds no keys"):
        run("restore", tmp_path / "none", "--replace", "--keys-to", tmp_path / "keys.json")
    told = run("restore", tmp_path / "wrapped", "--replace", "--keys-to", tmp_path / "keys.json")
    assert told["credentials_open"] is True
    assert json.loads((tmp_path / "keys.json").read_text())["FIELD_KEYS"] == own
    assert Store.objects.get(pk=house.store.pk).credentials["key"]


def test_a_passphrase_anybody_guesses_is_refused(
    house: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKUP_PASSPHRASE", "short")
    with pytest.raises(CommandError, match="at least 12"):
        run("backup", tmp_path / "backup", "--keys", "wrapped")


def test_an_older_pg_dump_than_the_server_is_refused_with_what_to_install(
    house: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin" / "pg_dump"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.9'\n")
    old.chmod(0o755)
    monkeypatch.setattr(database, "wheel_binaries", lambda: None)
    monkeypatch.setenv("PATH", str(old.parent))
    with pytest.raises(CommandError, match=r"is of PostgreSQL 15.*postgresql-client-18"):
        run("backup", tmp_path / "backup")
    assert postgres.wheel_binaries()


def test_a_house_whose_files_lie_in_a_bucket_comes_back_too(
    bucket: Any,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: None,
    settings: Any,
) -> None:
    shop = open_shop(settings.STORAGE_URL)
    on_the_wire(shop, monkeypatch)
    shop.sell("Mug", photo())
    shop.deliver()
    shop.work()
    stored = {
        o.key: o.e_tag for o in bucket.objects.all() if o.key.startswith("shop/") and "/mattes/" not in o.key
    }
    made = run("backup", tmp_path / "backup")
    assert made["files"] == len(stored) > 0
    bucket.objects.delete()
    move_house()
    assert run("restore", tmp_path / "backup")["ok"]
    assert {o.key: o.e_tag for o in bucket.objects.all()} == stored
    [publication] = shop.publications()
    flow.undo(publication, by="test")
    shop.work()
    publication.refresh_from_db()
    assert publication.undo.outcome == "Everything is as it was before."
