"""The part `batch`: 100,000 photos looked at, made a batch, handed out and taken back; urgency and fairness."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass

from benchmarks import metrics
from benchmarks.asked import Asked
from benchmarks.house.ground import Ground, House, ground
from benchmarks.lines import Figure, put, say
from gpu_worker import threads


@dataclass(frozen=True)
class Size:
    """`queues`: jobs that wait while a round is measured, growing."""

    photos: int = 100_000
    products: int = 20_000
    queues: tuple[int, ...] = (10_000, 100_000)
    slots: int = 50
    rounds: int = 8
    hits: int = 40
    urgent: int = 5
    few: int = 10


QUICK = Size(photos=200, products=50, queues=(60, 200), slots=10, rounds=2, hits=3, urgent=1, few=4)


def run(asked: Asked) -> int:
    """Prints the part's figures. Returns 0."""
    size = QUICK if asked.quick else Size()
    servers = ground()
    if (load := os.getloadavg()[0]) > threads.cores() / 2:
        say(f"others use this machine (load {load:.1f} on {threads.cores()} cores): seconds are upper bounds")
    with servers.house() as house:
        merchant = house.ask("batching:filled", photos=size.photos, products=size.products).found
        servers.tidy(house)
        _catalogue(house, merchant, size)
    with servers.house() as house:
        _queues(servers, house, size)
    with servers.house() as house:
        took = house.ask("batching:fairness", few=size.few, many=size.queues[-1]).found
        ratio = took["beside"] / took["alone"]
        put(Figure("batch.small_beside_large_ratio", ratio, "of the time alone"))
        put(Figure("batch.small_beside_large_s", took["beside"], "s", took["alone"]))
    return 0


def _catalogue(house: House, merchant: dict[str, int], size: Size) -> None:
    ahead = house.ask("batching:preflight", **merchant, photos=size.photos)
    put(Figure("batch.preflight_100k_s", ahead.found["seconds"], "s"))
    put(Figure("batch.preflight_100k_mib", ahead.peak_mib, "MiB", ahead.found["import_mib"]))
    created = house.ask("batching:create", **merchant, photos=size.photos).found
    put(Figure("batch.create_100k_s", created["seconds"], "s"))
    hits = house.ask("batching:cache_hits", **merchant, times=size.hits).found["seconds"]
    put(Figure("cache.hit_ms", statistics.median(hits) * 1000, "ms"))


def _queues(servers: Ground, house: House, size: Size) -> None:
    """The same queue, first short, then long; then an urgent job before all that waits."""
    merchant = house.ask("dispatching:opened").found
    costs = []
    waiting = 0
    for queue in size.queues:
        house.ask("dispatching:wait", **merchant, jobs=queue - waiting)
        waiting = queue
        servers.tidy(house)
        costs.append(house.ask("dispatching:rounds", slots=size.slots, rounds=size.rounds).found)
    last = costs[-1]
    cpu = {part: last[part]["cpu"] * 1000 for part in ("claim", "accept", "judge")}
    put(
        Figure("dispatch.ms_per_job", cpu["claim"] + cpu["accept"], "CPU ms", last["yardstick"]["cpu"] * 1000)
    )
    put(Figure("dispatch.claim_ms_per_job", cpu["claim"], "CPU ms"))
    put(Figure("dispatch.accept_ms_per_job", cpu["accept"], "CPU ms"))
    put(Figure("dispatch.accept_alone_ms_per_job", last["alone"]["cpu"] * 1000, "CPU ms"))
    put(Figure("dispatch.judge_ms_per_job", cpu["judge"], "CPU ms"))
    # What all that waits would take at that cost: 1 where a backlog makes no job dearer.
    whole = [
        queue * (cost["claim"]["wall"] + cost["accept"]["wall"])
        for queue, cost in zip(size.queues, costs, strict=True)
    ]
    exponent = metrics.growth_exponent(size.queues, whole)
    if exponent is not None:
        put(Figure("dispatch.growth_exponent", exponent, "exponent of jobs that wait"))
    waits = house.ask("batching:urgent", **merchant, times=size.urgent).found["seconds"]
    put(Figure("urgent.start_s", max(waits), "s, the longest"))
