"""In a fresh process: a merchant comes from a Shopify shop, its catalogue is read, points are spent, a token ends."""

from __future__ import annotations

import datetime as dt
import time
from functools import partial
from typing import cast

from django.utils import timezone

from apps.catalog import services as catalog
from apps.catalog.models import Photo, Product, Sync, Variant
from apps.flow import flow, signingin
from apps.lib import ids, wire
from apps.lib.work import WorkState
from apps.stores import connect, shopify, tokens
from apps.stores.models import Store
from apps.stores.points import StorePoints
from apps.stores.throttle import StoreThrottle
from benchmarks.errors import BenchError
from benchmarks.house.dispatching import Stopwatch
from benchmarks.probe import peak_mib
from connectors.errors import ConnectorError, RateLimited
from connectors.http import Http
from connectors.sandbox.shopify import large

LOOK_EVERY_S = 0.25
ASKED = "bench:asked"
READY_S = 120.0


def connected(shop: str, url: str, token: str) -> int:
    """The store's id, once it has given us access as a page in its administration does.

    `url` and `token` open the sandbox's own door: a session token lives for a minute of the sandbox's clock.
    """
    session = Http(connect.connector_settings()).request_json(
        "POST", f"{url}/session-token", headers={"X-Admin-Token": token}
    )
    credentials = shopify.exchange().session(shop, session.json()["result"])
    return signingin.connect_new(shop, credentials).pk


# -- reading ---------------------------------------------------------------------------------------------------------


def read(store: int) -> dict[str, float]:
    """One reading of everything, or the rest of one whose process is gone.

    `file`: seconds until the store had put its file together and was asked again; `took_over`: when the lease of
    whoever read before had ended, on the machine's clock. A sweeper wakes what waits; here this process looks itself.
    """
    before_mib, file, took_over = peak_mib(), 0.0, time.time()
    row, _ = catalog.ask_sync(Store.objects.get(pk=store), by="bench")
    began = time.perf_counter()
    with Stopwatch() as watch:
        while True:
            flow.synced(row.pk)
            row.refresh_from_db()
            if row.work_state in {WorkState.DONE, WorkState.FAILED}:
                break
            waits = row.work_state == WorkState.WAITING
            time.sleep(
                max(LOOK_EVERY_S, (row.not_before - timezone.now()).total_seconds())
                if waits
                else LOOK_EVERY_S
            )
            if waits:
                file = time.perf_counter() - began
            else:
                took_over = time.time()
    if row.work_state == WorkState.FAILED:
        raise BenchError(f"The catalogue was not read: {row.error}")
    return {
        "seconds": watch.wall,
        "cpu": watch.cpu,
        "import_mib": before_mib,
        "file": file,
        "took_over": took_over,
    }


def missing(store: int, products: int) -> dict[str, int]:
    """How much of a made-up catalogue is not there, and how much is there, or counted as read, too often."""
    wanted = {str(large.FIRST_PRODUCT + n) for n in range(products)}
    found = list(Product.objects.filter(store=store, present=True).values_list("external_id", flat=True))
    variable = len(range(0, products, large.VARIABLE_EVERY))
    photos = Photo.objects.filter(product__store=store, present=True).count() - 3 * products - 2 * variable
    variants = Variant.objects.filter(product__store=store).count() - len(large.SIZES) * variable
    counted = Sync.objects.get(store=store).products - products
    there = wanted.intersection(found)
    more = (len(found) - len(there), photos, variants, counted)
    return {
        "lost": len(wanted) - len(there) + sum(max(0, -n) for n in more),
        "doubled": sum(max(0, n) for n in more),
    }


# -- points ----------------------------------------------------------------------------------------------------------


def asked(store: int, questions: int, processes: int, epoch: float, speed: float) -> dict[str, float]:
    """Asks the store for one product after the other until all processes together have had so many answers.

    From `epoch` on, our clock goes `speed` times as fast, and waiting takes as much less. `first`, `last`: when the
    first question went out and the last answer came, on the machine's clock.
    """

    def clock() -> float:
        return epoch + (time.time() - epoch) * speed

    def sleep(seconds: float) -> None:
        time.sleep(seconds / speed)

    connect.StorePoints = partial(StorePoints, clock=clock, sleep=sleep)  # type: ignore[misc, assignment]
    connect.StoreThrottle = partial(StoreThrottle, clock=clock, sleep=sleep)  # type: ignore[misc, assignment]
    connector = connect.open_store(Store.objects.get(pk=store))
    _together("asked", processes)
    first, answers = time.time(), 0
    while (nth := wire.client().incr(ASKED)) <= questions:
        while True:
            try:
                connector.product(str(large.FIRST_PRODUCT + nth % 1000))
            except RateLimited as error:
                sleep(error.retry_after_s)
            else:
                break
        answers += 1
    return {"first": first, "last": time.time(), "answers": answers}


def _together(point: str, processes: int) -> None:
    """Waits until so many processes have come to this point."""
    key, redis = f"bench:ready:{point}", wire.client()
    redis.incr(key)
    deadline = time.monotonic() + READY_S
    while int(cast(bytes, redis.get(key)) or 0) < processes:
        if time.monotonic() > deadline:
            raise BenchError("The other processes did not come.")
        time.sleep(0.01)


# -- a token ---------------------------------------------------------------------------------------------------------


def let_it_end(store: int, refused: bool) -> None:
    """The store's token has just ended; or, `refused`, is one that the store does not take."""
    row = Store.objects.get(pk=store)
    ends = timezone.now() + (dt.timedelta(hours=1) if refused else -dt.timedelta(seconds=1))
    row.credentials |= {"expires_at": ends.isoformat()} | ({"token": "shpat_gone"} if refused else {})
    row.save(update_fields=["credentials"])


def needed(store: int, processes: int, point: str) -> dict[str, str]:
    """Asks the store who it is, at the same moment as the others. A digest of the token that did it, or the failure."""
    connector = connect.open_store(Store.objects.get(pk=store))
    _together(point, processes)
    try:
        connector.check()
    except ConnectorError as error:
        return {"token": "", "failure": str(error)}
    return {"token": ids.sha256_hex(tokens.current(store).token.encode()), "failure": ""}
