"""Webhooks going out as WooCommerce sends them: queued, built at delivery time, signed, never repeated."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections import deque
from dataclasses import dataclass

from connectors.sandbox.remote import Refused, Remote
from connectors.sandbox.shapes import Shapes
from connectors.sandbox.state import Post, State, stamp
from connectors.sandbox.wire import php_json
from connectors.woocommerce.webhooks import sign

USER_AGENT = "WooCommerce/10.5.0 Hookshot (WordPress/7.1)"
MAX_FAILURES = 5  # documented; the comparison lets two more through, so the seventh in a row switches off
_MANAGERS = frozenset({"administrator", "shop_manager"})


@dataclass(frozen=True)
class Sent:
    """One request that the store made (or was not allowed to make: status 0)."""

    webhook_id: int
    topic: str
    url: str
    status: int
    delivery_id: str
    body: bytes


class Hooks:
    """The queue and the thread that works it off, one delivery after the other."""

    def __init__(self, state: State, shapes: Shapes, remote: Remote, interval_s: float | None) -> None:
        self._state = state
        self._shapes = shapes
        self._remote = remote
        self._interval_s = interval_s
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._delivering = threading.Lock()
        self._thread: threading.Thread | None = None
        self.sent: deque[Sent] = deque(maxlen=5000)

    def start(self) -> None:
        """Deliver in the background, `interval_s` after something was queued."""
        if self._interval_s is not None:
            self._wake.set()  # what a killed store had queued
            self._thread = threading.Thread(target=self._run, name="sandbox-cron", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the background thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=15)

    def fire(self, event: str, post: Post) -> None:
        """Queue `product.<event>` for every active webhook, unless that delivery waits already."""
        topic = f"product.{event}"
        for hook in self._state.rows("SELECT id FROM webhooks WHERE topic = ? AND status = 'active'", topic):
            self._state.run(
                "INSERT OR IGNORE INTO queue (webhook_id, post_id) VALUES (?, ?)", hook["id"], post.id
            )
        self._wake.set()

    def ping(self, webhook_id: int) -> None:
        """The unsigned form that announces a webhook; sent, as WooCommerce does, while it is being saved."""
        hook = self._state.row("SELECT * FROM webhooks WHERE id = ?", webhook_id)
        if hook is None:
            return
        body = f"webhook_id={webhook_id}".encode()
        headers = {"User-Agent": USER_AGENT, "Content-Type": "application/x-www-form-urlencoded"}
        status = self._post(hook, body, headers, "ping", "")
        if status == 200:
            self._state.run("UPDATE webhooks SET pending_ping = 0 WHERE id = ?", webhook_id)

    def waiting(self) -> int:
        """How many deliveries are queued."""
        row = self._state.row("SELECT count(*) AS n FROM queue")
        return int(row["n"]) if row else 0

    def deliver_due(self) -> int:
        """Deliver what is queued now; how many. A failure is not repeated: the event is lost."""
        with self._delivering:
            due = self._state.rows("SELECT * FROM queue ORDER BY id")
            for entry in due:
                if self._stopping.is_set():
                    break
                # Taken before it is sent: a store killed in between loses the event too.
                self._state.run("DELETE FROM queue WHERE id = ?", entry["id"])
                hook = self._state.row("SELECT * FROM webhooks WHERE id = ?", entry["webhook_id"])
                if hook is not None and hook["status"] == "active":
                    self._deliver(hook, entry["post_id"])
            return len(due)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            # Bursts for one product coalesce while the cron waits.
            if self._stopping.wait(self._interval_s or 0):
                return
            self.deliver_due()

    def _deliver(self, hook: sqlite3.Row, post_id: int) -> None:
        resource, _, event = hook["topic"].partition(".")
        body = php_json(self._payload(hook, post_id))
        delivery_id = _delivery_id(hook["id"])
        headers = {
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": f"{self._shapes.url}/",
            "X-WC-Webhook-Topic": hook["topic"],
            "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-Signature": sign(body, hook["secret"]),
            "X-WC-Webhook-ID": str(hook["id"]),
            "X-WC-Webhook-Delivery-ID": delivery_id,
        }
        status = self._post(hook, body, headers, hook["topic"], delivery_id)
        if 200 <= status <= 302:
            self._state.run("UPDATE webhooks SET failures = 0 WHERE id = ?", hook["id"])
        else:
            self._failed(hook["id"])

    def _payload(self, hook: sqlite3.Row, post_id: int) -> dict[str, object]:
        """The body as of now, not as of the event."""
        if hook["topic"] == "product.deleted":
            return {"id": post_id}
        owner = self._state.row("SELECT role FROM users WHERE id = ?", hook["user_id"])
        if owner is None or owner["role"] not in _MANAGERS:
            return _error("woocommerce_rest_cannot_view", "Sorry, you cannot view this resource.", 401)
        post = self._state.post(post_id, "product", "variation")
        if post is None:
            return _error("woocommerce_rest_product_invalid_id", "Invalid ID.", 404)
        return self._shapes.product(post)

    def _failed(self, webhook_id: int) -> None:
        with self._state.change():
            row = self._state.row("SELECT failures FROM webhooks WHERE id = ?", webhook_id)
            if row is None:
                return
            if row["failures"] > MAX_FAILURES:
                self._state.run(
                    "UPDATE webhooks SET status = 'disabled', modified = ? WHERE id = ?", stamp(), webhook_id
                )
            else:
                self._state.run("UPDATE webhooks SET failures = failures + 1 WHERE id = ?", webhook_id)

    def _post(
        self, hook: sqlite3.Row, body: bytes, headers: dict[str, str], topic: str, delivery_id: str
    ) -> int:
        try:
            status = self._remote.post(hook["delivery_url"], body, headers)
        except Refused:
            status = 0
        self.sent.append(Sent(hook["id"], topic, hook["delivery_url"], status, delivery_id, body))
        return status


def _error(code: str, message: str, status: int) -> dict[str, object]:
    return {"code": code, "message": message, "data": {"status": status}}


def _delivery_id(webhook_id: int) -> str:
    """Not unique: WooCommerce hashes the webhook's id with the second."""
    return hashlib.md5(f"{webhook_id}{int(time.time())}".encode(), usedforsecurity=False).hexdigest()
