"""In a fresh process: open each page of the dashboard as an owner, and note what the database was asked and how long it
took."""

from __future__ import annotations

import time
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from apps.accounts.models import User
from apps.catalog.models import Product
from apps.jobs.models import Batch, Job
from apps.publishing.models import Publication
from apps.review.models import Item
from benchmarks.house import fill, history

# The name that is printed → the address's name and the row it is about. A page that is not there is left out.
PAGES: dict[str, tuple[str, str]] = {
    "home": ("home", ""),
    "live": ("live", ""),
    "products": ("products", ""),
    "product": ("product", "product"),
    "review": ("review", ""),
    "review_item": ("review-item", "item"),
    "batches": ("batches", ""),
    "batch": ("batch", "batch"),
    "jobs": ("jobs", ""),
    "job": ("job", "job"),
    "stores": ("stores", ""),
    "store": ("store", "store"),
    "regenerate": ("regenerate", "store"),
    "publications": ("publications", ""),
    "publication": ("publication", "publication"),
    "audit": ("audit", ""),
    "recipes": ("recipes", ""),
    "rendering": ("rendering", ""),
    "usage": ("usage", ""),
}


def filled(photos: int, products: int) -> dict[str, int]:
    """A merchant with a past."""
    merchant = fill.merchant("anna")
    fill.worker()
    fill.catalogue(merchant, products=products, photos=photos)
    history.made(merchant)
    return merchant.ids


def browse(store: int, version: int, times: int) -> dict[str, dict[str, Any]]:
    """Per page: how many statements, the seconds of each visit, and the slowest statement of the last one."""
    rows = _rows(store)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username="anna"))
    found = {}
    for name, (page, about) in PAGES.items():
        try:
            url = reverse(f"dashboard:{page}", args=[rows[about]] if about else [])
        except NoReverseMatch:
            continue
        client.get(url)  # templates are compiled
        with CaptureQueriesContext(connection) as asked:
            _visit(client, url)
        statements = asked.captured_queries  # the next visit clears them
        found[name] = {
            "queries": len(statements),
            "slowest": max(statements, key=lambda q: float(q["time"]))["sql"][:400],
            "seconds": [_visit(client, url) for _ in range(times)],
        }
    return found


def _visit(client: Client, url: str) -> float:
    started = time.perf_counter()
    answer = client.get(url)
    took = time.perf_counter() - started
    assert answer.status_code in {200, 286}, (url, answer.status_code)
    return took


def _rows(store: int) -> dict[str, int]:
    """A row of each kind, from the middle of many."""
    jobs = Job.objects.filter(state="done").order_by("pk")
    return {
        "store": store,
        "product": Product.objects.order_by("pk")[Product.objects.count() // 2].pk,
        "job": jobs[jobs.count() // 2].pk,
        "item": Item.objects.filter(state="pending").order_by("pk").values_list("pk", flat=True)[0],
        "batch": Batch.objects.order_by("pk").values_list("pk", flat=True)[0],
        "publication": Publication.objects.order_by("pk").values_list("pk", flat=True)[0],
    }
