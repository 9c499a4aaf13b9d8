"""Bytes by key, in a folder and in a bucket: the same promises."""

import os
import threading

import pytest
from moto.server import ThreadedMotoServer

from gpu_worker.errors import MissingInput, StorageUnavailable, TooLarge
from gpu_worker.storage import FileStorage, InvalidKey, open_storage


@pytest.fixture(scope="module")
def bucket():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keep = {name: os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    import boto3

    boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1").create_bucket(
        Bucket="photos"
    )
    yield f"s3://photos/shop?endpoint=http://{host}:{port}"
    server.stop()
    for name, value in keep.items():
        os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture(params=["file", "s3"])
def any_storage(request, tmp_path):
    if request.param == "file":
        return open_storage(f"file://{tmp_path}/store")
    return open_storage(request.getfixturevalue("bucket"))


def test_what_is_put_can_be_got_replaced_and_deleted(any_storage):
    key = "w1/photos/abc.jpg"
    assert not any_storage.exists(key)
    any_storage.put(key, b"one")
    any_storage.put(key, b"two")
    assert any_storage.exists(key)
    assert any_storage.get(key) == b"two"
    any_storage.delete(key)
    any_storage.delete(key)
    assert not any_storage.exists(key)


def test_a_photo_that_is_gone_is_a_missing_input(any_storage):
    with pytest.raises(MissingInput):
        any_storage.get("w1/none.jpg")


def test_a_file_over_the_cap_is_not_read_into_memory(any_storage):
    any_storage.put("big.bin", b"x" * 5000)
    with pytest.raises(TooLarge):
        any_storage.get("big.bin", max_bytes=4999)
    assert len(any_storage.get("big.bin", max_bytes=5000)) == 5000


@pytest.mark.parametrize(
    "key", ["../secret", "a/../../b", "/etc/passwd", "a//b", "", ".", "a\\b", "a/\x00b", "a/./b", "x" * 901]
)
def test_no_key_leads_out_of_the_storage(any_storage, key):
    for call in (any_storage.get, any_storage.exists, any_storage.delete, lambda k: any_storage.put(k, b"")):
        with pytest.raises(InvalidKey):
            call(key)


def test_a_reader_never_sees_half_a_file(tmp_path):
    storage, seen, stop = FileStorage(tmp_path), set(), threading.Event()
    storage.put("k", b"a" * 200_000)

    def read():
        while not stop.is_set():
            data = storage.get("k")
            seen.add((len(data), data[:1] == data[-1:]))

    reader = threading.Thread(target=read)
    reader.start()
    for letter in b"bcdefgh":
        storage.put("k", bytes([letter]) * 200_000)
    stop.set()
    reader.join()
    assert seen == {(200_000, True)}
    assert [p.name for p in tmp_path.iterdir()] == ["k"]


def test_a_full_or_forbidden_folder_is_worth_another_try(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(StorageUnavailable):
        FileStorage(blocker).put("a/b", b"x")


def test_a_bucket_that_does_not_answer_is_worth_another_try(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr("gpu_worker.storage.CONNECT_TIMEOUT_S", 0.2)
    with pytest.raises(StorageUnavailable):
        open_storage("s3://b?endpoint=http://127.0.0.1:9").get("k")


@pytest.mark.parametrize(
    "url", ["", "/plain/path", "ftp://x/y", "file://host/path", "s3://", "s3://b?secret=1"]
)
def test_a_storage_url_that_means_nothing_is_refused(url):
    with pytest.raises(ValueError, match="storage URL"):
        open_storage(url)
