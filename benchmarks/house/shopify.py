"""The part `shopify`: a large catalogue read out of the file of a bulk operation, through a kill too; a store's points
and its token, both shared by processes that know nothing of each other. Everything against a Shopify on this machine.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from benchmarks import metrics
from benchmarks.asked import Asked
from benchmarks.errors import BenchError
from benchmarks.house.ground import Ground, House, Running, ground
from benchmarks.lines import Figure, put, say
from connectors.base import Settings
from connectors.http import Http
from connectors.sandbox.shopify.server import ShopifySandboxProcess
from gpu_worker import threads

SHOP = "north.myshopify.com"
# What the figures are named after, at toy size too.
NAMED = 100_000
READING_S = 3600.0  # is given up then
# A reading whose process is gone is taken up after so long; WORK_LEASE_S in production is 180.
LEASE_S = 10.0
# A second on our clock counts as so many, in the store and in whoever asks it. A picture is many small calls, which two
# cores must keep up with.
CLOCK_SPEED, CLOCK_SPEED_OF_WRITES = 5.0, 2.0
_FASTER = "s of a clock that goes {:.0f} times as fast"


@dataclass(frozen=True)
class Size:
    """`products`: of the stores that are read, growing; `killed`: of the one whose reading is killed."""

    products: tuple[int, ...] = (20_000, NAMED)
    killed: int = 20_000
    questions: int = 2_000
    writes: int = 2_000
    processes: int = 8


QUICK = Size(products=(600, 1_200), killed=1_200, questions=60, writes=60, processes=4)


class _Platform(ShopifySandboxProcess):
    """On a machine that others keep busy it takes its time to start."""

    STARTUP_S: ClassVar[float] = 180.0


@dataclass(frozen=True)
class Merchant:
    """A shop at Shopify, and the house that it is connected to."""

    house: House
    front: ShopifySandboxProcess
    store: int = 0

    def order(self, what: str, **given: Any) -> Any:
        """What the merchant, or time, does in the shop."""
        told = self._ask("POST", f"/shops/{SHOP}/{what}", given)
        return told["result"]

    def asked(self, match: str) -> int:
        """How many requests of this kind came."""
        return len(self._ask("GET", f"/log?match={match}"))

    def _ask(self, method: str, path: str, json: Any = None) -> Any:
        http = Http(Settings(allow_private_hosts=frozenset({urlsplit(self.front.url).netloc})))
        token = {"X-Admin-Token": str(self.front.info["admin_token"])}
        return http.request_json(method, f"{self.front.url}/_admin{path}", json=json, headers=token).json()


def run(asked: Asked) -> int:
    """Prints the part's figures. Returns 0, or 1 where something was lost, doubled, refused or asked for twice."""
    size = QUICK if asked.quick else Size()
    servers = ground()
    if (load := os.getloadavg()[0]) > threads.cores() / 2:
        say(f"others use this machine (load {load:.1f} on {threads.cores()} cores): seconds are upper bounds")
    wrong = [
        _token(servers, size.processes),
        _points(servers, size.questions, size.processes),
        _writes(servers, size.writes, size.processes),
    ]
    took = [_read(servers, products, largest=products == size.products[-1]) for products in size.products]
    for name, costs in (("", [s for s, _ in took]), ("cpu_", [cpu for _, cpu in took])):
        exponent = metrics.growth_exponent(size.products, costs)
        if exponent is not None:
            put(Figure(f"shopify.{name}growth_exponent", exponent, "exponent of products"))
    undisturbed = dict(zip(size.products, (s for s, _ in took), strict=True)).get(size.killed)
    wrong.append(_killed(servers, size.killed, undisturbed))
    return int(any(wrong))


