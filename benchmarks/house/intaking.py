"""In a fresh process: the store that deliveries are for, and whether exactly the right rows are there afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from apps.ingest.models import Delivery
from apps.lib.ids import sha256_hex
from benchmarks.house import deliveries, fill


def opened() -> dict[str, Any]:
    """Where this store's webhooks go, and the secret that signs them."""
    store = fill.merchant("anna").store
    return {"path": f"/hooks/{store.hook_token}/", "secret": store.hook_secret}


def wrong_rows(sent: Mapping[str, int]) -> dict[str, int]:
    """`sent`: a delivery's number → how often it came.

    Counts rows that are missing, too many, changed or miscounted, or that the dispatcher would not find.
    """
    expected = {}
    for number, times in sent.items():
        body = deliveries.body(int(number))
        expected[sha256_hex(body)] = (times - 1, str(1000 + int(number)))
    wrong, now = 0, timezone.now()
    found = set()
    rows = Delivery.objects.filter(body_sha256__in=list(expected))
    for row in rows.defer("error", "outcome").iterator():
        repeats, external_id = expected[row.body_sha256]
        good = row.body_sha256 not in found and sha256_hex(bytes(row.body)) == row.body_sha256
        good = good and (row.repeats, row.external_id, row.work_state) == (repeats, external_id, "waiting")
        good = good and row.hint_after <= now
        wrong += not good
        found.add(row.body_sha256)
    return {"wrong": wrong + len(expected.keys() - found), "rows": len(found)}


def rows() -> int:
    return Delivery.objects.count()
