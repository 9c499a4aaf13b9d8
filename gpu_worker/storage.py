"""Bytes by key: a folder (file:///path) or a bucket (s3://bucket/prefix?endpoint=…). Keys are relative and
stay inside."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from gpu_worker.errors import MissingInput, StorageFull, StorageUnavailable, TooLarge, WorkerError

MAX_BYTES = 256 * 1024 * 1024
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 5, 30
TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "json": "application/json",
}
FULL = {errno.ENOSPC, errno.EDQUOT}
# What S3 and its kin say when a quota is used up.
FULL_CODES = {
    *("QuotaExceeded", "ServiceQuotaExceeded", "InsufficientCapacity"),
    *("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "BucketQuotaExceeded", "507"),
}
PART = re.compile(r"[^/\\\x00-\x1f\x7f]+\Z")


class InvalidKey(WorkerError):
    """A storage key leaves its folder or has characters that no storage agrees on."""

    code = "missing_input"


class Storage(Protocol):
    """What both kinds can do. All raise InvalidKey; StorageUnavailable where the storage does not answer,
    StorageFull where it takes no more."""

    def get(self, key: str, *, max_bytes: int = MAX_BYTES) -> bytes:
        """The bytes. Raises MissingInput, or TooLarge before more than `max_bytes` are read."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Writes all or nothing; what stood there is replaced."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is something under the key."""
        ...

    def delete(self, key: str) -> None:
        """Removes it; nothing happens where nothing is."""
        ...


def open_storage(url: str) -> Storage:
    """The storage that a URL names. Raises ValueError for any other kind of URL."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"} and parts.path.startswith("/"):
        return FileStorage(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        unknown = set(options) - {"endpoint", "region"}
        if unknown:
            raise ValueError(f"storage URL option {sorted(unknown)[0]!r} is not known")
        return S3Storage(parts.netloc, parts.path.strip("/"), options.get("endpoint"), options.get("region"))
    raise ValueError(f"a storage URL is file:///folder or s3://bucket/prefix?endpoint=…, not {url!r}")


def checked(key: str) -> str:
    """The key itself, if it is relative, free of ``..`` and portable. Raises InvalidKey."""
    parts = key.split("/")
    good = 0 < len(key) <= 900 and all(PART.match(part) and part not in {".", ".."} for part in parts)
    if not good:
        raise InvalidKey(f"This is no valid storage key: {key!r:.80}.")
    return key


class FileStorage:
    """A folder. A file appears under its name only when it is whole and on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, key: str) -> Path:
        return self.root / checked(key)

    def get(self, key: str, *, max_bytes: int = MAX_BYTES) -> bytes:
        path = self._path(key)
        try:
            with path.open("rb") as file:
                data = file.read(max_bytes + 1)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise MissingInput(f"There is no file {key!r} in the storage.") from None
        except OSError as error:
            raise StorageUnavailable(f"The storage folder can't be read: {error.strerror}.") from error
        return _capped(data, key, max_bytes)

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        # The name can't be one of our keys' neighbours: a half-written file is never mistaken for a whole one.
        temporary = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            if error.errno in FULL:
                raise StorageFull from error
            raise StorageUnavailable(f"The storage folder can't be written: {error.strerror}.") from error

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        try:
            self._path(key).unlink(missing_ok=True)
        except (IsADirectoryError, NotADirectoryError):
            return
        except OSError as error:
            raise StorageUnavailable(f"The storage folder can't be changed: {error.strerror}.") from error


class S3Storage:
    """A bucket, through boto3; credentials come from its usual environment."""

    def __init__(
        self, bucket: str, prefix: str, endpoint: str | None = None, region: str | None = None
    ) -> None:
        self.bucket, self.prefix, self.endpoint, self.region = bucket, prefix, endpoint, region
        self._made: Any = None

    @property
    def _client(self) -> Any:
        # Made on first use: boto3 costs 0.3 s to import and its sessions must not cross a fork.
        if self._made is None:
            import boto3
            from botocore.config import Config

            config = Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"max_attempts": 3, "mode": "standard"},
            )
            self._made = boto3.client(
                "s3", endpoint_url=self.endpoint, region_name=self.region or "us-east-1", config=config
            )
        return self._made

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{checked(key)}" if self.prefix else checked(key)

    def get(self, key: str, *, max_bytes: int = MAX_BYTES) -> bytes:
        with _s3_errors(key):
            answer = self._client.get_object(Bucket=self.bucket, Key=self._key(key))
            with contextlib.closing(answer["Body"]) as body:
                if answer["ContentLength"] > max_bytes:
                    raise TooLarge(f"The stored file {key!r} has more than {max_bytes} bytes.")
                data: bytes = body.read(max_bytes + 1)
        return _capped(data, key, max_bytes)

    def put(self, key: str, data: bytes) -> None:
        kind = TYPES.get(key.rpartition(".")[2], "application/octet-stream")
        with _s3_errors(key):
            self._client.put_object(Bucket=self.bucket, Key=self._key(key), Body=data, ContentType=kind)

    def exists(self, key: str) -> bool:
        try:
            with _s3_errors(key):
                self._client.head_object(Bucket=self.bucket, Key=self._key(key))
        except MissingInput:
            return False
        return True

    def delete(self, key: str) -> None:
        with _s3_errors(key):
            self._client.delete_object(Bucket=self.bucket, Key=self._key(key))


@contextlib.contextmanager
def _s3_errors(key: str) -> Any:
    """botocore's errors → ours: what is not there, and what does not answer."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in {"404", "NoSuchKey", "NotFound"}:
            raise MissingInput(f"There is no file {key!r} in the storage.") from None
        if code in FULL_CODES or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 507:
            raise StorageFull from error
        raise StorageUnavailable(f"The storage refused: {code}.") from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"The storage did not answer: {type(error).__name__}.") from error


def _capped(data: bytes, key: str, max_bytes: int) -> bytes:
    if len(data) > max_bytes:
        raise TooLarge(f"The stored file {key!r} has more than {max_bytes} bytes.")
    return data


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