@contextmanager
def merchant(servers: Ground, products: int, *more: str, **settings: str) -> Iterator[Merchant]:
    """A shop with so many products, connected. `more`: arguments of the sandbox; `settings`: of the house."""
    with servers.house() as house, tempfile.TemporaryDirectory(prefix="vitrine-bench-shop-") as folder:
        arguments = ["--shop", "north", "--installed", "--products", str(products), *more]
        front = _Platform(Path(folder), *arguments, stdout=subprocess.DEVNULL)
        try:
            front.start()
        except RuntimeError as error:
            raise BenchError(str(error)) from error
        try:
            env = {
                "ALLOW_PRIVATE_HOSTS": urlsplit(front.url).netloc,
                "SHOPIFY_API_KEY": str(front.info["client_id"]),
                "SHOPIFY_API_SECRET": str(front.info["client_secret"]),
                "SHOPIFY_API_ROOT": front.api_root,
                **settings,
            }
            there = Merchant(replace(house, env={**house.env, **env}), front)
            door = {"url": f"{front.url}/_admin/shops/{SHOP}", "token": front.info["admin_token"]}
            store = there.house.ask("shopifying:connected", shop=SHOP, **door).found
            yield replace(there, store=store)
        finally:
            front.stop()


# -- reading ---------------------------------------------------------------------------------------------------------


def _read(servers: Ground, products: int, *, largest: bool) -> tuple[float, float]:
    """Seconds of the first reading, and how many of them its process computed."""
    with merchant(servers, products) as there:
        first = there.house.ask("shopifying:read", READING_S, store=there.store)
        _whole(there, products)
        name = f"shopify.sync_{NAMED if largest else products}"
        put(Figure(f"{name}_s", first.found["seconds"], "s"))
        put(Figure(f"{name}_mib", first.peak_mib, "MiB", first.found["import_mib"]))
        put(Figure(f"{name}_file_s", first.found["file"], "s, until the store had written its file"))
        put(Figure(f"{name}_cpu_s", first.found["cpu"], "CPU s"))
        return float(first.found["seconds"]), float(first.found["cpu"])


def _whole(there: Merchant, products: int) -> None:
    found = there.house.ask("shopifying:missing", store=there.store, products=products).found
    if found["lost"] or found["doubled"]:
        raise BenchError(f"The catalogue was not read well: {found}")


def _killed(servers: Ground, products: int, undisturbed_s: float | None) -> bool:
    """A reading is killed in the middle of the file, and another process goes on. True where that went wrong."""
    with merchant(servers, products, WORK_LEASE_S=str(LEASE_S)) as there:
        began = time.time()
        reading = there.house.begin("shopifying:read", store=there.store)
        kept, counted = _half_way(there, products, reading)
        reading.kill()
        killed = time.time()
        other = there.house.ask("shopifying:read", READING_S, store=there.store)
        ended = time.time()
        found = there.house.ask("shopifying:missing", store=there.store, products=products).found
        files = there.asked("BulkStart")
    put(Figure("shopify.resumed_lost", found["lost"], f"products, photos or variants of {products} products"))
    put(Figure("shopify.resumed_doubled", found["doubled"], "products, photos or variants"))
    put(Figure("shopify.resumed_files", files, "files that the store was asked for"))
    put(Figure("shopify.resumed_read_twice", kept - counted, "products"))
    idle = other.found["took_over"] - killed
    put(Figure("shopify.resumed_idle_s", idle, f"s, of a lease of {LEASE_S:.0f} s"))
    put(Figure("shopify.resumed_s", ended - began, f"s, killed after {killed - began:.0f} s", undisturbed_s))
    return bool(found["lost"] or found["doubled"]) or files != 1


def _half_way(there: Merchant, products: int, reading: Running) -> tuple[int, int]:
    """Waits until half of the products are there. Returns how many are, and how many of them are counted as read."""
    with there.house.connection() as connection:
        while True:
            kept, counted = connection.execute(
                "SELECT (SELECT count(*) FROM catalog_product WHERE store_id = %(store)s), products"
                " FROM catalog_sync WHERE store_id = %(store)s ORDER BY id DESC LIMIT 1",
                {"store": there.store},
            ).fetchone() or (0, 0)
            # In the middle of a page, so that there is something to read twice.
            if kept >= products // 2 and kept > counted:
                return kept, counted
            if reading.process.poll() is not None:
                reading.answer()
                raise BenchError("The reading ended before it could be killed.")
            time.sleep(0.02)


