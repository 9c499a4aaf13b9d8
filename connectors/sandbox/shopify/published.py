"""The Admin GraphQL schema as Shopify publishes it, for tests: out of a package of theirs, pinned by version and sum.

``python -m connectors.sandbox.shopify.published`` fetches it with npm, once; ``make test`` does.
VITRINE_SHOPIFY_SCHEMAS names a folder that has the files already. The package's licence (ISC) is put beside them.
"""

from __future__ import annotations

import base64
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

PACKAGE, VERSION = "@shopify/dev-mcp", "1.16.0"
SHA512 = "tqgRnK7sQhjew+htxtleTH23nXB5fZcsrhWgEkomsorGXvLOB2mh2upwZm8uzuTDNTZnqtLMe64yIwh6s2awtw=="
VERSIONS = ("2026-07", "2026-10")
ENVIRONMENT = "VITRINE_SHOPIFY_SCHEMAS"
_HOUSE = Path(__file__).parents[3]
_MEMBER, _LICENCE = "package/dist/data/admin_{}.json.gz", "package/LICENSE"
_TIMEOUT_S, _REMEMBERED_S = 120, 600


class Missing(RuntimeError):
    """The published schema can't be had here; the text says what to do."""


def folder() -> Path:
    """Where the schemas are, or would be."""
    given = os.environ.get(ENVIRONMENT)
    return Path(given) if given else _HOUSE / "build" / "shopify-schema" / VERSION


def obtain() -> Path:
    """The folder with every file in it; fetched first where they are missing. Raises `Missing`."""
    place = folder()
    if _complete(place):
        return place
    if os.environ.get(ENVIRONMENT):
        raise Missing(f"{ENVIRONMENT} names {place}, where schemas are missing")
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / ".lock").open("w") as lock:  # test workers come at the same moment
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete(place):
            _fetch_into(place)
    return place


def _fetch_into(place: Path) -> None:
    failed = _failed(place)
    if failed.exists() and time.time() - failed.stat().st_mtime < _REMEMBERED_S:
        raise Missing(failed.read_text())  # who comes next does not wait for the same answer
    try:
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            made = Path(scratch) / "made"
            _unpack(_fetched(Path(scratch)), made)
            shutil.rmtree(place, ignore_errors=True)
            made.rename(place)
    except Missing as error:
        failed.write_text(str(error))
        raise


def _failed(place: Path) -> Path:
    """Where the words of the last failure are kept for a while."""
    return place.parent / ".failed"


def schema_file(place: Path, version: str) -> Path:
    """The introspection of one version."""
    return place / f"admin_schema_{version}.json"


def scopes_file(place: Path, version: str) -> Path:
    """``{"Type" or "Type.field": [scopes, any of which opens it]}`` of one version."""
    return place / f"admin_scopes_{version}.json"


def _complete(place: Path) -> bool:
    return all(schema_file(place, v).exists() and scopes_file(place, v).exists() for v in VERSIONS)


def _fetched(scratch: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise Missing(
            "Shopify's published schema is taken from an npm package, and there is no npm here. Install it (Debian:"
            f" apt-get install npm), or name a folder that has the schemas in {ENVIRONMENT}."
        )
    command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--ignore-scripts"]
    command += ["--fetch-retries=1", "--fetch-timeout=30000", "--pack-destination", str(scratch)]
    try:
        done = subprocess.run(
            command, cwd=scratch, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"npm did not bring {PACKAGE} within {_TIMEOUT_S} s") from None
    archive = next(scratch.glob("*.tgz"), None)
    if done.returncode or archive is None:
        raise Missing(
            f"npm could not bring {PACKAGE}@{VERSION}: {(done.stderr or done.stdout).strip()[-300:]}"
        )
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise Missing(f"{PACKAGE}@{VERSION} is not the file that is pinned: its sum is {digest}")
    return archive


def _unpack(archive: Path, place: Path) -> None:
    place.mkdir()
    with tarfile.open(archive) as bundle:
        for version in VERSIONS:
            member = bundle.extractfile(_MEMBER.format(version))
            assert member is not None
            told = json.loads(gzip.decompress(member.read()))
            schema_file(place, version).write_text(json.dumps(told["data"]))
            needs = {
                entry["typeName"] + (f".{entry['fieldName']}" if entry.get("fieldName") else ""): entry[
                    "offlineScopes"
                ]
                for entry in told["offline_scopes"]["items"]
                if entry["offlineScopes"]
            }
            scopes_file(place, version).write_text(json.dumps(needs, indent=0, sort_keys=True))
        licence = bundle.extractfile(_LICENCE)
        assert licence is not None
        (place / "LICENSE").write_bytes(licence.read())


if __name__ == "__main__":
    _failed(folder()).unlink(missing_ok=True)
    try:
        sys.stdout.write(f"Shopify's published schema is in {obtain()}\n")
    except Missing as error:
        sys.exit(str(error))
