"""A shop whose catalogue was mirrored and not worked on, and the hands that regenerate it."""

from __future__ import annotations

from typing import Any

from apps.automation.models import Trigger
from apps.flow import batching
from apps.jobs import preflight, progress
from apps.jobs.filters import Filter
from apps.jobs.models import Batch, Job
from apps.recipes.selectors import automatic
from tests import factories
from tests.shopkeeping import Shop


def colour(number: int) -> str:
    return f"#{(number * 37) % 256:02x}{(number * 91) % 256:02x}{(number * 53) % 256:02x}"


def sync_catalogue(shop: Shop) -> None:
    from apps.catalog import services as catalog
    from apps.flow import flow

    sync, _ = catalog.ask_sync(shop.store, by="test", start_work=False)
    flow.synced(sync.pk)
    shop.wire.clear()
    Trigger.objects.filter(store=shop.store).delete()
    Job.objects.filter(store=shop.store).delete()


def asked(shop: Shop, **more: Any) -> preflight.Wish:
    version = automatic(shop.workspace.pk)
    assert version is not None
    only = Filter.from_json(more.pop("only", {}))
    return batching.wish(shop.store, version, only=only, **more)


def start(shop: Shop, key: str = "monday", **more: Any) -> Batch:
    pilot = more.pop("pilot", None)
    batch, _ = batching.start(asked(shop, **more), name="Again", key=key, by="user:1", pilot=pilot)
    return batch


def counted(batch: Batch) -> progress.Counts:
    return progress.counts([batch.pk])[batch.pk]


def work(shop: Shop) -> None:
    """With a worker known, so that the cache can be asked."""
    factories.WorkerFactory(region=shop.store.region, engines={})
    shop.work()
