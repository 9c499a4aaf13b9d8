"""Results move from where a worker wrote them to where they stay: once, whole, in a folder as in a bucket."""

from __future__ import annotations

import datetime as dt
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.lib import blobs, wire
from apps.lib.errors import FileMissing, StorageAway

FROM, TO = "1/2/attempts/7/main.jpg", "1/2/renders/abc.jpg"
DATA = b"a finished picture"


@pytest.fixture(params=["storage_root", "bucket"])
def kept_in(request: pytest.FixtureRequest, redis_url: str) -> Any:
    """A folder, then a bucket."""
    return request.getfixturevalue(request.param)


def written(key: str = FROM, data: bytes = DATA) -> None:
    default_storage.save(key, ContentFile(data))


def test_a_result_moves_to_its_place_and_is_counted_once(kept_in: Any) -> None:
    written()
    blobs.keep(FROM, TO, len(DATA))
    assert blobs.read(TO) == DATA
    assert not default_storage.exists(FROM)
    # A worker that died before it could say that it was done has its result taken again.
    blobs.keep(FROM, TO, len(DATA))
    written()
    blobs.keep(FROM, TO, len(DATA))
    assert blobs.read(TO) == DATA
    assert wire.stored_since() == {"1": len(DATA)}


def test_what_is_nowhere_is_missing_and_says_so(kept_in: Any) -> None:
    with pytest.raises(FileMissing):
        blobs.keep(FROM, TO, len(DATA))
    assert not default_storage.exists(TO)


def test_one_result_that_comes_many_times_at_once_is_kept_once(kept_in: Any) -> None:
    written()
    failed: list[BaseException] = []
    start = threading.Barrier(4)

    def keep() -> None:
        start.wait()
        try:
            blobs.keep(FROM, TO, len(DATA))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not failed
    assert blobs.read(TO) == DATA


def test_a_file_that_waited_long_is_young_where_it_stays(storage_root: Path, redis_url: str) -> None:
    """Else it could be deleted as nobody's before a row names it."""
    written()
    long_ago = (timezone.now() - dt.timedelta(days=30)).timestamp()
    os.utime(storage_root / FROM, (long_ago, long_ago))
    blobs.keep(FROM, TO, len(DATA))
    assert timezone.now() - default_storage.get_modified_time(TO) < dt.timedelta(minutes=1)


def test_a_bucket_that_is_gone_is_no_missing_file(bucket: Any, redis_url: str) -> None:
    written()
    bucket.objects.all().delete()
    bucket.delete()
    with pytest.raises(StorageAway):
        blobs.keep(FROM, TO, len(DATA))
