"""Bulk operations: a query carried out in the background, its answer a file of JSON lines.

A child stands behind its parent and names it (`__parentId`); right behind it only where `groupObjects` asked for that.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from graphql import GraphQLError

from connectors.sandbox.shopify.lines import Plan
from connectors.sandbox.shopify.memory import Doc
from connectors.sandbox.shopify.payloads import gid
from connectors.sandbox.shopify.search import Search

if TYPE_CHECKING:
    from connectors.sandbox.shopify.engine import Call
    from connectors.sandbox.shopify.site import Site

URL_LIFE_S = 7 * 86400
AT_ONCE = 1000  # so many products are written while the caller waits; more take a thread
UNDER_WAY = ("CREATED", "RUNNING", "CANCELING")


class Bulk:
    """The bulk operations of all shops."""

    def __init__(self, site: Site, folder: Path, *, takes_s: float, most: int) -> None:
        self._site, self._folder, self._takes_s, self._most = site, folder, takes_s, most
        self._failing: list[tuple[str, int]] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)

    def fail_next(self, code: str = "INTERNAL_SERVER_ERROR", *, after_lines: int = 0) -> None:
        """The next operation fails with `code`, when it has written so many lines."""
        self._failing.append((code, after_lines))

    def start(self, call: Call, query: str, *, grouped: bool) -> Doc | str:
        """Begin; the operation, or the code of a user error. Raises `BadBulkQuery`."""
        with contextlib.suppress(
            GraphQLError
        ):  # a scope that is missing lets the operation fail, not its beginning
            Plan.of_query(call, query)
        running = sum(entry["status"] in UNDER_WAY for entry in self.listed(call.shop))
        if running >= self._most:
            return "OPERATION_IN_PROGRESS" if self._most == 1 else "LIMIT_REACHED"
        number = self._site.memory.next_id()
        doc = {"query": query, "grouped": grouped, "granted": list(call.granted), "version": call.version}
        doc |= {"objects": 0, "roots": 0, "size": 0, "file": "", "error": ""}
        self._site.memory.run(
            "INSERT INTO bulk (id, shop, status, created, doc) VALUES (?, ?, 'CREATED', ?, ?)",
            *(number, call.shop, self._site.clock.now(), json.dumps(doc)),
        )
        self._begin(number, call, alone=self._site.catalogue.count(call.shop, Search()) > AT_ONCE)
        told = self.one(call.shop, number)
        assert told is not None
        # Whatever it is by now, Shopify tells of a new operation as created.
        return told | {"status": "CREATED", "completedAt": None, "url": None}

    def resume(self) -> None:
        """Carry out what a killed sandbox had begun."""
        for row in self._site.memory.rows("SELECT * FROM bulk WHERE status IN ('CREATED', 'RUNNING')"):
            doc = json.loads(row["doc"])
            call = self._site.call(row["shop"], tuple(doc["granted"]), doc["version"])
            self._begin(row["id"], call, alone=True)

    def stop(self) -> None:
        """End the threads; what they were at is begun anew after a restart."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=15)

    def cancel(self, shop: str, number: int) -> Doc | None:
        """Stop an operation, as soon as its thread looks."""
        self._site.memory.run(
            "UPDATE bulk SET status = 'CANCELED', completed = ? WHERE id = ? AND shop = ? AND status IN"
            " ('CREATED', 'RUNNING')",
            *(self._site.clock.now(), number, shop),
        )
        return self.one(shop, number)

    def one(self, shop: str, number: int) -> Doc | None:
        """An operation as the API tells it, or None."""
        row = self._site.memory.row("SELECT * FROM bulk WHERE id = ? AND shop = ?", number, shop)
        return self._told(row) if row else None

    def listed(self, shop: str) -> list[Doc]:
        """All operations, oldest first."""
        rows = self._site.memory.rows("SELECT * FROM bulk WHERE shop = ? ORDER BY id", shop)
        return [self._told(row) for row in rows]

    def file(self, name: str) -> Path | None:
        """The file behind an address, until that ends."""
        row = self._site.memory.row("SELECT * FROM bulk WHERE json_extract(doc, '$.file') = ?", name)
        if row is None or self._site.clock.now() > row["completed"] + URL_LIFE_S:
            return None
        return self._folder / name

    def _told(self, row: sqlite3.Row) -> Doc:
        doc, now, stamp = json.loads(row["doc"]), self._site.clock.now(), self._site.clock.stamp
        status, done_at = row["status"], row["created"] + self._takes_s
        if status in {"COMPLETED", "FAILED"}:
            if now < done_at:
                status = "RUNNING"
            elif doc["file"] and now > row["completed"] + URL_LIFE_S:
                status = "EXPIRED"
        address = f"{self._site.url}/bulk/{doc['file']}" if doc["file"] else None
        return {
            "__typename": "BulkOperation",
            "id": gid("BulkOperation", row["id"]),
            "status": status,
            "type": "QUERY",
            "errorCode": doc["error"] or None if status == "FAILED" else None,
            "query": doc["query"],
            "createdAt": stamp(row["created"]),
            "completedAt": None if status in UNDER_WAY or not row["completed"] else stamp(row["completed"]),
            "objectCount": str(doc["objects"]),
            "rootObjectCount": str(doc["roots"]),
            "fileSize": str(doc["size"]) if status == "COMPLETED" and address else None,
            "url": address if status == "COMPLETED" else None,
            "partialDataUrl": address if status == "FAILED" else None,
        }

    def _begin(self, number: int, call: Call, *, alone: bool) -> None:
        if not alone:
            self._run(number, call)
            return
        thread = threading.Thread(target=self._run, args=(number, call), name="sandbox-bulk", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self, number: int, call: Call) -> None:
        memory = self._site.memory
        doc = memory.document("SELECT doc FROM bulk WHERE id = ?", number)
        assert doc is not None
        failing = self._failing.pop(0) if self._failing else None
        memory.run("UPDATE bulk SET status = 'RUNNING' WHERE id = ?", number)
        # What a sandbox that was killed had counted is counted anew.
        doc |= {"error": "", "file": f"{secrets.token_hex(16)}.jsonl", "objects": 0, "roots": 0}
        if not self._write(number, call, doc, failing):
            return
        status = "FAILED" if doc["error"] else "COMPLETED"
        changed = memory.rows(
            "UPDATE bulk SET status = ?, completed = ?, doc = ? WHERE id = ? AND status = 'RUNNING' RETURNING id",
            *(status, max(self._site.clock.now(), 0.0) + self._takes_s, json.dumps(doc), number),
        )
        if changed:
            body = {
                "admin_graphql_api_id": gid("BulkOperation", number),
                "completed_at": self._site.clock.stamp(),
                "created_at": self._site.clock.stamp(),
                "error_code": doc["error"].lower() or None,
                "status": status.lower(),
                "type": "query",
            }
            self._site.hooks.tell(call.shop, "bulk_operations/finish", body, due_in_s=self._takes_s)

    def _write(self, number: int, call: Call, doc: Doc, failing: tuple[str, int] | None) -> bool:
        """Write the lines; False if the sandbox stops or the operation was cancelled meanwhile."""
        path = self._folder / doc["file"]
        try:
            with path.open("wb") as out:
                for count, (root, line) in enumerate(Plan.of_query(call, doc["query"]).lines(doc["grouped"])):
                    if failing and count >= failing[1]:
                        doc["error"] = failing[0]
                        break
                    out.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
                    doc["objects"], doc["roots"] = count + 1, doc["roots"] + root
                    if count % 2000 == 1999 and not self._goes_on(number, doc):
                        return False
        except GraphQLError as error:
            doc["error"] = str((error.extensions or {}).get("code", "INTERNAL_SERVER_ERROR"))
        if failing and not doc["error"]:
            doc["error"] = failing[0]
        doc["size"] = path.stat().st_size
        if not doc["size"]:
            path.unlink()
            doc["file"] = ""
        return True

    def _goes_on(self, number: int, doc: Doc) -> bool:
        if self._stopping.is_set():
            return False
        progress = json.dumps(doc | {"file": "", "size": 0})
        return bool(
            self._site.memory.rows(
                "UPDATE bulk SET doc = ? WHERE id = ? AND status = 'RUNNING' RETURNING id", progress, number
            )
        )
