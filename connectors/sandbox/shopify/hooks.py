"""Webhooks as Shopify sends them: bodies as of the event, signed when sent, again until a 2xx, in no order."""

from __future__ import annotations

import json
import random
import secrets
import sqlite3
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from connectors.sandbox.remote import Refused, Remote
from connectors.sandbox.shopify.access import Access
from connectors.sandbox.shopify.appfile import COMPLIANCE_TOPICS, Subscription
from connectors.sandbox.shopify.clock import Clock
from connectors.sandbox.shopify.memory import Memory

# Eight repetitions within four hours, the later the longer.
RETRIES_S = (60.0, 120.0, 300.0, 600.0, 1200.0, 2400.0, 3600.0, 5400.0)
REDACT_AFTER_S = 48 * 3600
# These two are made of the product whatever it is about.
_OF_PRODUCTS = ("products/create", "products/update", "products/delete")
Payload = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Sent:
    """One delivery that was tried. `status` 0: nobody answered."""

    shop: str
    topic: str
    url: str
    status: int
    webhook_id: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Hooks:
    """The queue, and the thread that works it off. `payload` makes the body of an event."""

    def __init__(
        self,
        memory: Memory,
        clock: Clock,
        access: Access,
        remote: Remote,
        payload: Payload,
        interval_s: float | None,
    ) -> None:
        self._memory, self._clock, self._access = memory, clock, access
        self._remote, self._payload, self._interval_s = remote, payload, interval_s
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._delivering = threading.Lock()
        self._thread: threading.Thread | None = None
        self._silent = threading.local()
        self.product: Callable[[str, int], Mapping[str, Any] | None] = lambda shop, product_id: None
        self.sent: deque[Sent] = deque(maxlen=5000)

    def start(self) -> None:
        """Deliver in the background, `interval_s` after something happened."""
        if self._interval_s is not None:
            self._thread = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the background thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=15)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """What happens in here (a demo filling a shop) is told to nobody."""
        self._silent.on = True
        try:
            yield
        finally:
            self._silent.on = False

    def tell(self, shop: str, topic: str, about: Mapping[str, Any], *, due_in_s: float = 0.0) -> None:
        """Queue `topic` for whoever listens. Product events reach installed apps only."""
        if getattr(self._silent, "on", False) or (topic in _OF_PRODUCTS and not self._access.installed(shop)):
            return
        event, now = str(uuid.uuid4()), self._clock.now()
        for wanted in self._access.app.listening(topic):
            body = self._body(shop, topic, about, wanted)
            if wanted.include_fields and not self._is_news(shop, topic, wanted.uri, about, body):
                continue
            self._memory.run(
                "INSERT INTO queue (shop, topic, uri, webhook_id, event_id, triggered, body, due)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *(
                    shop,
                    topic,
                    wanted.uri,
                    str(uuid.uuid4()),
                    event,
                    self._nanoseconds(),
                    body,
                    now + due_in_s,
                ),
            )
        self._wake.set()

    def tell_later(self, shop: str, product_id: int, due: float) -> None:
        """A product will change by itself (its media get ready), and that is told as it then is."""
        if not getattr(self._silent, "on", False):
            self._memory.run("INSERT INTO later (shop, product, due) VALUES (?, ?, ?)", shop, product_id, due)

    def _come_true(self) -> None:
        for row in self._memory.rows("SELECT * FROM later WHERE due <= ? ORDER BY due", self._clock.now()):
            self._memory.run("DELETE FROM later WHERE id = ?", row["id"])
            product = self.product(row["shop"], row["product"])
            if product is not None:
                self.tell(row["shop"], "products/update", product)

    def forget(self, shop: str, topic: str) -> None:
        """Take back what waits: a shop that came back within two days is not redacted."""
        self._memory.run("DELETE FROM queue WHERE shop = ? AND topic = ?", shop, topic)

    def waiting(self) -> int:
        """How many deliveries are queued, due or not."""
        row = self._memory.row("SELECT count(*) AS n FROM queue")
        return int(row["n"]) if row else 0

    def deliver_due(self, *, order: str = "as it happened") -> int:
        """Send what is due now; how many. `order`: or "newest first", or "any"."""
        with self._delivering:
            self._come_true()
            due = self._memory.rows("SELECT * FROM queue WHERE due <= ? ORDER BY id", self._clock.now())
            if order == "newest first":
                due.reverse()
            elif order == "any":
                random.shuffle(due)
            for entry in due:
                if self._stopping.is_set():
                    break
                self._deliver(entry)
            return len(due)

    def repeat(self, sent: Sent) -> Sent:
        """The same delivery once more, as happens when an answer got lost: same id, same body, signed anew."""
        return self._send(sent.shop, sent.topic, sent.url, dict(sent.headers), sent.body)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(timeout=0.5)  # repetitions, and media that get ready, are due by themselves
            self._wake.clear()
            if self._stopping.wait(self._interval_s or 0):
                return
            self.deliver_due()

    def _deliver(self, entry: sqlite3.Row) -> None:
        headers = {
            "User-Agent": "Shopify-Captain-Hook",
            "Content-Type": "application/json",
            "X-Shopify-Topic": entry["topic"],
            "X-Shopify-Shop-Domain": entry["shop"],
            "X-Shopify-API-Version": self._access.app.api_version,
            "X-Shopify-Webhook-Id": entry["webhook_id"],
            "X-Shopify-Event-Id": entry["event_id"],
            "X-Shopify-Triggered-At": entry["triggered"],
        }
        sent = self._send(entry["shop"], entry["topic"], entry["uri"], headers, bytes(entry["body"]))
        if 200 <= sent.status < 300 or entry["tries"] >= len(RETRIES_S):
            self._memory.run("DELETE FROM queue WHERE id = ?", entry["id"])
            return
        again = self._clock.now() + RETRIES_S[entry["tries"]]
        self._memory.run("UPDATE queue SET tries = tries + 1, due = ? WHERE id = ?", again, entry["id"])

    def _send(self, shop: str, topic: str, uri: str, headers: dict[str, str], body: bytes) -> Sent:
        headers["X-Shopify-Hmac-Sha256"] = self._access.sign_body(body)
        try:
            status = self._remote.post(uri, body, headers)
        except Refused:
            status = 0
        sent = Sent(shop, topic, uri, status, headers["X-Shopify-Webhook-Id"], headers, body)
        self.sent.append(sent)
        return sent

    def _body(self, shop: str, topic: str, about: Mapping[str, Any], wanted: Subscription) -> bytes:
        whole = self._payload(shop, topic, about)
        if wanted.include_fields and topic not in COMPLIANCE_TOPICS:
            whole = {name: value for name, value in whole.items() if name in wanted.include_fields}
        return json.dumps(whole, separators=(",", ":")).encode()

    def _is_news(self, shop: str, topic: str, uri: str, about: Mapping[str, Any], body: bytes) -> bool:
        """With `include_fields`, a body like the one before is not sent again."""
        where = (shop, topic, uri, str(about.get("id", "")))
        known = self._memory.row(
            "SELECT body FROM last_bodies WHERE shop = ? AND topic = ? AND uri = ? AND resource = ?", *where
        )
        self._memory.run(
            "INSERT OR REPLACE INTO last_bodies (shop, topic, uri, resource, body) VALUES (?, ?, ?, ?, ?)",
            *(*where, body),
        )
        return known is None or bytes(known["body"]) != body

    def _nanoseconds(self) -> str:
        """A moment as in X-Shopify-Triggered-At: nine decimals."""
        now = self._clock.now()
        return f"{self._clock.stamp(now)[:-1]}.{int(now % 1 * 1e6):06d}{secrets.randbelow(1000):03d}Z"
