"""The pages say where a person's marks were used, and let a reviewer take them back."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.jobs.models import Job, PhotoMarks
from apps.review.models import Item
from tests import factories
from tests.dashboard.merchants import Merchant, person

TABLE = {"box": [0.1, 0.2, 0.3, 0.4], "clicks": [[0.25, 0.3, False]], "keep_holes": None}
IN_WORDS = "a box around the product, 1 point beside it"


@pytest.fixture
def carried(merchant: Merchant) -> Item:
    """A picture that was made with marks of an earlier one, which are still kept."""
    photo = merchant.waiting.job.photo
    PhotoMarks.objects.create(photo=photo, sha256=photo.sha256, cutout=TABLE, set_by="user:1")
    job = factories.JobFactory(
        photo=photo, recipe_version=merchant.version, done=True, parameters={"cutout": TABLE}
    )
    return factories.ItemFactory(job=job)


def forget(client: Client, item: Item) -> str:
    address = reverse("dashboard:forget-marks", args=[item.job.photo_id])
    here = reverse("dashboard:review-item", args=[item.pk])
    return client.post(address, {"next": here}, follow=True).content.decode()


def test_the_review_page_says_that_marks_were_used(carried: Item, viewer: Client) -> None:
    html = viewer.get(f"/review/{carried.pk}/").content.decode()
    assert f"Cut out with what a person marked in this photo before: {IN_WORDS}." in html
    assert f"A person's marks are kept for this photo: {IN_WORDS}" in html
    assert "Forget the marks" not in html, "a viewer changes nothing"


def test_the_page_of_the_job_says_so_too(carried: Item, reviewer: Client) -> None:
    html = reviewer.get(f"/jobs/{carried.job_id}/").content.decode()
    assert f"{IN_WORDS}, carried over from an earlier picture" in html and "Forget the marks" in html


def test_a_job_that_was_asked_for_with_marks_is_not_called_carried_over(
    carried: Item, merchant: Merchant, viewer: Client
) -> None:
    Job.objects.filter(pk=carried.job_id).update(instead_of=merchant.waiting.job)
    html = viewer.get(f"/jobs/{carried.job_id}/").content.decode()
    assert "Marked by a person" in html and "carried over" not in html
    assert "marked in this photo before" not in viewer.get(f"/review/{carried.pk}/").content.decode()


def test_pictures_without_marks_say_nothing_of_them(merchant: Merchant, reviewer: Client) -> None:
    for address in (f"/review/{merchant.waiting.pk}/", f"/jobs/{merchant.waiting.job_id}/"):
        html = reviewer.get(address).content.decode()
        assert "marks are kept" not in html and "Marked by a person" not in html


def test_the_marking_page_starts_with_the_kept_marks(
    carried: Item, merchant: Merchant, reviewer: Client
) -> None:
    html = reviewer.get(f"/review/{merchant.waiting.pk}/mark/").content.decode()
    assert all(f'value="{n}"' in html for n in ("10", "20", "30", "40", "25"))


def test_a_reviewer_has_the_marks_forgotten_and_the_picture_stays(carried: Item, reviewer: Client) -> None:
    html = forget(reviewer, carried)
    assert "The marks are forgotten." in html and "marks are kept" not in html
    assert "Cut out with what a person marked" in html, "how this picture was made stays true"
    assert not PhotoMarks.objects.exists()
    assert "No marks are kept for this photo." in forget(reviewer, carried)
    trail = reviewer.get("/audit/").content.decode()
    assert (
        f"<strong>{person(reviewer).username}</strong> had the marks in a photo forgotten: {IN_WORDS}"
        in trail
    )


def test_marks_in_a_photo_that_changed_since_are_not_offered(carried: Item, reviewer: Client) -> None:
    type(carried.job.photo).objects.filter(pk=carried.job.photo_id).update(sha256="ab" * 32)
    assert "marks are kept" not in reviewer.get(f"/review/{carried.pk}/").content.decode()


def test_nobody_forgets_a_neighbours_marks(neighbour: Merchant, reviewer: Client) -> None:
    photo = neighbour.waiting.job.photo
    PhotoMarks.objects.create(photo=photo, sha256=photo.sha256, cutout=TABLE, set_by="user:1")
    assert reviewer.post(reverse("dashboard:forget-marks", args=[photo.pk])).status_code == 404
    assert PhotoMarks.objects.exists()
