"""Marking the product on a page: by number fields as a browser without scripts sends them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import Event
from apps.catalog.models import Photo
from apps.jobs.models import Job, JobState
from apps.review.models import Item
from tests import factories
from tests.dashboard.merchants import Merchant, person

BOX = {"left": "10", "top": "12.5", "right": "90", "bottom": "88"}


def send(client: Client, merchant: Merchant, **fields: Any) -> tuple[int, str]:
    answer = client.post(reverse("dashboard:mark", args=[merchant.waiting.pk]), fields, follow=True)
    return answer.status_code, answer.content.decode()


def asked(merchant: Merchant) -> Job:
    return Job.objects.get(instead_of=merchant.waiting.job)


def test_a_box_and_points_become_an_urgent_job_and_the_picture_stays(
    merchant: Merchant, reviewer: Client
) -> None:
    status, html = send(
        reviewer, merchant, **BOX, x=["50", "5", ""], y=["40", "6", ""], kind=["on", "off", "on"], holes="yes"
    )
    assert status == 200
    assert "is being cut out again with the marks" in html and "Approve" in html
    assert asked(merchant).parameters["cutout"] == {
        "box": [0.1, 0.125, 0.9, 0.88],
        "clicks": [[0.5, 0.4, True], [0.05, 0.06, False]],
        "keep_holes": True,
    }
    merchant.waiting.refresh_from_db()
    assert merchant.waiting.state == "pending"


def test_the_trail_tells_who_marked_what(merchant: Merchant, reviewer: Client) -> None:
    send(reviewer, merchant, **BOX)
    html = reviewer.get(f"/audit/?subject=job:{asked(merchant).pk}").content.decode()
    name = person(reviewer).username
    assert (
        f"<strong>{name}</strong> marked the product in the photo and asked for another cut-out: a box"
        in html
    )


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Draw a box"),
        ({**BOX, "bottom": ""}, "four sides"),
        ({**BOX, "left": "95"}, "too thin"),
        ({**BOX, "left": "-4"}, "greater than or equal to 0"),
        ({**BOX, "left": "nan"}, "Enter a number"),
        ({"x": ["50"], "y": [""], "kind": ["on"]}, "both numbers"),
        ({"x": ["140"], "y": ["4"], "kind": ["on"]}, "less than or equal to 100"),
        ({**BOX, "x": ["2"], "y": ["2"], "kind": ["on"]}, "outside the box"),
    ],
)
def test_what_can_not_be_meant_is_told_and_what_was_typed_is_kept(
    fields: dict[str, Any], word: str, merchant: Merchant, reviewer: Client
) -> None:
    status, html = send(reviewer, merchant, **fields)
    assert status == 409 and word in html
    assert not Job.objects.filter(instead_of__isnull=False).exists()
    if fields.get("left") == "95":
        assert 'value="95"' in html


@pytest.mark.parametrize(("word", "said"), [("yes", True), ("no", False)])
def test_a_person_says_whether_it_is_glass(
    word: str, said: bool, merchant: Merchant, reviewer: Client
) -> None:
    status, html = send(reviewer, merchant, glass=word)
    assert status == 200 and "with the marks" in html
    assert asked(merchant).parameters["cutout"]["see_through"] is said
    html = reviewer.get(reverse("dashboard:mark", args=[merchant.waiting.pk])).content.decode()
    assert "Glass or clear plastic" in html


def test_the_page_starts_with_what_was_said_of_glass(merchant: Merchant, reviewer: Client) -> None:
    parameters = {"cutout": {"box": None, "clicks": [], "keep_holes": None, "see_through": True}}
    Job.objects.filter(pk=merchant.waiting.job_id).update(parameters=parameters)
    html = reviewer.get(reverse("dashboard:mark", args=[merchant.waiting.pk])).content.decode()
    assert '<option value="yes" selected>See-through' in html


def test_an_answer_about_glass_that_is_none_is_refused(merchant: Merchant, reviewer: Client) -> None:
    status, html = send(reviewer, merchant, **BOX, glass="perhaps")
    assert status == 409 and "perhaps is not one of the available choices" in html


def test_the_page_starts_with_what_was_marked_before(merchant: Merchant, reviewer: Client) -> None:
    parameters = {"cutout": {"box": [0.1, 0.2, 0.3, 0.4], "clicks": [[0.25, 0.3, False]], "keep_holes": None}}
    Job.objects.filter(pk=merchant.waiting.job_id).update(parameters=parameters)
    html = reviewer.get(reverse("dashboard:mark", args=[merchant.waiting.pk])).content.decode()
    assert all(f'value="{n}"' in html for n in ("10", "20", "30", "40", "25"))
    assert '<option value="off" selected>' in html


def test_a_picture_that_came_back_says_what_it_was_made_with_and_leads_to_the_one_before(
    merchant: Merchant, reviewer: Client
) -> None:
    parameters = {"cutout": {"box": [0.1, 0.2, 0.3, 0.4], "clicks": [], "keep_holes": None}}
    job = factories.JobFactory(
        photo=merchant.waiting.job.photo, recipe_version=merchant.version, done=True,
        instead_of=merchant.waiting.job, parameters=parameters,
    )  # fmt: skip
    new = factories.ItemFactory(job=job)
    html = reviewer.get(reverse("dashboard:review-item", args=[new.pk])).content.decode()
    assert "Cut out again by hand: a box around the product" in html
    assert f'href="/review/{merchant.waiting.pk}/"' in html
    html = reviewer.get(reverse("dashboard:review-item", args=[merchant.waiting.pk])).content.decode()
    assert "Look at the new picture" in html and f'href="/review/{new.pk}/"' in html


def test_the_page_looks_again_only_while_the_picture_is_made(merchant: Merchant, reviewer: Client) -> None:
    address = reverse("dashboard:again", args=[merchant.waiting.pk])
    assert reviewer.get(address).status_code == 286
    send(reviewer, merchant, **BOX)
    answer = reviewer.get(address)
    assert answer.status_code == 200 and "every 2s" in answer.content.decode()
    Job.objects.filter(pk=asked(merchant).pk).update(state=JobState.FAILED, error="The photo is gone.")
    answer = reviewer.get(address)
    assert (
        answer.status_code == 286 and "was not cut out again. The photo is gone." in answer.content.decode()
    )


def test_a_photo_that_was_exchanged_is_not_offered_for_marking(merchant: Merchant, reviewer: Client) -> None:
    Photo.objects.filter(pk=merchant.waiting.job.photo_id).update(revision=7)
    html = reviewer.get(reverse("dashboard:mark", args=[merchant.waiting.pk])).content.decode()
    assert "exchanged in the store" in html and "data-marks" not in html


def test_an_approved_picture_offers_no_marking(merchant: Merchant, reviewer: Client) -> None:
    Item.objects.filter(pk=merchant.waiting.pk).update(state="approved")
    assert "/mark/" not in reviewer.get(f"/review/{merchant.waiting.pk}/").content.decode()
    status, html = send(reviewer, merchant, **BOX)
    assert status == 409 and "approved already" in html


def test_nobody_marks_a_neighbours_photo(neighbour: Merchant, reviewer: Client) -> None:
    assert send(reviewer, neighbour, **BOX)[0] == 404
    assert not Event.objects.filter(verb="cutout.asked").exists()
