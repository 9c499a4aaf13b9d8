"""The part `catalog`: a store's whole catalogue read from a storefront on this machine, and how that grows with it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import metrics
from benchmarks.asked import Asked
from benchmarks.errors import BenchError
from benchmarks.house.ground import House, ground
from benchmarks.lines import Figure, put, say
from connectors.sandbox.server import SandboxProcess
from gpu_worker import threads

# What the figures are named after, and what they grow to.
NAMED = 5_000


@dataclass(frozen=True)
class Size:
    """Products of the stores that are read, growing."""

    products: tuple[int, ...] = (1_250, NAMED, 20_000)


QUICK = Size(products=(40, 80, 160))


def run(asked: Asked) -> int:
    """Prints the part's figures. Returns 0."""
    size = QUICK if asked.quick else Size()
    servers = ground()
    if (load := os.getloadavg()[0]) > threads.cores() / 2:
        say(f"others use this machine (load {load:.1f} on {threads.cores()} cores): seconds are upper bounds")
    took = []
    for products in size.products:
        with servers.house() as house:
            took.append(_read(house, products, named=products == size.products[1]))
    exponent = metrics.growth_exponent(size.products, took)
    if exponent is not None:
        put(Figure("catalog.growth_exponent", exponent, "exponent of products"))
    return 0


def _read(house: House, products: int, *, named: bool) -> float:
    """Seconds of the first reading; and, of the size that the figures are named after, of the next one."""
    with shop(house, products) as (house, front):
        store = house.ask("cataloguing:connected", url=front.url, keys=vars(front.credentials)).found
        first = house.ask("cataloguing:read", store=store, products=products)
        name = f"{NAMED if named else products}"
        put(Figure(f"catalog.sync_{name}_s", first.found["seconds"], "s"))
        put(Figure(f"catalog.sync_{name}_mib", first.peak_mib, "MiB", first.found["import_mib"]))
        if named:
            put(Figure("catalog.sync_5000_waited_s", first.found["waited"], "s, for the store's next turn"))
            put(Figure("catalog.sync_5000_cpu_s", first.found["cpu"], "CPU s"))
            again = house.ask("cataloguing:read", store=store, products=products)
            put(Figure("catalog.sync_again_5000_s", again.found["seconds"], "s", first.found["seconds"]))
    return float(first.found["seconds"])


@contextmanager
def shop(house: House, products: int, *more: str) -> Iterator[tuple[House, SandboxProcess]]:
    """A storefront with so many products, as a process of its own, and the house that may call it."""
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-shop-") as folder:
        arguments = ["--products", str(products), "--environment", "local", *more]
        front = SandboxProcess(Path(folder), *arguments, stdout=subprocess.DEVNULL)
        try:
            front.start()
        except RuntimeError as error:
            raise BenchError(str(error)) from error
        try:
            env = {**house.env, "ALLOW_PRIVATE_HOSTS": urlsplit(front.url).netloc}
            yield replace(house, env=env), front
        finally:
            front.stop()
