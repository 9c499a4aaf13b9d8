"""What a sandbox store really holds: its SQLite file and its uploads, read as they lie there."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Media:
    """One attachment of the library; `file` is what shoppers are served."""

    id: int
    file: Path

    @property
    def stem(self) -> str:
        return self.file.stem

    @cached_property
    def sha256(self) -> str:
        return sha256_of(self.file)


class Shelf:
    """One store. Opened read-only; writers may be at work beside."""

    def __init__(self, folder: Path) -> None:
        db = sqlite3.connect(f"file:{folder / 'store.sqlite3'}?mode=ro", uri=True)
        try:
            posts = db.execute("SELECT id, kind, status, doc FROM posts").fetchall()
        finally:
            db.close()
        self.media: dict[int, Media] = {}
        self.products: dict[int, list[int]] = {}
        for pk, kind, status, raw in posts:
            doc = json.loads(raw)
            if kind == "attachment":
                self.media[pk] = Media(pk, folder / "uploads" / doc["file"])
            elif kind == "product" and status != "trash":
                self.products[pk] = [int(i) for i in doc.get("image_ids", [])]


def sha256_of(file: Path) -> str:
    """Of a file's bytes; "" where there is none."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
