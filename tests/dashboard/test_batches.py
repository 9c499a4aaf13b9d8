"""Starting a batch with a look ahead, watching it, moving it: what a merchant sees and may press."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.catalog.models import Product
from apps.jobs.models import Batch, BatchState, Job
from tests import factories
from tests.dashboard.merchants import Merchant


def start_page(merchant: Merchant) -> str:
    return reverse("dashboard:regenerate", args=[merchant.store.pk])


def wish(merchant: Merchant, **more: Any) -> dict[str, Any]:
    return {"recipe": merchant.version.pk, "name": "Spring", "key": "0" * 32, **more}


@pytest.fixture
def batch(merchant: Merchant, owner: Client) -> Batch:
    owner.post(start_page(merchant), wish(merchant))
    return Batch.objects.get(name="Spring")


def text_of(client: Client, name: str, pk: int) -> str:
    html = client.get(reverse(f"dashboard:{name}", args=[pk])).content.decode()
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def move(client: Client, batch: Batch, what: str) -> str:
    address = reverse("dashboard:batch-move", args=[batch.pk])
    return client.post(address, {"what": what}, follow=True).content.decode()


# -- start -----------------------------------------------------------------------------------------------------------


def test_the_page_says_what_would_happen_and_a_double_click_is_one_batch(
    merchant: Merchant, owner: Client
) -> None:
    html = owner.get(start_page(merchant)).content.decode()
    assert "<strong>5 photos</strong> of 6" in html and "already under way with this recipe" in html
    key = re.search(r'name="key" value="([0-9a-f]{32})"', html)
    assert key
    first = owner.post(start_page(merchant), wish(merchant, key=key[1]), follow=True)
    second = owner.post(start_page(merchant), wish(merchant, key=key[1]), follow=True)
    assert Batch.objects.filter(name="Spring").count() == 1
    assert Job.objects.filter(batch__name="Spring").count() == 5
    assert "5 photos are being rendered" in first.content.decode()
    assert "was started before" in second.content.decode()


def test_another_workspaces_recipe_is_not_offered(
    merchant: Merchant, neighbour: Merchant, owner: Client
) -> None:
    answer = owner.post(start_page(merchant), wish(neighbour))
    assert answer.status_code == 422
    assert not Job.objects.filter(batch__isnull=False).exists()


def test_choosing_changes_what_is_shown_ahead_and_nothing_else(merchant: Merchant, owner: Client) -> None:
    merchant.product.categories = ["Tea"]
    merchant.product.save()
    address = reverse("dashboard:preflight", args=[merchant.store.pk])
    part = owner.get(address, wish(merchant, categories=["Tea"]), headers={"HX-Request": "true"})
    assert "<strong>1 photo</strong>" in part.content.decode() and "Render 1 photo<" in part.content.decode()
    part = owner.get(address, wish(merchant, earlier="rejected"), headers={"HX-Request": "true"})
    assert "Choose less narrowly" in part.content.decode() and "disabled" in part.content.decode()
    assert not Job.objects.filter(batch__isnull=False).exists()


def test_a_choice_that_can_not_be_meant_is_said_beside_its_field(merchant: Merchant, owner: Client) -> None:
    for more, sentence in (
        ({"earlier": "older", "days": ""}, "Say how many days"),
        ({"go_at": 90}, "Say how many photos the pilot has"),
        ({"cap": "-1"}, "greater than or equal"),
        ({"categories": ["None such"]}, "not one of the available choices"),
        ({"key": "short"}, "Open this page again"),
    ):
        answer = owner.post(start_page(merchant), wish(merchant, **more))
        assert answer.status_code == 422 and sentence in answer.content.decode(), more


def test_filter_pilot_and_cap_come_over_as_they_were_chosen(merchant: Merchant, owner: Client) -> None:
    choice = wish(merchant, earlier="older", days=9, pilot=2, go_at=90, cap="12.50", main_photo_only="on")
    owner.post(start_page(merchant), choice)
    made = Batch.objects.get(name="Spring")
    assert made.filter == {"older_than_days": 9, "main_photo_only": True}
    assert (made.cap_micros, made.go_at_share) == (12_500_000, 0.9)


def test_attributes_and_what_is_on_sale_can_be_chosen(merchant: Merchant, owner: Client) -> None:
    Product.objects.filter(pk=merchant.product.pk).update(
        attributes={"Colour": ["Red"], "Size": ["L"]}, on_sale=True
    )
    html = owner.get(start_page(merchant)).content.decode()
    assert "Colour: Red (1)" in html and "Only what is on sale" in html
    owner.post(start_page(merchant), wish(merchant, attributes=["Colour: Red"], on_sale="on"))
    made = Batch.objects.get(name="Spring")
    assert made.filter == {"attributes": ["Colour: Red"], "on_sale": True}
    said = text_of(owner, "batch", made.pk)
    assert "with “Colour: Red”" in said and "on sale" in said


def test_a_store_without_photos_says_what_to_do(merchant: Merchant, owner: Client) -> None:
    empty = factories.StoreFactory(workspace=merchant.workspace)
    html = owner.get(reverse("dashboard:regenerate", args=[empty.pk])).content.decode()
    assert "read the store&#x27;s catalogue again" in html or "read the store's catalogue again" in html


# -- watch -----------------------------------------------------------------------------------------------------------


def test_the_batch_page_tells_progress_cost_and_what_it_is_about(
    merchant: Merchant, owner: Client, batch: Batch
) -> None:
    Job.objects.filter(pk=Job.objects.filter(batch=batch).first().pk).update(state="done")
    said = text_of(owner, "batch", batch.pk)
    assert "1 of 5 photos done (20 %)" in said and "all of the store" in said and "Running" in said
    assert "1: already under way with this recipe" in said


def test_failures_are_grouped_by_reason_with_an_example(
    merchant: Merchant, owner: Client, batch: Batch
) -> None:
    jobs = list(Job.objects.filter(batch=batch).order_by("pk"))
    for job in jobs[:3]:
        Job.objects.filter(pk=job.pk).update(state="failed", error_code="too_small", error="Only 20 px wide.")
    Job.objects.filter(pk=jobs[3].pk).update(state="quarantined", error_code="worker_lost")
    said = text_of(owner, "batch", batch.pk)
    assert "Photo too small 3" in said and "Only 20 px wide." in said and "Worker lost 1" in said
    assert said.index("Photo too small") < said.index("Worker lost")


def test_watching_stops_when_nothing_moves_any_more(owner: Client, batch: Batch) -> None:
    live = reverse("dashboard:batch-live", args=[batch.pk])
    assert owner.get(live).status_code == 200
    Job.objects.filter(batch=batch).update(state="done")
    assert owner.get(live).status_code == 286
    assert "Done" in text_of(owner, "batch", batch.pk)


def test_the_page_of_a_larger_batch_asks_no_more_questions(
    merchant: Merchant, owner: Client, batch: Batch
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(reverse("dashboard:batch", args=[batch.pk]))
        assert not any("COUNT(" in q["sql"] and '"jobs_job"' in q["sql"] for q in queries)
        return len(queries)

    codes = iter(["too_small", "bad_image", "internal", "worker_lost"])
    jobs = list(Job.objects.filter(batch=batch))
    Job.objects.filter(pk=jobs[0].pk).update(state="failed", error_code=next(codes))
    few = asked()
    for job in jobs[1:4]:
        Job.objects.filter(pk=job.pk).update(state="failed", error_code=next(codes))
    assert asked() <= few + 1 and few <= 12


def test_the_start_page_asks_few_questions(merchant: Merchant, owner: Client) -> None:
    owner.get(start_page(merchant))
    with CaptureQueriesContext(connection) as queries:
        owner.get(start_page(merchant))
    assert len(queries) <= 22


# -- move ------------------------------------------------------------------------------------------------------------


def test_a_reviewer_pauses_and_cancels_but_does_not_spend(
    merchant: Merchant, owner: Client, reviewer: Client, batch: Batch
) -> None:
    assert "is paused" in move(reviewer, batch, "pause")
    assert "Only a running batch" in move(reviewer, batch, "pause")
    assert "goes on" in move(reviewer, batch, "resume")
    assert "Nothing of it failed" in move(reviewer, batch, "retry")
    assert "Nothing was chosen" in move(reviewer, batch, "burn")
    page = reviewer.get(reverse("dashboard:batch", args=[batch.pk])).content.decode()
    assert "Change the cap" not in page and "Start a copy" not in page and 'value="pause"' in page
    assert "Finished pictures stay" in move(reviewer, batch, "cancel")
    batch.refresh_from_db()
    assert batch.state == BatchState.CANCELLED


def test_an_owner_changes_the_cap_and_starts_a_copy(merchant: Merchant, owner: Client, batch: Batch) -> None:
    cap = reverse("dashboard:batch-cap", args=[batch.pk])
    assert "was changed" in owner.post(cap, {"cap": "3.5"}, follow=True).content.decode()
    batch.refresh_from_db()
    assert batch.cap_micros == 3_500_000
    assert 'value="3.5"' in owner.get(reverse("dashboard:batch", args=[batch.pk])).content.decode()
    assert "not an amount" in owner.post(cap, {"cap": "much"}, follow=True).content.decode()
    other = factories.RecipeVersionFactory(recipe__workspace=merchant.workspace, recipe__name="Grey")
    copy = reverse("dashboard:batch-clone", args=[batch.pk])
    said = owner.post(copy, {"recipe": other.pk, "key": "a" * 32}, follow=True).content.decode()
    assert "5 photos are being rendered with Grey v1" in said
    assert Batch.objects.get(cloned_from=batch).recipe_version == other


def test_the_pilot_is_shown_and_a_person_lets_the_rest_go(merchant: Merchant, owner: Client) -> None:
    owner.post(start_page(merchant), wish(merchant, pilot=2))
    held = Batch.objects.get(name="Spring")
    said = text_of(owner, "batch", held.pk)
    assert "Waiting for its pilot" in said and "0 of 2 photos done" in said and "Go on with the rest" in said
    assert "The rest of the batch begins" in move(owner, held, "go")
    held.refresh_from_db()
    assert held.state == BatchState.RUNNING
    assert "Pilot of Spring" in text_of(owner, "batch", held.pilot.pk)


def test_a_batch_at_its_cap_says_so(merchant: Merchant, owner: Client, batch: Batch) -> None:
    from apps.jobs.models import Tally

    Tally.objects.create(batch=batch, kind="cost", amount=2_000_000)
    Batch.objects.filter(pk=batch.pk).update(cap_micros=1_000_000)
    said = text_of(owner, "batch", batch.pk)
    assert "Stopped at its cap" in said and "until the cap is raised" in said and "2.00" in said
