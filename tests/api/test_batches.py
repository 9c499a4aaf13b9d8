"""Batches over the REST API: look ahead, start once, watch, and every way to move one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Role
from apps.jobs.models import Batch, BatchState, Job, JobState
from apps.recipes import services as recipes
from apps.recipes.selectors import automatic
from tests import factories
from tests.api.test_rest import with_key
from tests.jobs.regenerating import sync_catalogue
from tests.shopkeeping import Shop, photo

COLOURS = ("#2b4a7f", "#7f2b4a", "#4a7f2b", "#7f7f2b")


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """Four products that were mirrored; nothing was rendered yet."""
    for number, colour in enumerate(COLOURS):
        shop.remote.add_product(
            f"Mug {number}", (photo(colour),), categories=("Mugs" if number else "Lamps",)
        )
    sync_catalogue(shop)
    return shop


def post(client: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    return client.post(f"/api/v1/batches/{path}", body or {}, content_type="application/json")


def start(shop: Shop, client: Client | None = None, **more: Any) -> dict[str, Any]:
    body = {"store": shop.store.pk, "idempotency_key": "monday", **more}
    answer = post(client or with_key(shop), "", body)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_a_look_ahead_says_what_would_come_of_it_and_creates_nothing(stocked: Shop) -> None:
    body = {"store": stocked.store.pk, "filter": {"categories": ["Mugs"]}, "cap_micros": 40}
    found = post(with_key(stocked), "preflight/", body).json()
    assert (found["photos"], found["to_render"], found["affordable"]) == (3, 3, 2)
    assert not Batch.objects.exists()


def test_a_batch_over_part_of_the_catalogue_with_a_pilot_and_a_cap(stocked: Shop) -> None:
    client = with_key(stocked)
    told = start(
        stocked, client, filter={"categories": ["Mugs"]}, pilot="34%", go_at_percent=90, cap_micros=1_000_000
    )
    assert told["state"] == BatchState.HELD and told["filter"] == {"categories": ["Mugs"]}
    assert (told["cap_micros"], told["go_at_share"], told["forecast"]["to_render"]) == (1_000_000, 0.9, 3)
    pilot = client.get(f"/api/v1/batches/{told['pilot']}/").json()
    assert pilot["pilot_of"] == told["id"] and pilot["state"] == BatchState.RUNNING
    assert Job.objects.filter(batch=told["pilot"]).count() == 1
    assert post(client, f"{told['id']}/go/").json()["state"] == BatchState.RUNNING
    assert post(client, f"{told['id']}/go/").status_code == 409


@pytest.mark.parametrize("pilot", [2, "2", "50 %"])
def test_a_pilot_is_a_number_of_photos_or_a_part_of_them(stocked: Shop, pilot: Any) -> None:
    told = start(stocked, pilot=pilot)
    assert Job.objects.filter(batch=told["pilot"]).count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"pilot": "two"},
        {"pilot": "0"},
        {"pilot": "200%"},
        {"go_at_percent": 50},
        {"cap_micros": 0},
        {"filter": {"colour": "red"}},
        {"filter": ["Mugs"]},
        {"filter": {"judged": "ugly"}},
    ],
)
def test_what_can_not_be_meant_is_refused_with_the_fields_name(stocked: Shop, wrong: dict[str, Any]) -> None:
    answer = post(with_key(stocked), "", {"store": stocked.store.pk, "idempotency_key": "x", **wrong})
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()
    assert not Batch.objects.exists()


def test_the_same_key_is_the_same_batch_and_for_other_photos_a_conflict(stocked: Shop) -> None:
    first = start(stocked)
    assert start(stocked)["id"] == first["id"] and Job.objects.count() == 4
    body = {"store": stocked.store.pk, "idempotency_key": "monday", "filter": {"categories": ["Mugs"]}}
    assert post(with_key(stocked), "", body).status_code == 409


def test_pause_resume_cancel_and_what_fits_no_more(stocked: Shop) -> None:
    client, pk = with_key(stocked), start(stocked)["id"]
    for move, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        answer = post(client, f"{pk}/{move}/")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert post(client, f"{pk}/resume/").status_code == 409
    assert client.get("/api/v1/batches/?state=cancelled").json()["results"][0]["id"] == pk
    assert client.get("/api/v1/batches/?state=running").json()["results"] == []


def test_what_failed_is_tried_again(stocked: Shop) -> None:
    client, pk = with_key(stocked), start(stocked)["id"]
    assert post(client, f"{pk}/retry/").status_code == 409, "nothing failed yet"
    Job.objects.filter(batch=pk).update(state=JobState.FAILED, error_code="too_small")
    assert client.get(f"/api/v1/batches/{pk}/progress/").json()["troubles"] == {"too_small": 4}
    assert post(client, f"{pk}/retry/").status_code == 200
    assert client.get(f"/api/v1/batches/{pk}/progress/").json()["open"] == 4


def test_progress_tells_cost_and_the_jobs_of_a_batch_can_be_listed(stocked: Shop) -> None:
    client, pk = with_key(stocked), start(stocked)["id"]
    stocked.work()
    told = client.get(f"/api/v1/batches/{pk}/progress/").json()
    assert (told["total"], told["done"], told["open"], told["at_cap"]) == (4, 4, 0, False)
    assert told["cost_each_micros"] == pytest.approx(told["cost_micros"] / 4)
    factories.JobFactory(photo__product__store=stocked.store)
    listed = client.get(f"/api/v1/jobs/?batch={pk}").json()["results"]
    assert len(listed) == 4 and {row["batch"] for row in listed} == {pk}
    assert client.get("/api/v1/jobs/?batch=x").status_code == 400


def test_a_cap_that_was_reached_is_told_and_only_an_owner_raises_it(stocked: Shop) -> None:
    pk = start(stocked, cap_micros=5)["id"]
    stocked.carry()
    assert stocked.hand_out() == []
    client = with_key(stocked)
    assert client.get(f"/api/v1/batches/{pk}/progress/").json()["at_cap"] is True
    assert client.get(f"/api/v1/batches/{pk}/").json()["cap_reached_at"]
    assert post(client, f"{pk}/cap/", {"cap_micros": 100_000}).status_code == 403
    owner = with_key(stocked, Role.OWNER)
    assert post(owner, f"{pk}/cap/", {"cap_micros": 0}).status_code == 400
    assert post(owner, f"{pk}/cap/", {"cap_micros": 100_000}).json()["cap_reached_at"] is None
    assert len(stocked.hand_out()) == 4
    assert post(owner, f"{pk}/cap/", {"cap_micros": None}).json()["cap_micros"] is None


def test_the_same_photos_with_another_recipe(stocked: Shop) -> None:
    version = automatic(stocked.workspace.pk)
    recipes.create(stocked.workspace, name="Grey", body={**version.body, "shadow": {"kind": "none"}}, by="x")
    pk = start(stocked, filter={"categories": ["Mugs"]})["id"]
    body = {"recipe": "Grey", "idempotency_key": "copy"}
    answer = post(with_key(stocked), f"{pk}/clone/", body)
    assert answer.status_code == 201 and answer.json()["cloned_from"] == pk
    assert Job.objects.filter(batch=answer.json()["id"]).count() == 3
    assert post(with_key(stocked), f"{pk}/clone/", {**body, "recipe": "None such"}).status_code == 404


def test_a_viewer_starts_and_moves_nothing_and_strangers_see_nothing(
    stocked: Shop, storage_root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import on_the_wire
    from tests.shopkeeping import open_shop

    pk = start(stocked)["id"]
    viewer = with_key(stocked, Role.VIEWER)
    assert post(viewer, "", {"store": stocked.store.pk, "idempotency_key": "y"}).status_code == 403
    other = open_shop(f"file://{storage_root}")
    on_the_wire(other, monkeypatch)
    stranger = with_key(other, Role.OWNER)
    for move in ("go", "pause", "resume", "cancel", "retry"):
        assert post(viewer, f"{pk}/{move}/").status_code == 403
        assert post(stranger, f"{pk}/{move}/").status_code == 404
    assert post(stranger, f"{pk}/cap/", {"cap_micros": 5}).status_code == 404
    assert post(stranger, "", {"store": stocked.store.pk, "idempotency_key": "y"}).status_code == 404