# -- points ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Spent:
    """What so many processes did with a store's points: by their own counts, and by the store's.

    `given`: a full bucket, and what came back from the first call until the last answer.
    """

    found: list[dict[str, float]]
    refused: int
    used_share: float
    seconds: float

    def sum(self, name: str) -> int:
        return int(sum(one[name] for one in self.found))


def _spend(servers: Ground, what: str, count: int, processes: int, speed: float) -> _Spent:
    """Processes that together do `what` so often, at a shop of 1,000 products with a clock `speed` times as fast."""
    with merchant(servers, 1_000, "--clock-speed", f"{speed}", "--token-life-s", "86400") as there:
        given = {"store": there.store, "count": count, "processes": processes}
        began = time.time()
        asking = [
            there.house.begin(f"shopifying:{what}", **given, epoch=began, speed=speed)
            for _ in range(processes)
        ]
        before = there.order("points")
        found = [one.answer().found for one in asking]
        after = there.order("points")
    seconds = speed * (max(one["last"] for one in found) - min(one["first"] for one in found))
    share = (after["spent"] - before["spent"]) / (before["most"] + seconds * before["per_s"])
    return _Spent(found, after["refused"], share, seconds)


def _points(servers: Ground, questions: int, processes: int) -> bool:
    """So many questions from several processes. True where the store had to refuse one."""
    spent = _spend(servers, "asked", questions, processes, CLOCK_SPEED)
    if spent.sum("answers") != questions:
        raise BenchError(f"{spent.sum('answers')} of {questions} questions were answered.")
    put(Figure("shopify.throttled", spent.refused, f"of {questions} questions from {processes} processes"))
    put(Figure("shopify.points_used_share", spent.used_share, "of what the store gave"))
    put(Figure("shopify.questions_s", spent.seconds, _FASTER.format(CLOCK_SPEED)))
    return bool(spent.refused)


def _writes(servers: Ground, writes: int, processes: int) -> bool:
    """Pictures put into products until at least so many changes were sent. True where the store refused one."""
    spent = _spend(servers, "wrote", writes, processes, CLOCK_SPEED_OF_WRITES)
    if spent.sum("writes") < writes:
        raise BenchError(f"{spent.sum('writes')} of {writes} changes were made.")
    unit = f"of {spent.sum('writes')} changes from {processes} processes, and what was asked between them"
    put(Figure("shopify.writes_throttled", spent.refused, unit))
    put(Figure("shopify.writes_points_used_share", spent.used_share, "of what the store gave"))
    put(Figure("shopify.writes_s", spent.seconds, _FASTER.format(CLOCK_SPEED_OF_WRITES)))
    put(
        Figure(
            "shopify.pictures_per_min", 60 * spent.sum("pictures") / spent.seconds, "at 100 points a second"
        )
    )
    return bool(spent.refused)


# -- a token ---------------------------------------------------------------------------------------------------------


def _token(servers: Ground, processes: int) -> bool:
    """A token ended, then the store refuses one, and so many processes need it at once. True where that went wrong."""
    wrong = False
    with merchant(servers, 1) as there:
        for refused in (False, True):
            point = "refused_token" if refused else "ended_token"
            there.house.ask("shopifying:let_it_end", store=there.store, refused=refused)
            before = there.asked("access_token")
            needing = [
                there.house.begin("shopifying:needed", store=there.store, processes=processes, point=point)
                for _ in range(processes)
            ]
            found = [one.answer().found for one in needing]
            calls = there.asked("access_token") - before
            failures = [one["failure"] for one in found if one["failure"]]
            for words in set(failures):
                say(f"A process was not let in: {words}")
            unit = f"calls that renew it, for {processes} processes at once"
            put(Figure(f"shopify.{point}_calls", calls, unit))
            put(Figure(f"shopify.{point}_failed", len(failures), "processes that were not let in"))
            put(Figure(f"shopify.{point}_given", len({one["token"] for one in found}), "different tokens"))
            wrong = wrong or calls != 1 or bool(failures)
    return wrong
