"""The part `pages`: what each page of the dashboard asks of the database, and how long it takes, in a shop of 20,000
products and 100,000 jobs."""

from __future__ import annotations

import os
from dataclasses import dataclass

from benchmarks import metrics
from benchmarks.asked import Asked
from benchmarks.house.ground import ground
from benchmarks.lines import Figure, put, say
from gpu_worker import threads

# A page that takes longer is told with the statement that took longest.
SLOW_S = 0.5


@dataclass(frozen=True)
class Size:
    photos: int = 100_000
    products: int = 20_000
    times: int = 20


QUICK = Size(photos=200, products=40, times=2)


def run(asked: Asked) -> int:
    """Prints the part's figures. Returns 0."""
    size = QUICK if asked.quick else Size()
    servers = ground()
    if (load := os.getloadavg()[0]) > threads.cores() / 2:
        say(f"others use this machine (load {load:.1f} on {threads.cores()} cores): times are upper bounds")
    with servers.house() as house:
        merchant = house.ask("browsing:filled", photos=size.photos, products=size.products).found
        servers.tidy(house)
        pages = house.ask("browsing:browse", **merchant, times=size.times).found
    for name, page in pages.items():
        p95_s = metrics.percentile(page["seconds"], 95)
        put(Figure(f"pages.{name}.queries", page["queries"], "statements"))
        put(Figure(f"pages.{name}.p95_ms", p95_s * 1000, "ms"))
        if p95_s > SLOW_S:
            say(f"{name}: {p95_s:.1f} s, most of it in {page['slowest']}")
    return 0
