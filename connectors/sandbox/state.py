"""What a WordPress with WooCommerce remembers.

Like WordPress it keeps products, variations and attachments in one table with one sequence of ids.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.sandbox.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS posts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, status TEXT NOT NULL, parent_id INTEGER NOT
    NULL, slug TEXT NOT NULL, sku TEXT NOT NULL, created TEXT NOT NULL, modified TEXT NOT NULL, doc TEXT NOT
    NULL);
CREATE INDEX IF NOT EXISTS posts_kind ON posts (kind, status, id);
CREATE INDEX IF NOT EXISTS posts_parent ON posts (parent_id, kind);
CREATE INDEX IF NOT EXISTS posts_slug ON posts (slug);
CREATE INDEX IF NOT EXISTS posts_sku ON posts (sku);
CREATE TABLE IF NOT EXISTS terms (
    id INTEGER PRIMARY KEY AUTOINCREMENT, taxonomy TEXT NOT NULL, name TEXT NOT NULL, slug TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, role TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS api_keys (
    consumer_key TEXT PRIMARY KEY, consumer_secret TEXT NOT NULL, user_id INTEGER NOT NULL, permissions TEXT
    NOT NULL);
CREATE TABLE IF NOT EXISTS app_passwords (
    uuid TEXT PRIMARY KEY, user_id INTEGER NOT NULL, name TEXT NOT NULL, password TEXT NOT NULL, created TEXT
    NOT NULL);
CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
    topic TEXT NOT NULL, delivery_url TEXT NOT NULL, secret TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT
    0, pending_ping INTEGER NOT NULL DEFAULT 1, created TEXT NOT NULL, modified TEXT);
CREATE TABLE IF NOT EXISTS queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT, webhook_id INTEGER NOT NULL, post_id INTEGER NOT NULL,
    UNIQUE (webhook_id, post_id));
"""

# WordPress gives the default category a number that a fresh install never has free; merchants' exports show
# 15.
_FIRST_ROWS = """
INSERT OR IGNORE INTO terms (id, taxonomy, name, slug) VALUES (15, 'product_cat', 'Uncategorized',
'uncategorized'); INSERT OR IGNORE INTO users (id, login, role) VALUES (1, 'admin', 'administrator');
"""


@dataclass
class Post:
    """A product, variation or attachment. Times are GMT, to the second, as WordPress keeps them."""

    id: int
    kind: str
    status: str
    parent_id: int
    slug: str
    sku: str
    created: str
    modified: str
    doc: dict[str, Any] = field(default_factory=dict)


class State(Database):
    """The database of one WordPress."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA + _FIRST_ROWS)

    # -- posts --------------------------------------------------------------------------------------------

    def posts(self, where: str, *args: Any) -> list[Post]:
        """The posts that a WHERE clause (with ORDER BY and LIMIT) selects."""
        return [_post(row) for row in self.rows(f"SELECT * FROM posts WHERE {where}", *args)]  # noqa: S608

    def count(self, where: str, *args: Any) -> int:
        """How many posts a WHERE clause selects."""
        row = self.row(f"SELECT count(*) AS n FROM posts WHERE {where}", *args)  # noqa: S608
        return int(row["n"]) if row else 0

    def post(self, post_id: int, *kinds: str) -> Post | None:
        """One post, if it is of one of these kinds."""
        found = self.posts("id = ?", post_id)
        return found[0] if found and found[0].kind in kinds else None

    def add_post(
        self, kind: str, doc: dict[str, Any], *, status: str, slug: str, sku: str = "", parent_id: int = 0
    ) -> Post:
        """Insert a post under a slug made unique, dated now."""
        now = stamp()
        with self.change():
            slug = self.free_slug(slug, kind)
            post_id = self.run(
                "INSERT INTO posts (kind, status, parent_id, slug, sku, created, modified, doc)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *(kind, status, parent_id, slug, sku, now, now, json.dumps(doc)),
            )
        return Post(post_id, kind, status, parent_id, slug, sku, now, now, doc)

    def save_post(self, post: Post) -> None:
        """Write a post back, modified now: WordPress moves the date even if nothing changed."""
        post.modified = stamp()
        self.run(
            "UPDATE posts SET status = ?, parent_id = ?, slug = ?, sku = ?, modified = ?, doc = ?"
            " WHERE id = ?",
            *(post.status, post.parent_id, post.slug, post.sku, post.modified, json.dumps(post.doc), post.id),
        )

    def free_slug(self, slug: str, kind: str) -> str:
        """`slug`, or `slug-2`, … if taken: a product's by another product, an attachment's by anything."""
        candidate, number = slug, 1
        rivals = "slug = ?" if kind == "attachment" else "slug = ? AND kind = 'product'"
        while self.count(rivals, candidate):
            number += 1
            candidate = f"{slug}-{number}"
        return candidate


def stamp(moment: dt.datetime | None = None) -> str:
    """A GMT time as WordPress writes it: seconds, no zone."""
    return f"{moment or dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S}"


def _post(row: sqlite3.Row) -> Post:
    return Post(**{**dict(row), "doc": json.loads(row["doc"])})
