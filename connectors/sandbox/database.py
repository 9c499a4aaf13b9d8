"""The sandboxes' memory: SQLite files, so that a store survives restarts and kill -9."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_OPTIONS = "CREATE TABLE IF NOT EXISTS options (name TEXT PRIMARY KEY, value TEXT NOT NULL);"


class Database:
    """One connection behind one lock: a sandbox serves a few callers."""

    def __init__(self, path: Path, schema: str) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_OPTIONS + schema)

    def close(self) -> None:
        """Close the file; the state stays."""
        with self._lock:
            self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction; nested ones join the outer."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")

    def rows(self, sql: str, *args: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._db.execute(sql, args).fetchall()

    def row(self, sql: str, *args: Any) -> sqlite3.Row | None:
        """The first row of a query, if any."""
        found = self.rows(sql, *args)
        return found[0] if found else None

    def run(self, sql: str, *args: Any) -> int:
        """Carry out a statement; the id of an inserted row."""
        with self._lock:
            return int(self._db.execute(sql, args).lastrowid or 0)

    # -- options ------------------------------------------------------------------------------------------

    def option(self, name: str) -> str:
        """A stored setting, "" if unset."""
        row = self.row("SELECT value FROM options WHERE name = ?", name)
        return str(row["value"]) if row else ""

    def set_option(self, name: str, value: str) -> None:
        """Store a setting."""
        self.run("INSERT OR REPLACE INTO options (name, value) VALUES (?, ?)", name, value)

    def kept(self, name: str, fresh: str) -> str:
        """A stored setting; `fresh` where there is none yet, which it then is."""
        if not self.option(name):
            self.set_option(name, fresh)
        return self.option(name)
