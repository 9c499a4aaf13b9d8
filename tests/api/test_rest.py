"""The REST API: one's own workspace only, by role, and every change as a POST."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.models import Role
from apps.review.models import ItemState
from connectors.types import RemoteVariant
from tests.conftest import on_the_wire
from tests.shopkeeping import Shop, open_shop, photo

LISTS = ["stores", "products", "jobs", "batches", "items", "publications", "events"]


@pytest.fixture
def worked(shop: Shop) -> Shop:
    shop.sell()
    shop.deliver()
    shop.work()
    return shop


def with_key(shop: Shop, role: str = Role.REVIEWER) -> Client:
    _, secret = accounts.create_key(shop.workspace, name="test", role=role, by="test")
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.mark.parametrize("name", LISTS)
def test_each_list_shows_ones_own_workspace_and_nobody_elses(
    worked: Shop, storage_root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    other = open_shop(f"file://{storage_root}")
    on_the_wire(other, monkeypatch)
    mine = with_key(worked).get(f"/api/v1/{name}/").json()["results"]
    theirs = with_key(other).get(f"/api/v1/{name}/").json()["results"]
    assert {row["id"] for row in mine}.isdisjoint(row["id"] for row in theirs)
    if name != "batches":
        assert mine
        assert with_key(other).get(f"/api/v1/{name}/{mine[0]['id']}/").status_code == 404


@pytest.mark.parametrize("name", LISTS)
def test_without_a_key_there_is_nothing(worked: Shop, name: str) -> None:
    assert Client().get(f"/api/v1/{name}/").status_code == 401
    wrong = Client(headers={"Authorization": "Bearer vtr_wrong"})
    assert wrong.get(f"/api/v1/{name}/").status_code == 401


def test_secrets_are_in_no_answer(worked: Shop) -> None:
    client = with_key(worked, Role.OWNER)
    told = "".join(client.get(f"/api/v1/{name}/").content.decode() for name in LISTS)
    for secret in ("fake-secret", "fake-password", worked.store.hook_secret, worked.store.hook_token):
        assert secret not in told


def test_a_viewer_reads_and_decides_nothing(worked: Shop) -> None:
    [item] = worked.items()
    client = with_key(worked, Role.VIEWER)
    assert client.get(f"/api/v1/items/{item.pk}/").status_code == 200
    answer = client.post(
        f"/api/v1/items/{item.pk}/decide/", {"approved": True}, content_type="application/json"
    )
    assert answer.status_code == 403


def test_undo_over_the_api(worked: Shop) -> None:
    client = with_key(worked)
    [publication] = worked.publications()
    answer = client.post(f"/api/v1/publications/{publication.pk}/undo/")
    assert answer.status_code == 202
    worked.work()
    told = client.get(f"/api/v1/publications/{publication.pk}/").json()
    assert told["undo"]["outcome"] == "Everything is as it was before."
    assert told["undone_at"]


def test_a_person_decides_over_the_api_and_a_second_thought_is_a_conflict(worked: Shop) -> None:
    [item] = worked.items()
    type(item).objects.filter(pk=item.pk).update(state=ItemState.PENDING)
    client = with_key(worked)
    url = f"/api/v1/items/{item.pk}/decide/"
    assert (
        client.post(url, {"approved": False}, content_type="application/json").json()["state"] == "rejected"
    )
    answer = client.post(url, {"approved": True}, content_type="application/json")
    assert answer.status_code == 409 and "already rejected" in answer.json()["detail"]


def test_the_same_idempotency_key_is_the_same_batch(worked: Shop) -> None:
    client = with_key(worked)
    wish = {"store": worked.store.pk, "idempotency_key": "monday"}
    first = client.post("/api/v1/batches/", wish, content_type="application/json")
    again = client.post("/api/v1/batches/", wish, content_type="application/json")
    assert first.status_code == 201
    assert first.json()["id"] == again.json()["id"]
    progress = client.get(f"/api/v1/batches/{first.json()['id']}/progress/").json()
    assert progress["total"] == 1, "a photo in whose place ours stands is still the photo to render"


def test_the_documents_are_there(db: None, client: Client) -> None:
    assert client.get("/api/schema/").status_code == 200
    page = client.get("/api/docs/")
    assert page.status_code == 200 and b"swagger" in page.content.lower()


def test_a_product_tells_what_the_store_says_of_it_and_whose_its_pictures_are(shop: Shop) -> None:
    red = RemoteVariant("77", "Red", image=shop.remote.add_media(photo("#a11"), "red.jpg"))
    shop.remote.add_product(
        "Shirt",
        (photo(),),
        vendor="Kiln",
        attributes={"Colour": ("Red", "Blue")},
        price="15",
        regular_price="18",
        on_sale=True,
        variants=(red,),
    )
    shop.deliver()
    shop.carry()
    [product] = with_key(shop).get("/api/v1/products/").json()["results"]
    assert product["attributes"] == {"Colour": ["Red", "Blue"]} and product["vendor"] == "Kiln"
    assert (product["price"], product["regular_price"], product["on_sale"]) == ("15", "18", True)
    assert [p["variant"] for p in product["photos"]] == ["", "77"]
