"""Rules and the state of the mirror over the REST API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.models import Role
from apps.automation.models import Rule
from apps.flow import flow
from tests.shopkeeping import Shop

RULES = "/api/v1/rules/"


def with_key(shop: Shop, role: str = Role.OWNER) -> Client:
    _, secret = accounts.create_key(shop.workspace, name="test", role=role, by="test")
    return Client(headers={"Authorization": f"Bearer {secret}"})


def send(client: Client, method: str, address: str, body: dict[str, Any]) -> Any:
    return getattr(client, method)(address, body, content_type="application/json")


@pytest.fixture
def owner(shop: Shop) -> Client:
    flow.connected(shop.store, by="test")
    shop.carry()
    return with_key(shop)


def test_a_rule_is_made_changed_and_taken_away(shop: Shop, owner: Client) -> None:
    wish = {"store": shop.store.pk, "name": "Night", "events": ["new_photo"], "filter": {"tags": ["a"]}}
    answer = send(owner, "post", RULES, {**wish, "quiet_from": "22:00", "quiet_until": "07:00"})
    assert answer.status_code == 201
    made = answer.json()
    assert made["says"].startswith("When a photo is new on products tagged “a”")
    assert (made["quiet_from"], made["waiting"], made["made_today"]) == ("22:00:00", 0, 0)
    one = f"{RULES}{made['id']}/"
    assert send(owner, "patch", one, {"daily_cap": 5, "on": False}).json()["daily_cap"] == 5
    names = [r["name"] for r in owner.get(f"{RULES}?store={shop.store.pk}").json()["results"]]
    assert names == ["New photos", "Night"]
    assert owner.delete(one).status_code == 204
    assert owner.get(one).status_code == 404
    assert Rule.objects.get(pk=made["id"]).deleted_at is not None


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"filter": {"judged": "doubted"}}, "can't ask for judged"),
        ({"events": ["full_moon"]}, "not a valid choice"),
        ({"colour": "red"}, "no field"),
        ({"events": []}, "at least one"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(
    shop: Shop, owner: Client, wish: dict[str, Any], sentence: str
) -> None:
    answer = send(
        owner, "post", RULES, {"store": shop.store.pk, "name": "It", "events": ["new_photo"], **wish}
    )
    assert answer.status_code == 400 and sentence in answer.content.decode()


def test_only_owners_write_rules_and_only_their_own(shop: Shop, owner: Client) -> None:
    [rule] = owner.get(RULES).json()["results"]
    reviewer = with_key(shop, Role.REVIEWER)
    assert reviewer.get(RULES).status_code == 200
    assert send(reviewer, "patch", f"{RULES}{rule['id']}/", {"on": False}).status_code == 403
    _, other = accounts.create_owner(username="ben", password="a long pass phrase", workspace_name="Ben's")
    _, secret = accounts.create_key(other, name="test", role=Role.OWNER, by="test")
    stranger = Client(headers={"Authorization": f"Bearer {secret}"})
    assert stranger.get(RULES).json()["results"] == []
    assert send(stranger, "patch", f"{RULES}{rule['id']}/", {"on": False}).status_code == 404
    wish = {"store": shop.store.pk, "name": "It", "events": ["new_photo"]}
    assert send(stranger, "post", RULES, wish).status_code == 404


def test_readings_and_their_drift_are_told(shop: Shop, owner: Client) -> None:
    shop.sell()
    shop.remote.deliver()  # lost
    flow.connected(type(shop.store).objects.get(pk=shop.store.pk), by="test")
    shop.carry()
    newest, first = owner.get("/api/v1/syncs/").json()["results"]
    assert (newest["drift_new"], newest["drift_photos"], newest["drift"], first["first"]) == (1, 1, 1, True)
    keeping = owner.get(f"/api/v1/stores/{shop.store.pk}/keeping/").json()
    assert keeping["days_7"]["new"] == 1 and keeping["polling_only_percent"] == 100
    assert keeping["last"]["sync"] == newest["id"]
