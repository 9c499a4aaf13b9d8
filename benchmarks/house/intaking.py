"""In a fresh process: the store that deliveries are for, and whether exactly the right rows are there afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis
from django.conf import settings

from apps.ingest.models import Delivery
from apps.lib.ids import sha256_hex
from benchmarks.house import deliveries, fill
from gpu_worker.contract import QUEUE_CONTROL


def opened() -> dict[str, Any]:
    """Where this store's webhooks go, and the secret that signs them."""
    store = fill.merchant("anna").store
    return {"path": f"/hooks/{store.hook_token}/", "secret": store.hook_secret}


def wrong_rows(sent: Mapping[str, int], before: int) -> dict[str, int]:
    """`sent`: a delivery's number → how often it came; `before`: how many had been announced earlier.

    Counts rows that are missing, too many, changed or miscounted, and deliveries announced never or twice.
    """
    expected = {}
    for number, times in sent.items():
        body = deliveries.body(int(number))
        expected[sha256_hex(body)] = (times - 1, str(1000 + int(number)))
    wrong = 0
    found = set()
    rows = Delivery.objects.filter(body_sha256__in=list(expected))
    for row in rows.defer("error", "outcome").iterator():
        repeats, external_id = expected[row.body_sha256]
        good = row.body_sha256 not in found and sha256_hex(bytes(row.body)) == row.body_sha256
        good = good and (row.repeats, row.external_id, row.work_state) == (repeats, external_id, "waiting")
        wrong += not good
        found.add(row.body_sha256)
    announced = announcements() - before
    return {
        "wrong": wrong + len(expected.keys() - found) + abs(announced - len(expected)),
        "rows": len(found),
        "announced": announced,
    }


def announcements() -> int:
    """Messages that wait for control workers."""
    return int(redis.Redis.from_url(settings.REDIS_URL).llen(QUEUE_CONTROL))


def rows() -> int:
    return Delivery.objects.count()
