"""The walk over the storage: what it counts, what it takes for nobody's, and what it never touches."""

from __future__ import annotations

import datetime as dt
import os
import tracemalloc
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from apps.lib import blobs, keepers
from apps.lib.walk import walk
from apps.storage.models import Orphan
from apps.storage.services.survey import survey
from tests import factories

NO_GRACE = dt.timedelta(0)
DAY = dt.timedelta(days=1)


def age(key: str, by: dt.timedelta) -> None:
    at = (dt.datetime.now(dt.UTC) - by).timestamp()
    os.utime(Path(default_storage.path(key)), (at, at))


def lost(data: bytes = b"nobody's", *, kind: str = "originals", by: dt.timedelta = 3 * DAY) -> str:
    """A file that no row names."""
    key = f"1/2/{kind}/{data.hex()}.jpg"
    default_storage.save(key, ContentFile(data))
    age(key, by)
    return key


@pytest.fixture
def live(db: None, storage_root: Path, redis_url: str) -> Any:
    """A picture that is live: original, snapshot and render lie in storage, all of them old."""
    publication = factories.PublicationFactory()
    for file in walk():
        age(file.key, 400 * DAY)
    return publication


def test_named_files_stay_however_old_and_a_file_nobody_names_goes_after_its_grace_time(live: Any) -> None:
    key = lost()
    kept = {f.key for f in walk()} - {key}
    report = survey(delete=True)
    assert (report.unnamed, report.deleted) == (1, 0), "its grace time has only begun"
    Orphan.objects.update(first_seen=dt.datetime.now(dt.UTC) - 2 * DAY)
    report = survey(delete=True)
    assert (report.deleted, report.deleted_bytes) == (1, len(b"nobody's"))
    assert {f.key for f in walk()} == kept
    assert not Orphan.objects.exists()


def test_a_dry_look_deletes_nothing(live: Any) -> None:
    key = lost()
    assert survey(grace=NO_GRACE).due == 1
    assert default_storage.exists(key)


def test_a_file_that_is_just_being_written_is_nobodys_business(live: Any) -> None:
    key = lost(by=dt.timedelta(minutes=50))
    assert survey(delete=True, grace=NO_GRACE).unnamed == 0
    assert default_storage.exists(key)


def test_the_same_bytes_put_again_make_an_old_file_young(live: Any, storage_root: Path) -> None:
    key, _ = blobs.put(b"came back", workspace=1, store=2, kind="originals")
    age(key, 3 * DAY)
    assert survey(grace=NO_GRACE).due == 1
    assert blobs.put(b"came back", workspace=1, store=2, kind="originals")[0] == key
    # Between the walk and the deletion somebody wanted it: it is looked at once more before it goes.
    assert blobs.drop_unnamed([key]) == []
    assert blobs.read(key) == b"came back"


def test_an_orphan_that_finds_an_owner_starts_anew(live: Any) -> None:
    key = lost()
    survey()
    Orphan.objects.update(first_seen=dt.datetime.now(dt.UTC) - 2 * DAY)
    type(live.photo).objects.filter(pk=live.photo.pk).update(key=key)
    assert survey(delete=True).deleted == 0
    assert not Orphan.objects.filter(key=key).exists()
    assert default_storage.exists(key)


def test_a_kind_that_nobody_declared_is_counted_and_never_deleted(live: Any) -> None:
    key = lost(kind="sketches")
    default_storage.save("readme.txt", ContentFile(b"somebody put this here"))
    age("readme.txt", 9 * DAY)
    report = survey(delete=True, grace=NO_GRACE)
    assert report.undeclared == {"sketches": 1, "(other)": 1}
    assert report.deleted == 0 and default_storage.exists(key) and default_storage.exists("readme.txt")


def test_a_room_that_brings_a_new_kind_declares_it_in_one_line(
    live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "_keepers", dict(keepers._keepers))
    key, other = lost(b"a", kind="sketches"), lost(b"b", kind="sketches")
    keepers.keeps("test", kinds=["sketches"], sql=f"SELECT '{key}'::text AS key, 'sketch:1' AS subject")
    report = survey(delete=True, grace=NO_GRACE)
    assert (report.undeclared, report.deleted) == ({}, 1)
    assert default_storage.exists(key) and not default_storage.exists(other)


