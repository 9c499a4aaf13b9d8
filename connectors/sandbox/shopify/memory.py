"""What the sandbox remembers of all shops, in one SQLite file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connectors.sandbox.database import Database

Doc = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS shops (
    domain TEXT PRIMARY KEY, id INTEGER NOT NULL, title TEXT NOT NULL, plan TEXT NOT NULL, state TEXT NOT NULL,
    large INTEGER NOT NULL DEFAULT 0, photos INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS installs (shop TEXT PRIMARY KEY, scopes TEXT NOT NULL, since REAL NOT NULL);
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY, shop TEXT NOT NULL, scopes TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    access TEXT PRIMARY KEY, refresh TEXT NOT NULL, shop TEXT NOT NULL, user_id TEXT NOT NULL, expires REAL NOT NULL,
    refresh_expires REAL NOT NULL, replaces TEXT NOT NULL, made REAL NOT NULL, used INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS tokens_refresh ON tokens (refresh);
CREATE INDEX IF NOT EXISTS tokens_replaces ON tokens (replaces);
CREATE TABLE IF NOT EXISTS products (
    shop TEXT NOT NULL, id INTEGER NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, gone INTEGER NOT NULL
    DEFAULT 0, doc TEXT NOT NULL, PRIMARY KEY (shop, id));
CREATE INDEX IF NOT EXISTS products_updated ON products (shop, updated, id);
CREATE TABLE IF NOT EXISTS media (
    shop TEXT NOT NULL, id INTEGER NOT NULL, filename TEXT NOT NULL, doc TEXT NOT NULL, PRIMARY KEY (shop, id));
CREATE UNIQUE INDEX IF NOT EXISTS media_name ON media (shop, filename);
CREATE TABLE IF NOT EXISTS staged (
    key TEXT PRIMARY KEY, shop TEXT NOT NULL, filename TEXT NOT NULL, mime TEXT NOT NULL, policy TEXT NOT NULL,
    until REAL NOT NULL, sha256 TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, shop TEXT NOT NULL, ready REAL NOT NULL, done INTEGER NOT NULL DEFAULT 0, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bulk (
    id INTEGER PRIMARY KEY, shop TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL, completed REAL NOT NULL
    DEFAULT 0, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT, shop TEXT NOT NULL, topic TEXT NOT NULL, uri TEXT NOT NULL, webhook_id TEXT
    NOT NULL, event_id TEXT NOT NULL, triggered TEXT NOT NULL, body BLOB NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL);
CREATE TABLE IF NOT EXISTS later (
    id INTEGER PRIMARY KEY AUTOINCREMENT, shop TEXT NOT NULL, product INTEGER NOT NULL, due REAL NOT NULL);
CREATE TABLE IF NOT EXISTS last_bodies (
    shop TEXT NOT NULL, topic TEXT NOT NULL, uri TEXT NOT NULL, resource TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY
    (shop, topic, uri, resource));
"""
_FIRST_ID = (
    8_000_000_000_000  # as many digits as real ones have: some JSON readers lose the last ones of more
)


class Memory(Database):
    """The database, and the sequence that all numbers of all shops come from."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA)
        self._large: dict[str, tuple[int, int]] = {}

    def next_id(self, count: int = 1) -> int:
        """The first of `count` numbers that nothing had before."""
        with self.change():
            taken = int(self.option("last_id") or _FIRST_ID) + 1
            self.set_option("last_id", str(taken + count - 1))
        return taken

    def large(self, shop: str) -> tuple[int, int]:
        """How many made-up products a shop has, and how many photos each."""
        if shop not in self._large:
            row = self.row("SELECT large, photos FROM shops WHERE domain = ?", shop)
            self._large[shop] = (row["large"], row["photos"]) if row else (0, 0)
        return self._large[shop]

    def set_large(self, shop: str, products: int, photos: int) -> None:
        """Give a shop so many made-up products."""
        self.run("UPDATE shops SET large = ?, photos = ? WHERE domain = ?", products, photos, shop)
        self._large.pop(shop, None)

    def document(self, sql: str, *args: Any) -> Doc | None:
        """The `doc` of the first row, if any."""
        row = self.row(sql, *args)
        return json.loads(row["doc"]) if row else None
