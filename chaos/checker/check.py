"""All counts of one run, from what was uploaded, the rows, the stores' shelves and the storage folder."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from chaos.checker import chain, rows
from chaos.checker.given import Findings, Given, Uploaded
from chaos.checker.rows import Photo
from chaos.checker.shelf import Shelf, sha256_of

Db = psycopg.Connection[Any]


def check(given: Given) -> Findings:
    """Count everything. Call it when the house is quiet: work under way counts as lost."""
    with psycopg.connect(given.database, options="-c TimeZone=UTC") as db:
        return count(db, given)


def count(db: Db, given: Given) -> Findings:
    """The same over a connection whose time zone is UTC."""
    found = Findings()
    found.add("lost", rows.lost(db))
    found.add("failed", rows.failed(db))
    found.add("usage_doubled", rows.booked_twice(db))
    found.add("usage_missing", rows.not_booked(db))
    found.add("audit_broken", chain.broken(db))
    for url, folder in given.stores.items():
        shelf, photos = Shelf(folder), rows.photos(db, url)
        uploaded = [u for u in given.uploaded if u.store_url == url]
        found.add("lost", _lost_photos(uploaded, photos))
        found.add("doubled", _doubled(shelf))
        found.add("wrong", _wrong(uploaded, photos, shelf))
        found.add("orphans", _stray_media(shelf, rows.ledger(db, url)))
    named = rows.keys(db)
    found.add("orphans", _stray_files(given.storage, named))
    found.add("wrong", _bad_files(given.storage, named))
    return found


def _lost_photos(uploaded: list[Uploaded], photos: dict[str, list[Photo]]) -> Iterator[str]:
    """Photos that no job finished. A failure that says why is counted elsewhere."""
    for product in uploaded:
        known = {photo.sha256: photo for photo in photos.get(str(product.product), [])}
        for place, sha256 in enumerate(product.photos, start=1):
            photo = known.get(sha256)
            told = photo and (photo.job_state == "done" or photo.job_error)
            if not told:
                state = (photo.job_state or "no job") if photo else "never fetched"
                yield f"photo {place} of product {product.product} in {product.store_url}: {state}"


# Files of publications end so; a number that the store added may follow.
_OURS = re.compile(r"-v(\d+)-[0-9a-f]{10}(?![0-9a-f])")


def _doubled(shelf: Shelf) -> Iterator[str]:
    """One publication with two files in the library; one picture twice in a product."""
    written = Counter(found[1] for m in shelf.media.values() if (found := _OURS.search(m.stem)))
    for publication, files in written.items():
        if files > 1:
            yield f"publication {publication} was uploaded {files} times"
    for product, images in shelf.products.items():
        shown = Counter(shelf.media[i].sha256 for i in images if i in shelf.media)
        for sha256, times in shown.items():
            if times > 1:
                yield f"product {product} shows the same picture {times} times ({sha256[:10]})"


def _wrong(uploaded: list[Uploaded], photos: dict[str, list[Photo]], shelf: Shelf) -> Iterator[str]:
    """Each place of each product must serve the render's bytes, or the original's where none is live, in order."""
    for product in uploaded:
        known = {photo.sha256: photo for photo in photos.get(str(product.product), [])}
        wanted = [known[s].shown_sha256 if s in known else s for s in product.photos]
        served = [
            shelf.media[i].sha256 if i in shelf.media else "" for i in shelf.products.get(product.product, [])
        ]
        if served != wanted:
            yield (
                f"product {product.product} in {product.store_url} serves {[s[:8] for s in served]} "
                f"instead of {[s[:8] for s in wanted]}"
            )


def _stray_media(shelf: Shelf, ledger: set[str]) -> Iterator[str]:
    shown = {i for images in shelf.products.values() for i in images}
    for media in shelf.media.values():
        if media.id not in shown and str(media.id) not in ledger:
            yield f"media {media.id} ({media.file.name}) belongs to nothing"


def _stray_files(storage: Path, named: set[str]) -> Iterator[str]:
    for folder, _, names in os.walk(storage):
        for name in names:
            key = (Path(folder) / name).relative_to(storage).as_posix()
            # Cut-outs kept for other recipes and previews are copies: only their age counts.
            copy = key.split("/")[2:3] in (["mattes"], ["thumbnails"]) and not name.startswith(".")
            if key not in named and not copy:
                yield f"file {key} is named by no row"


def _bad_files(storage: Path, named: set[str]) -> Iterator[str]:
    """Keys end in the SHA-256 of their bytes."""
    for key in sorted(named):
        if sha256_of(storage / key) != Path(key).stem:
            yield f"file {key} is missing or holds other bytes"
