"""In a fresh process: a merchant connects a storefront, and its catalogue is read."""

from __future__ import annotations

import time
from functools import partial

from apps.catalog import services as catalog
from apps.catalog.models import Photo, Product
from apps.flow import flow
from apps.stores import connect
from apps.stores import services as stores
from apps.stores.models import Store
from apps.stores.throttle import StoreThrottle
from benchmarks.errors import BenchError
from benchmarks.house import fill
from benchmarks.house.dispatching import Stopwatch
from benchmarks.probe import peak_mib
from connectors.types import Credentials


def connected(url: str, keys: dict[str, str]) -> int:
    """The store's id."""
    merchant = fill.merchant("anna")
    store = stores.connect(
        merchant.workspace, platform="woocommerce", url=url, credentials=Credentials(**keys), by="bench"
    )
    return store.pk


def read(store: int, products: int) -> dict[str, float]:
    """One reading of everything. `waited`: seconds of it in which the store was left alone, as its pace wants."""
    before_mib, waited = peak_mib(), [0.0]

    def sleep(seconds: float) -> None:
        waited[0] += seconds
        time.sleep(seconds)

    connect.StoreThrottle = partial(StoreThrottle, sleep=sleep)  # type: ignore[misc, assignment]
    row, _ = catalog.ask_sync(Store.objects.get(pk=store), by="bench")
    with Stopwatch() as watch:
        flow.synced(row.pk)
    row.refresh_from_db()
    if row.work_state != "done":
        raise BenchError(f"The catalogue was not read: {row.error}")
    found = Product.objects.filter(store=store, present=True).count()
    if found != products or Photo.objects.filter(product__store=store).count() < 3 * products:
        raise BenchError(f"{found} of {products} products are there after reading.")
    return {"seconds": watch.wall, "cpu": watch.cpu, "import_mib": before_mib, "waited": waited[0]}
