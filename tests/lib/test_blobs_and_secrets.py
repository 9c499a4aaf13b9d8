"""Bytes that appear whole or not at all, and secrets that are not readable in the database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from apps.lib import blobs, crypto, signed
from apps.stores.connect import open_store
from apps.stores.models import Store
from tests.shopkeeping import Shop


def test_the_same_bytes_have_one_key_and_are_written_once(storage_root: Path) -> None:
    first = blobs.put(b"picture", workspace=1, store=2, kind="originals")
    written = (storage_root / first[0]).stat().st_mtime_ns
    assert blobs.put(b"picture", workspace=1, store=2, kind="originals") == first
    assert (storage_root / first[0]).stat().st_mtime_ns == written
    assert blobs.put(b"picture", workspace=1, store=3, kind="originals")[0] != first[0], (
        "stores share nothing"
    )


def test_a_write_that_breaks_off_leaves_no_half_file(storage_root: Path) -> None:
    class Breaks(ContentFile):
        def chunks(self, chunk_size: int | None = None):
            yield b"half"
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        default_storage.save("1/2/originals/x", Breaks(b"whole"))
    assert [f for f in storage_root.rglob("*") if f.is_file()] == []


def test_a_broad_prefix_is_never_deleted(storage_root: Path) -> None:
    blobs.put(b"picture", workspace=1, store=2, kind="originals")
    for prefix in ("", "/", "1/", "1/2/", "1/2/attempts"):
        with pytest.raises(ValueError, match="broad"):
            blobs.drop(prefix)


def test_credentials_are_ciphertext_in_the_database(shop: Shop) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials, hook_secret FROM stores_store WHERE id = %s", [shop.store.pk])
        row = "".join(cursor.fetchone())
    assert "fake-secret" not in row and shop.store.hook_secret not in row
    assert open_store(Store.objects.get(pk=shop.store.pk)).check().can_read


def test_an_old_key_still_reads_and_a_lost_one_says_so(settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_KEYS = [old]
    sealed = crypto.encrypt(json.dumps({"key": "ck"}))
    settings.FIELD_KEYS = [new, old]
    assert json.loads(crypto.decrypt(sealed)) == {"key": "ck"}
    settings.FIELD_KEYS = [new]
    with pytest.raises(ImproperlyConfigured, match="a key is missing"):
        crypto.decrypt(sealed)


def test_a_file_address_ends_in_its_name_and_a_forged_one_opens_nothing(
    client, storage_root: Path, db: None
) -> None:
    key, _ = blobs.put(b"picture", workspace=1, store=2, kind="renders", extension="jpg")
    path = signed.file_url(key, "mug.jpg").split("/", 3)[3]
    answer = client.get(f"/{path}")
    assert (answer.status_code, answer["Content-Type"], b"".join(answer.streaming_content)) == (
        200,
        "image/jpeg",
        b"picture",
    )
    assert client.get(f"/{path}".replace("/files/", "/files/x")).status_code == 404
