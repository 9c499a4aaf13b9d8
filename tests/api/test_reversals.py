"""Taking many pictures back over the REST API."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Role
from apps.automation.models import Rule
from apps.jobs.models import Batch
from apps.publishing.models import Publication, Reversal
from tests import factories
from tests.api.test_rest import with_key
from tests.jobs.regenerating import start, sync_catalogue
from tests.shopkeeping import Shop, photo


@pytest.fixture
def live(shop: Shop) -> Shop:
    """Two pictures of a batch are live."""
    shop.sell("Mug", photo("#2b4a7f"))
    shop.sell("Bowl", photo("#7f2b4a"))
    sync_catalogue(shop)
    Rule.objects.update(on=False)
    start(shop)
    shop.work()
    return shop


def post(client: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    return client.post(f"/api/v1/reversals/{path}", body or {}, content_type="application/json")


def test_a_batch_is_looked_at_taken_back_once_and_watched(live: Shop) -> None:
    client, batch = with_key(live, role=Role.OWNER), Batch.objects.get().pk
    ahead = post(client, "preview/", {"batch": batch}).json()
    assert (ahead["pictures"], ahead["products"], ahead["changed"]) == (2, 2, 0)
    assert not Reversal.objects.exists()
    body = {"batch": batch, "idempotency_key": "k", "note": "Too dark"}
    told = post(client, "", body)
    assert told.status_code == 201 and told.json()["total"] == 2
    assert post(client, "", body).json()["id"] == told.json()["id"]
    live.work()
    address = f"{told.json()['id']}/"
    found = client.get(f"/api/v1/reversals/{address}").json()
    assert (found["state"], found["note"], found["ahead"]["pictures"]) == ("done", "Too dark", 2)
    assert client.get(f"/api/v1/reversals/{address}progress/").json()["done"] == 2
    assert client.get(f"/api/v1/reversals/{address}failures/").json()["results"] == []
    assert not Publication.objects.filter(undone_at=None).exists()
    assert post(client, "", {**body, "idempotency_key": "other"}).status_code == 409


def test_everything_since_a_moment_is_stopped_and_goes_on(live: Shop) -> None:
    client = with_key(live, role=Role.OWNER)
    since = (timezone.now() - dt.timedelta(hours=1)).isoformat()
    told = post(client, "", {"store": live.store.pk, "since": since, "idempotency_key": "k"}).json()
    assert post(client, f"{told['id']}/stop/").json()["state"] == "stopped"
    assert post(client, f"{told['id']}/stop/").status_code == 409
    assert post(client, f"{told['id']}/retry/").status_code == 409
    live.wire.clear()
    assert post(client, f"{told['id']}/resume/").json()["state"] == "running"
    live.work()
    assert Reversal.objects.get().state == "done"


def test_what_can_not_be_meant_is_refused(live: Shop) -> None:
    client, store = with_key(live, role=Role.OWNER), live.store.pk
    batch = Batch.objects.get().pk
    later = (timezone.now() + dt.timedelta(days=1)).isoformat()
    for body, status in (
        ({}, 400),
        ({"store": store}, 400),
        ({"store": store, "since": "yesterday"}, 400),
        ({"store": store, "since": later}, 400),
        ({"store": store, "since": "2026-01-01T00:00:00Z", "recipe": "Nonsense"}, 404),
        ({"batch": batch, "since": "2026-01-01T00:00:00Z"}, 400),
        ({"batch": 999_999}, 404),
        ({"store": 999_999, "since": "2026-01-01T00:00:00Z"}, 404),
    ):
        assert post(client, "preview/", body).status_code == status, body
        assert post(client, "", {**body, "idempotency_key": "k"}).status_code == status, body


def test_only_an_owner_takes_a_batch_back_and_only_their_own(live: Shop) -> None:
    batch = Batch.objects.get().pk
    body = {"batch": batch, "idempotency_key": "k"}
    reviewer = with_key(live, role=Role.REVIEWER)
    assert post(reviewer, "", body).status_code == 403
    assert post(reviewer, "preview/", body).status_code == 200
    other = factories.ReversalFactory()
    assert reviewer.get(f"/api/v1/reversals/{other.pk}/").status_code == 404
