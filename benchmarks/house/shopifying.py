"""In a fresh process: a merchant comes from a Shopify shop, its catalogue is read, points are spent, a token ends."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

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
from connectors.base import Connector
from connectors.errors import ConnectorError, RateLimited
from connectors.http import Answer, Http
from connectors.sandbox.shopify import large
from connectors.types import ImageWrite

LOOK_EVERY_S = 0.25
ASKED, WRITTEN = "bench:asked", "bench:written"
READY_S = 120.0
T = TypeVar("T")


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


def asked(store: int, count: int, processes: int, epoch: float, speed: float) -> dict[str, float]:
    """Asks the store for one product after the other until all processes together have had so many answers.

    From `epoch` on, our clock goes `speed` times as fast, and waiting takes as much less. `first`, `last`: when the
    first question went out and the last answer came, on the machine's clock.
    """
    sleep = _hurry(epoch, speed)
    connector = connect.open_store(Store.objects.get(pk=store))
    _together("asked", processes)
    first, answers = time.time(), 0
    while (nth := wire.client().incr(ASKED)) <= count:
        _patiently(partial(connector.product, str(large.FIRST_PRODUCT + nth % 1000)), sleep)
        answers += 1
    return {"first": first, "last": time.time(), "answers": answers}


def wrote(store: int, count: int, processes: int, epoch: float, speed: float) -> dict[str, float]:
    """Puts a new picture in the place of the first photo of one product after the other, as publishing does, until all
    processes together have sent so many changes. `writes`: those of this one. The rest as in `asked`.
    """
    sleep = _hurry(epoch, speed)
    connector = connect.open_store(Store.objects.get(pk=store))
    sent, request = 0, Http.request_json

    def counted(http: Http, method: str, url: str, **how: Any) -> Answer:
        nonlocal sent
        answer = request(http, method, url, **how)
        if not how.get("repeats"):
            sent += 1
            wire.client().incr(WRITTEN)
        return answer

    Http.request_json = counted  # type: ignore[method-assign, assignment]
    data = large.file(large.media(large.FIRST_MEDIA)["filename"]) or b""
    _together("wrote", processes)
    first, pictures = time.time(), 0
    while int(cast(bytes, wire.client().get(WRITTEN)) or 0) < count:
        nth = wire.client().incr(ASKED)
        _picture(connector, str(large.FIRST_PRODUCT + nth % 1000), f"bench-v{nth}-0123456789", data, sleep)
        pictures += 1
    return {"first": first, "last": time.time(), "writes": sent, "pictures": pictures}


def _picture(
    connector: Connector, product: str, stem: str, data: bytes, sleep: Callable[[float], None]
) -> None:
    """What one publication asks of a store, without what shoppers load."""
    before = _patiently(lambda: connector.product(product), sleep)
    image = _patiently(
        lambda: connector.upload(data=data, filename=f"{stem}.jpg", content_type="image/jpeg"), sleep
    )
    first, *rest = (one.id for one in before.images)
    entries = [ImageWrite(id=image.id, instead_of=first), *(ImageWrite(id=one) for one in rest)]
    _patiently(lambda: connector.set_images(product, entries, mark=stem), sleep)


def _hurry(epoch: float, speed: float) -> Callable[[float], None]:
    """From `epoch` on our clock goes `speed` times as fast. Returns how to wait by it."""

    def clock() -> float:
        return epoch + (time.time() - epoch) * speed

    def sleep(seconds: float) -> None:
        time.sleep(seconds / speed)

    connect.StorePoints = partial(StorePoints, clock=clock, sleep=sleep)  # type: ignore[misc, assignment]
    connect.StoreThrottle = partial(StoreThrottle, clock=clock, sleep=sleep)  # type: ignore[misc, assignment]
    Http.wait = lambda http, seconds: sleep(seconds)  # type: ignore[method-assign, assignment]
    return sleep


def _patiently(act: Callable[[], T], sleep: Callable[[float], None]) -> T:
    """What comes of it, tried again where the store asks for patience."""
    while True:
        try:
            return act()
        except RateLimited as error:
            sleep(error.retry_after_s)


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
