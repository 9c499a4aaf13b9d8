"""A shop that answers what a test says, and Shopify's published schema."""

from __future__ import annotations

import importlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Opening, Settings
from connectors.http import Http
from connectors.shopify.connector import ShopifyConnector
from connectors.types import Credentials

SHOP = "good-shop.myshopify.com"
TOKEN = "shpat_good"
COST = {
    "requestedQueryCost": 42,
    "actualQueryCost": 12,
    "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 1988, "restoreRate": 100.0},
}
JSON = {"Content-Type": "application/json", "X-Shopify-API-Version": "2026-10"}


@dataclass(frozen=True)
class Call:
    """One document that came."""

    name: str
    variables: Mapping[str, Any]
    token: str
    path: str


@dataclass
class Reply:
    """What goes back; `told` may be bytes."""

    told: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Admin:
    """The Admin API of a shop and a place for files, played by a test."""

    url: str = ""
    answers: dict[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    asked_files: list[tuple[str, str]] = field(default_factory=list)
    knows_ranges: bool = True
    cuts_after: int | None = None  # bytes of a file after which the line breaks

    def names(self) -> list[str]:
        return [call.name for call in self.calls]

    def answer(self, path: str, token: str, body: bytes) -> Reply:
        asked = json.loads(body)
        found = re.search(r"^(?:query|mutation) (\w+)", asked["query"], re.MULTILINE)
        call = Call(found.group(1) if found else "", asked["variables"], token, path)
        self.calls.append(call)
        told = self.answers[call.name](call.variables)
        return told if isinstance(told, Reply) else Reply({"data": told, "extensions": {"cost": COST}})

    def file(self, path: str, wanted: str) -> Reply:
        self.asked_files.append((path, wanted))
        if path not in self.files:
            return Reply(b"<Error><Code>ExpiredToken</Code></Error>", 400)
        data = self.files[path]
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
        if not found or not self.knows_ranges:
            return Reply(data)
        start, end = int(found.group(1)), min(int(found.group(2)), len(data) - 1)
        if start >= len(data):
            return Reply(b"", 416, {"Content-Range": f"bytes */{len(data)}"})
        return Reply(data[start : end + 1], 206, {"Content-Range": f"bytes {start}-{end}/{len(data)}"})


@pytest.fixture
def admin() -> Iterator[Admin]:
    shop = Admin()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one go, or each answer takes 40 ms

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.reply(shop.answer(self.path, self.headers.get("X-Shopify-Access-Token", ""), body))

        def do_GET(self) -> None:
            self.reply(shop.file(self.path, self.headers.get("Range", "")))

        def reply(self, reply: Reply) -> None:
            body = reply.told if isinstance(reply.told, bytes) else json.dumps(reply.told).encode()
            self.send_response(reply.status)
            for name, value in {**JSON, "Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body if shop.cuts_after is None else body[: shop.cuts_after])
            self.close_connection = shop.cuts_after is not None

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shop.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield shop
    server.shutdown()
    server.server_close()


@pytest.fixture
def opening(admin: Admin, loopback: Settings) -> Opening:
    return Opening(
        f"https://{SHOP}", Credentials(token=TOKEN), loopback, api_root=f"{admin.url}/{{shop}}/admin/"
    )


@pytest.fixture
def open_shop(opening: Opening, waits: list[float]) -> Callable[..., ShopifyConnector]:
    """A connector that is told how long it would have waited instead of waiting."""

    def make(**more: Any) -> ShopifyConnector:
        own = replace(opening, **more)
        http = Http(
            own.settings, throttle=own.throttle, heard=own.heard, sleep=waits.append, jitter=lambda: 1.0
        )
        return ShopifyConnector(own, http)

    return make


# -- the published schema ---------------------------------------------------------------------------------------

VERSIONS = ("2026-07", "2026-10")


@lru_cache(maxsize=1)
def published() -> Path:
    """The folder with the published schemas. Where they can't be had it skips, or fails where they must be there."""
    given = os.environ.get("VITRINE_SHOPIFY_SCHEMAS")
    if given:
        return Path(given)
    try:
        door = importlib.import_module("connectors.sandbox.shopify.published")
    except ImportError:
        pytest.skip("the published schema is not here; VITRINE_SHOPIFY_SCHEMAS names a folder that has it")
    try:
        place: Path = door.obtain()
    except door.Missing as error:
        (pytest.fail if os.environ.get("VITRINE_MUST_HAVE_SCHEMAS") else pytest.skip)(str(error))
    return place


@lru_cache(maxsize=2)
def schema(version: str) -> Any:
    from graphql import build_client_schema

    told = json.loads((published() / f"admin_schema_{version}.json").read_bytes())
    return build_client_schema(told.get("data", told), assume_valid=True)


@lru_cache(maxsize=2)
def scopes(version: str) -> Mapping[str, list[str]]:
    """Type or Type.field → scopes, any of which opens it."""
    found: Mapping[str, list[str]] = json.loads((published() / f"admin_scopes_{version}.json").read_bytes())
    return found
