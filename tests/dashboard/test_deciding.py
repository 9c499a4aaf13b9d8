"""Approve, reject, override and undo through the pages; what stands in the way is told kindly."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from apps.audit.models import Event
from apps.jobs.models import JobState
from apps.lib.work import WorkState
from apps.publishing.models import Publication, Undo
from apps.review import services as review
from apps.review.models import Decision
from tests.dashboard.merchants import Merchant, person

HTMX = {"HX-Request": "true"}


def decide(
    client: Client, item: object, decision: str, *, htmx: bool = False, **more: str
) -> tuple[int, str]:
    address = reverse("dashboard:decide", args=[item.pk])  # type: ignore[attr-defined]
    answer = client.post(address, {"decision": decision, **more}, headers=HTMX if htmx else {})
    return answer.status_code, answer.content.decode()


def test_an_approved_picture_is_asked_into_the_store_in_the_persons_name(
    merchant: Merchant, reviewer: Client
) -> None:
    status, _ = decide(reviewer, merchant.waiting, "approve", note="fine")
    publication = Publication.objects.get(item=merchant.waiting)
    assert status == 302
    assert publication.work_state == WorkState.WAITING
    assert publication.requested_by == f"user:{person(reviewer).pk}"
    assert Decision.objects.get(item=merchant.waiting).note == "fine"


def test_a_rejected_picture_goes_nowhere(merchant: Merchant, reviewer: Client) -> None:
    decide(reviewer, merchant.waiting, "reject")
    merchant.waiting.refresh_from_db()
    assert merchant.waiting.state == "rejected"
    assert not Publication.objects.filter(item=merchant.waiting).exists()


def test_a_post_without_a_decision_changes_nothing_for_the_worse(
    merchant: Merchant, reviewer: Client
) -> None:
    status, html = decide(reviewer, merchant.waiting, "")
    merchant.waiting.refresh_from_db()
    assert (status, merchant.waiting.state) == (409, "pending")
    assert "Approve or reject" in html


def test_without_scripts_too_the_next_picture_comes_with_what_was_decided(
    merchant: Merchant, reviewer: Client
) -> None:
    following = merchant.product_in_review("Kettle")
    address = reverse("dashboard:decide", args=[merchant.waiting.pk])
    answer = reviewer.post(address, {"decision": "reject"}, follow=True)
    assert answer.redirect_chain == [(reverse("dashboard:review-item", args=[following.pk]), 302)]
    assert "Teapot: rejected." in answer.content.decode()


def test_after_a_decision_the_next_picture_comes_in_place(merchant: Merchant, reviewer: Client) -> None:
    following = merchant.product_in_review("Kettle")
    status, html = decide(reviewer, merchant.waiting, "approve", htmx=True)
    assert status == 200
    assert f"/review/{following.pk}/decide/" in html
    assert "Teapot: approved." in html
    assert "<html" not in html
    assert 'id="waiting"' in html and 'hx-swap-oob="true"' in html


def test_after_the_last_one_the_page_says_that_nothing_waits(merchant: Merchant, reviewer: Client) -> None:
    status, html = decide(reviewer, merchant.waiting, "reject", htmx=True)
    assert status == 200 and "Nothing waits for you" in html


def test_a_picture_whose_pixels_changed_needs_a_persons_word(merchant: Merchant, reviewer: Client) -> None:
    item = merchant.product_in_review("Vase", needs_override=True)
    status, html = decide(reviewer, item, "approve", htmx=True, note="I looked closely")
    item.refresh_from_db()
    assert (status, item.state) == (409, "pending")
    assert "a named person has to confirm" in html
    assert "I looked closely" in html, "what was typed is still there"

    decide(reviewer, item, "approve", override="yes")
    item.refresh_from_db()
    decision = Decision.objects.get(item=item)
    assert item.state == "approved"
    assert decision.override and decision.user == person(reviewer)


def test_who_comes_second_is_told_what_was_decided(merchant: Merchant, reviewer: Client) -> None:
    review.decide(merchant.waiting, approved=False, user=None, actor="apikey:1")
    status, html = decide(reviewer, merchant.waiting, "approve", htmx=True)
    assert status == 409
    assert "already rejected" in html
    assert not Publication.objects.filter(item=merchant.waiting).exists()


def test_all_shown_pictures_are_approved_but_those_that_need_a_word(
    merchant: Merchant, reviewer: Client
) -> None:
    plain = merchant.product_in_review("Kettle")
    changed = merchant.product_in_review("Vase", needs_override=True)
    unseen = merchant.product_in_review("Came later")
    answer = reviewer.post(
        reverse("dashboard:approve-shown"),
        {"item": [merchant.waiting.pk, plain.pk, changed.pk, "nonsense"], "override": "yes"},
        follow=True,
    )
    for item in (merchant.waiting, plain, changed, unseen):
        item.refresh_from_db()
    assert [i.state for i in (merchant.waiting, plain, changed, unseen)] == [
        "approved",
        "approved",
        "pending",
        "pending",
    ]
    assert "2 pictures approved." in answer.content.decode()


def test_a_live_picture_is_taken_back_on_request(merchant: Merchant, reviewer: Client) -> None:
    answer = reviewer.post(reverse("dashboard:undo", args=[merchant.live.pk]), follow=True)
    html = answer.content.decode()
    assert Undo.objects.get(publication=merchant.live).requested_by == f"user:{person(reviewer).pk}"
    assert "The original is being put back." in html
    assert "Being taken back" in html and "/undo/" not in html


def test_what_was_never_written_can_not_be_undone(merchant: Merchant, reviewer: Client) -> None:
    answer = reviewer.post(reverse("dashboard:undo", args=[merchant.failed_write.pk]), follow=True)
    assert "nothing to undo" in answer.content.decode()
    assert not Undo.objects.exists()


def test_a_failed_write_is_tried_again_once(merchant: Merchant, reviewer: Client) -> None:
    address = reverse("dashboard:retry", args=[merchant.failed_write.pk])
    reviewer.post(address)
    merchant.failed_write.refresh_from_db()
    assert merchant.failed_write.work_state == WorkState.WAITING
    assert "Only a failed publication" in reviewer.post(address, follow=True).content.decode()
    assert Event.objects.filter(verb="publication.retried").count() == 1


def test_an_undo_brings_back_to_the_page_it_was_asked_from(merchant: Merchant, reviewer: Client) -> None:
    address = reverse("dashboard:undo", args=[merchant.live.pk])
    assert reviewer.post(address, {"next": "/publications/"})["Location"] == "/publications/"
    assert (
        reviewer.post(address, {"next": "https://evil.example/"})["Location"]
        == f"/publications/{merchant.live.pk}/"
    )


def test_a_failed_write_says_why_and_offers_another_try(merchant: Merchant, reviewer: Client) -> None:
    html = reviewer.get(reverse("dashboard:publications")).content.decode()
    assert "The store understood the change and refused it." in html
    assert f"/publications/{merchant.failed_write.pk}/retry/" in html


def test_a_queued_job_is_cancelled_and_an_ended_one_is_not(merchant: Merchant, reviewer: Client) -> None:
    reviewer.post(reverse("dashboard:cancel", args=[merchant.queued_job.pk]))
    merchant.queued_job.refresh_from_db()
    assert merchant.queued_job.state == JobState.CANCELLED
    again = reviewer.post(reverse("dashboard:cancel", args=[merchant.failed_job.pk]), follow=True)
    merchant.failed_job.refresh_from_db()
    assert merchant.failed_job.state == JobState.FAILED
    assert "had ended already" in again.content.decode()


def test_a_failed_job_tells_its_reason_in_the_list_and_on_its_page(
    merchant: Merchant, viewer: Client
) -> None:
    for address in (
        reverse("dashboard:jobs") + "?state=failed",
        reverse("dashboard:job", args=[merchant.failed_job.pk]),
    ):
        assert "The picture is damaged or incomplete." in viewer.get(address).content.decode()
