"""The part `embedded`: how fast pages of the dashboard are in the frame of a Shopify store's administration, for a
merchant with a slow computer, against the budgets of "Built for Shopify".

Chromium computes at a quarter of its speed. Shopify's scripts are stood in for: what they do is the sandbox's, their
size is padded with code that is parsed and partly run, and each comes 300 ms after it was asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import metrics
from benchmarks.asked import Asked
from benchmarks.house.ground import ground
from benchmarks.lines import Figure, put, say
from gpu_worker import threads


@dataclass(frozen=True)
class Size:
    photos: int = 5_000
    products: int = 1_000
    times: int = 5


QUICK = Size(photos=200, products=40, times=1)


def run(asked: Asked) -> int:
    """Prints the part's figures. Returns 0."""
    size = QUICK if asked.quick else Size()
    servers = ground()
    if (load := os.getloadavg()[0]) > threads.cores() / 2:
        say(f"others use this machine (load {load:.1f} on {threads.cores()} cores): times are upper bounds")
    with servers.house() as house, TemporaryDirectory() as folder:
        merchant = house.ask("browsing:filled", photos=size.photos, products=size.products).found
        servers.tidy(house)
        found = house.ask(
            "embedding:measured", store=merchant["store"], times=size.times, folder=str(Path(folder))
        ).found
    for name, seen in found["pages"].items():
        put(Figure(f"embedded.{name}.lcp_ms", metrics.percentile(seen["lcp_ms"], 75), "ms"))
        put(Figure(f"embedded.{name}.cls", max(seen["cls"]), "score"))
    put(
        Figure(
            "embedded.lcp_p75_ms",
            max(metrics.percentile(s["lcp_ms"], 75) for s in found["pages"].values()),
            "ms",
        )
    )
    put(Figure("embedded.cls_worst", max(max(s["cls"]) for s in found["pages"].values()), "score"))
    put(Figure("embedded.inp_ms", max(found["interactions_ms"]), "ms"))
    put(Figure("embedded.interactions", len(found["interactions_ms"]), "interactions"))
    put(Figure("embedded.script_kib", found["script_kib"], "KiB"))
    return 0
