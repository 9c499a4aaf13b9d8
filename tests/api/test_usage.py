"""Usage over the REST API, and what its documents say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Role
from apps.usage import services
from apps.usage.models import Budget, Price
from tests.api.test_rest import with_key
from tests.shopkeeping import Shop, photo

ROOT = "/api/v1/"


@pytest.fixture
def dear_hours(db: None) -> None:
    """However quick a render is, it costs something."""
    begun = timezone.now() - dt.timedelta(days=1)
    Price.objects.create(device="cpu", valid_from=begun, micros_per_hour=1000 * 3_600_000_000)


@pytest.fixture
def used(shop: Shop) -> Shop:
    """Two pictures were rendered."""
    shop.sell("Mug", photo("#2b4a7f"))
    shop.sell("Bowl", photo("#7f2b4a"))
    shop.deliver()
    shop.work()
    return shop


def get(client: Client, path: str) -> Any:
    answer = client.get(ROOT + path)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_month_by_day_recipe_store_and_batch(used: Shop) -> None:
    told = get(with_key(used, Role.VIEWER), "usage/")
    assert told["total"]["pictures"] == 2 and told["total"]["cost_micros"] > 0
    assert told["total"]["each_micros"] == pytest.approx(told["total"]["cost_micros"] / 2)
    assert [part["name"] for part in told["recipes"]] == ["White packshot"]
    assert [part["id"] for part in told["stores"]] == [used.store.pk]
    assert told["batches"][0] == {"id": 0, "name": "", "sums": told["total"]}
    assert sum(day["sums"]["pictures"] for day in told["days"]) == 2
    assert get(with_key(used), "usage/?month=2020-02")["total"]["pictures"] == 0
    assert with_key(used).get(ROOT + "usage/?month=2020-13").status_code == 400


def test_each_attempt_is_listed_once(used: Shop) -> None:
    client = with_key(used)
    rows = get(client, f"usage/records/?month={timezone.now():%Y-%m}")["results"]
    assert len(rows) == 2 and {row["outcome"] for row in rows} == {"done"}
    assert {row["cutout"] for row in rows} == {"made"}
    assert get(client, "usage/records/?month=2020-01")["results"] == []


def test_an_owner_sets_the_budget_and_nobody_else(dear_hours: None, used: Shop) -> None:
    body = {"warn_micros": 1, "stop_micros": 10_000_000_000}
    put = {"path": ROOT + "usage/budget/", "data": body, "content_type": "application/json"}
    assert with_key(used).put(**put).status_code == 403
    told = with_key(used, Role.OWNER).put(**put).json()
    assert (told["level"], told["stop_micros"]) == ("warn", 10_000_000_000)
    assert told["left_micros"] == 10_000_000_000 - told["booked_micros"]
    assert get(with_key(used, Role.VIEWER), "usage/budget/") == told
    put["data"] = {"warn_micros": 9, "stop_micros": 3}
    assert with_key(used, Role.OWNER).put(**put).status_code == 400
    assert Budget.objects.get().stop_micros == 10_000_000_000


def test_the_price_table_can_be_read(used: Shop) -> None:
    services.set_price("cpu", 50_000)
    told = get(with_key(used, Role.VIEWER), "prices/")
    assert [(p["device"], p["micros_per_hour"], p["state"]) for p in told] == [
        ("cpu", 50_000, "valid"),
        ("cuda", 2_520_000, "default"),
    ]


def test_without_a_key_there_is_nothing(db: None) -> None:
    for path in ("usage/", "usage/budget/", "usage/records/", "prices/"):
        assert Client().get(ROOT + path).status_code == 401


def test_the_documents_name_every_door_of_batches_and_usage(db: None, client: Client) -> None:
    told = client.get("/api/schema/?format=json", headers={"Accept": "application/vnd.oai.openapi+json"})
    import json

    paths = json.loads(told.content)["paths"]
    for move in ("go", "pause", "resume", "cancel", "retry", "cap", "clone"):
        assert "post" in paths[f"/api/v1/batches/{{id}}/{move}/"], move
    asked = paths["/api/v1/batches/"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert asked["$ref"].endswith("/RegenerateRequest")
    schemas = json.loads(told.content)["components"]["schemas"]
    assert {"filter", "pilot", "cap_micros", "idempotency_key"} <= schemas["RegenerateRequest"][
        "properties"
    ].keys()
    for path in ("usage/", "usage/budget/", "usage/records/", "prices/", "batches/preflight/"):
        assert f"/api/v1/{path}" in paths
