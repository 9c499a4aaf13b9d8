"""The part `burst`: 500 products are saved within seconds, as an import does, and the storefront's webhooks tell of it.

Everything is as in production: gunicorn takes deliveries in, the dispatcher hints them, a control worker asks the store
again, at the store's pace. Then the same products are saved once more with nothing changed, as our own writing does.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.asked import Asked
from benchmarks.house.catalog import shop
from benchmarks.house.ground import CHECKOUT, House, ground
from benchmarks.house.intake import served
from benchmarks.lines import Figure, put, say
from connectors.base import Settings
from connectors.http import Http
from connectors.sandbox.server import SandboxProcess
from gpu_worker import threads
from gpu_worker.contract import QUEUE_CONTROL

PRODUCTS = "/wp-json/wc/v3/products"
AT_ONCE = 50  # products of one request


@dataclass(frozen=True)
class Size:
    products: int = 500


QUICK = Size(products=20)


def run(asked: Asked) -> int:
    """Prints the part's figures. Returns 0, or 1 where a product was lost, worked on twice or an echo made work."""
    size = QUICK if asked.quick else Size()
    servers = ground()
    if (load := os.getloadavg()[0]) > threads.cores() / 2:
        say(f"others use this machine (load {load:.1f} on {threads.cores()} cores): seconds are upper bounds")
    with (
        servers.house() as house,
        shop(house, size.products, "--deliver-to-loopback") as (house, front),
        served(house, "apps.config.wsgi:application", "/healthz") as port,
    ):
        house = replace(house, env={**house.env, "PUBLIC_URL": f"http://127.0.0.1:{port}"})
        store = house.ask("cataloguing:connected", url=front.url, keys=vars(front.credentials)).found
        house.ask("cataloguing:read", store=store, products=size.products)
        with _programs(house):
            return _burst(house, front, store, size)


def _burst(house: House, front: SandboxProcess, store: int, size: Size) -> int:
    rows = _listed(front, size.products)
    asked_before = _log(front)
    news = [_one_more_photo(row, rows[n - 1]) for n, row in enumerate(rows)]
    began = time.time()
    _save(front, news)
    saved_s = time.time() - began
    told = house.ask("bursting:settled", store=store, deliveries=len(rows)).found
    put(
        Figure(
            "burst.products_500_s", told["last"] - began, "s, from the first save to the last look", saved_s
        )
    )
    put(
        Figure(
            "burst.received_500_s", told["received"] - began, "s, from the first save to the last delivery"
        )
    )
    put(Figure("burst.asked_per_s", told["per_s"], "questions to the store per second, at the end"))
    put(Figure("burst.deliveries", told["deliveries"], "deliveries"))
    put(Figure("burst.looks", _log(front) - asked_before, "questions to the store"))
    wrong = house.ask(
        "bursting:wrong", store=store, wanted={str(n["id"]): str(n["images"][-1]["id"]) for n in news}
    ).found
    put(Figure("burst.lost", wrong["lost"], f"of {len(rows)} products"))
    put(Figure("burst.doubled", wrong["doubled"], "photos with more than one job"))
    _save(front, [{"id": row["id"]} for row in rows])
    house.ask("bursting:settled", store=store, deliveries=2 * len(rows))
    after = house.ask("bursting:wrong", store=store, wanted={}).found
    put(Figure("burst.jobs_of_echoes", after["jobs"] - wrong["jobs"], "jobs"))
    return 1 if wrong["lost"] or wrong["doubled"] or after["jobs"] != wrong["jobs"] else 0


def _ask(front: SandboxProcess, method: str, path: str, json: Any = None, **headers: str) -> Any:
    """The storefront's API as its merchant's own programs use it."""
    settings = Settings(allow_private_hosts=frozenset({urlsplit(front.url).netloc}), write_timeout_s=120)
    who = front.credentials
    pair = base64.b64encode(f"{who.user}:{who.app_password}".encode()).decode()
    http, sent = Http(settings), {"Authorization": f"Basic {pair}", **headers}
    return http.request_json(method, f"{front.url}{path}", json=json, headers=sent).json()


def _listed(front: SandboxProcess, products: int) -> list[dict[str, Any]]:
    rows = list[dict[str, Any]]()
    for page in range(1, -(-products // 100) + 1):
        rows += _ask(front, "GET", f"{PRODUCTS}?per_page=100&page={page}&_fields=id,images")
    return rows


def _one_more_photo(row: dict[str, Any], neighbour: dict[str, Any]) -> dict[str, Any]:
    """The product with its neighbour's first picture behind its own: one new photo."""
    shown = [image["id"] for image in [*row["images"], neighbour["images"][0]]]
    return {"id": row["id"], "images": [{"id": i} for i in shown]}


def _save(front: SandboxProcess, changes: list[dict[str, Any]]) -> None:
    for at in range(0, len(changes), AT_ONCE):
        _ask(front, "POST", f"{PRODUCTS}/batch", {"update": changes[at : at + AT_ONCE]})


def _log(front: SandboxProcess) -> int:
    """How many times the store was asked for a product."""
    token = {"X-Admin-Token": str(front.info["admin_token"])}
    match = quote(rf"^GET {PRODUCTS}/\d+$")
    return len(_ask(front, "GET", f"/_admin/log?match={match}", **token))


@contextmanager
def _programs(house: House) -> Iterator[None]:
    """The dispatcher and a control worker, as `manage.py up` starts them."""
    celery = [sys.executable, "-m", "celery", "-A", "apps.config.celery:app", "worker", "-Q", QUEUE_CONTROL]
    celery += ["--concurrency", "2", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    commands = ([sys.executable, "manage.py", "dispatcher"], celery)
    running = [subprocess.Popen(c, cwd=CHECKOUT, env=house.env, stdout=subprocess.DEVNULL) for c in commands]
    try:
        yield
    finally:
        for program in running:
            program.terminate()
        for program in running:
            program.wait(timeout=60)