def test_what_a_live_attempt_wrote_stays_and_what_an_ended_one_left_goes(live: Any) -> None:
    running = factories.AttemptFactory(job=live.item.job, state="running")
    ended = factories.AttemptFactory(job=live.item.job, number=2, state="lost")
    for attempt in (running, ended):
        default_storage.save(f"{attempt.prefix}main.jpg", ContentFile(b"half"))
        age(f"{attempt.prefix}main.jpg", 3 * DAY)
    survey(delete=True, grace=NO_GRACE)
    assert default_storage.exists(f"{running.prefix}main.jpg")
    assert not default_storage.exists(f"{ended.prefix}main.jpg")


def test_thumbnails_go_by_their_age_and_part_files_of_broken_writes_go_too(live: Any) -> None:
    young, old = lost(b"y", kind="thumbnails", by=30 * DAY), lost(b"o", kind="thumbnails", by=61 * DAY)
    part = "1/2/originals/.part-abc"
    default_storage.save(part, ContentFile(b"half"))
    age(part, 2 * DAY)
    assert survey(delete=True, grace=NO_GRACE).deleted == 2
    assert default_storage.exists(young)
    assert not default_storage.exists(old) and not default_storage.exists(part)


def test_a_named_file_that_is_missing_is_named_with_its_row(live: Any) -> None:
    default_storage.delete(live.snapshot.replaced_key)
    report = survey(look_for_missing=True)
    assert (report.ok, report.missing) == (False, 1)
    assert report.missing_told[0]["key"] == live.snapshot.replaced_key
    assert report.missing_told[0]["row"].split(":")[0] in {"photo", "job input", "snapshot"}


def test_files_are_counted_by_workspace_and_kind_and_what_came_since_is_added(live: Any) -> None:
    from apps.storage import selectors

    survey()
    held = {(h.workspace, h.kind): h.files for h in selectors.holdings()}
    workspace = live.workspace_id
    assert held == {(workspace, "originals"): 1, (workspace, "renders"): 2}
    before = selectors.fill().of[workspace]
    blobs.put(b"x" * 1000, workspace=workspace, store=live.store_id, kind="originals")
    assert selectors.fill().of[workspace] == before + 1000
    survey()
    assert selectors.fill().of[workspace] == before + 1000


def test_a_large_storage_is_walked_in_little_memory(db: None, storage_root: Path, redis_url: str) -> None:
    for number in range(1500):
        path = storage_root / f"1/2/originals/{number:064x}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    survey()  # what is imported and cached once does not count
    tracemalloc.start()
    report = survey()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.unnamed == 1500
    assert peak < 1_000_000, f"{peak} bytes for 1500 files"


def test_two_surveys_at_once_are_one(live: Any) -> None:
    import zlib

    from apps.config.backup.database import conninfo
    from apps.lib.errors import Busy

    with psycopg.connect(conninfo()) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [zlib.crc32(b"vitrine-survey")])
        with pytest.raises(Busy, match="already"):
            survey()


def test_a_bucket_is_walked_page_by_page_and_swept(
    bucket: Any, db: None, redis_url: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    publication = factories.PublicationFactory()
    for number in range(5):
        bucket.put_object(Key=f"shop/1/2/later/{number}", Body=b"")
    monkeypatch.setattr("apps.lib.walk.PAGE", 2)
    bucket.put_object(Key="shop/1/2/originals/lost.jpg", Body=b"nobody's")
    bucket.put_object(Key="elsewhere/1/2/originals/lost.jpg", Body=b"not ours")
    settings.STORAGE_FRESH_S = -60.0  # a bucket's clock can't be set
    report = survey(delete=True, grace=NO_GRACE, look_for_missing=True)
    assert (report.files, report.deleted, report.missing) == (9, 1, 0)
    left = {o.key for o in bucket.objects.all()}
    assert "shop/1/2/originals/lost.jpg" not in left and "elsewhere/1/2/originals/lost.jpg" in left
    assert f"shop/{publication.photo.key}" in left


def test_the_lock_that_protects_writers_is_there(live: Any) -> None:
    """While somebody makes an old file young, in a transaction that has not ended, nothing is deleted."""
    import zlib

    from apps.config.backup.database import conninfo

    key = lost()
    with psycopg.connect(conninfo()) as other:
        other.execute("SELECT pg_advisory_xact_lock_shared(%s)", [zlib.crc32(blobs.WRITING.encode())])
        survey()
        Orphan.objects.update(first_seen=dt.datetime.now(dt.UTC) - 2 * DAY)
        report = survey(delete=True)
        assert (report.deleted, report.left_for_later) == (0, True)
    assert default_storage.exists(key)
    assert connection.connection is not None
