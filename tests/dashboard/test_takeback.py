"""Taking many pictures back on the pages: what would come of it, start, progress, failures, stop; and unused files."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.jobs.models import BatchState
from apps.jobs.services import pacing
from apps.lib.work import WorkState
from apps.publishing.models import Cleaning, Publication, Reversal
from apps.stores.models import Store, StoreState, WrittenMedia
from tests import factories
from tests.dashboard.merchants import Merchant


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def get(client: Client, name: str, pk: int, query: str = "") -> str:
    return text_of(client.get(reverse(f"dashboard:{name}", args=[pk]) + query).content.decode())


def key_in(client: Client, name: str, pk: int) -> str:
    html = client.get(reverse(f"dashboard:{name}", args=[pk])).content.decode()
    found = re.search(r'name="key" value="([0-9a-f]{32})"', html)
    assert found
    return found[1]


def in_the_batch(merchant: Merchant, publication: Publication) -> Publication:
    job = publication.item.job
    job.batch = merchant.batch
    job.save()
    return publication


@pytest.fixture
def live(merchant: Merchant) -> Merchant:
    """Two pictures of the batch are live, and one waits to be written."""
    Reversal.objects.all().delete()
    in_the_batch(merchant, merchant.live)
    in_the_batch(merchant, merchant.product_that_is_live("Lamp"))
    in_the_batch(merchant, merchant.product_that_is_live("Vase", waiting=True))
    return merchant


def test_the_page_says_what_would_come_of_it_and_a_double_click_is_one(live: Merchant, owner: Client) -> None:
    said = get(owner, "batch-take-back", live.batch.pk)
    assert "2 pictures in 2 products" in said and "One picture waits to be written and will not be." in said
    assert "Take back 2 pictures" in said
    address = reverse("dashboard:batch-take-back", args=[live.batch.pk])
    wish = {"key": key_in(owner, "batch-take-back", live.batch.pk), "note": "Too dark"}
    first = owner.post(address, wish, follow=True).content.decode()
    second = owner.post(address, wish, follow=True).content.decode()
    assert "3 pictures are being taken back." in first and "under way already" in second
    reversal = Reversal.objects.get()
    assert (reversal.note, reversal.total) == ("Too dark", 3)
    assert "Too dark" in get(owner, "reversal", reversal.pk)
    assert "Taken back as a whole" in get(owner, "batch", live.batch.pk)
    assert "Withdrawn before it was written" in text_of(
        owner.get(reverse("dashboard:publications")).content.decode()
    )


def test_a_batch_that_still_runs_says_that_it_will_be_cancelled(live: Merchant, owner: Client) -> None:
    job = factories.JobFactory(photo=live.unfetched, recipe_version=live.version, batch=live.batch)
    assert "One photo of the batch is still to be done. The batch is cancelled first." in get(
        owner, "batch-take-back", live.batch.pk
    )
    address = reverse("dashboard:batch-take-back", args=[live.batch.pk])
    owner.post(address, {"key": "0" * 32})
    live.batch.refresh_from_db()
    job.refresh_from_db()
    assert (live.batch.state, job.state) == (BatchState.CANCELLED, "cancelled")


def test_since_is_the_clock_of_the_shop(live: Merchant, owner: Client) -> None:
    pacing.change(live.workspace, {"time_zone": "Asia/Tokyo"}, by="test")
    there = timezone.now() + dt.timedelta(hours=9)
    assert "By the clock of your shop: Asia/Tokyo." in get(owner, "take-back", live.store.pk)

    def ahead(moment: dt.datetime, more: str = "") -> str:
        return get(
            owner, "take-back-ahead", live.store.pk, f"?since={moment:%Y-%m-%dT%H:%M}&key={'0' * 32}{more}"
        )

    assert "2 pictures in 2 products" in ahead(there - dt.timedelta(minutes=10))
    Publication.objects.filter(published_at__isnull=False).update(
        created_at=timezone.now() - dt.timedelta(hours=1), published_at=timezone.now() - dt.timedelta(hours=1)
    )
    assert "0 pictures in 0 products" in ahead(there - dt.timedelta(minutes=10))
    assert "has not come yet" in ahead(there + dt.timedelta(hours=2))
    assert "2 pictures in" in ahead(there - dt.timedelta(hours=2), f"&recipe={live.version.recipe_id}")
    assert "can't be meant" in ahead(there - dt.timedelta(hours=2), "&recipe=999999")


def test_everything_since_a_moment_is_started_from_the_form(live: Merchant, owner: Client) -> None:
    since = f"{timezone.now() - dt.timedelta(hours=1):%Y-%m-%dT%H:%M}"
    address = reverse("dashboard:take-back", args=[live.store.pk])
    assert owner.post(address, {"since": "soon", "key": "0" * 32}).status_code == 422
    answer = owner.post(address, {"since": since, "key": "0" * 32}, follow=True)
    assert "are being taken back" in answer.content.decode()
    reversal = Reversal.objects.get()
    assert reversal.batch is None and f"{reversal.since:%Y-%m-%dT%H:%M}" == since
    assert "Everything since" in get(owner, "reversal", reversal.pk)


def test_nothing_to_take_back_is_said_and_the_button_is_off(merchant: Merchant, owner: Client) -> None:
    html = owner.get(reverse("dashboard:batch-take-back", args=[merchant.batch.pk])).content.decode()
    assert "There is nothing to take back." in html and "disabled" in html
    address = reverse("dashboard:batch-take-back", args=[merchant.batch.pk])
    Reversal.objects.all().delete()
    answer = owner.post(address, {"key": "0" * 32})
    assert answer.status_code == 422 and "There is nothing to take back." in answer.content.decode()


def test_a_disconnected_store_has_to_be_connected_again_first(live: Merchant, owner: Client) -> None:
    Store.objects.filter(pk=live.store.pk).update(state=StoreState.DISCONNECTED)
    assert "Connect it again first" in get(owner, "batch-take-back", live.batch.pk)


def test_progress_failures_retry_and_stop(live: Merchant, owner: Client) -> None:
    owner.post(reverse("dashboard:batch-take-back", args=[live.batch.pk]), {"key": "0" * 32})
    reversal = Reversal.objects.get()
    said = get(owner, "reversal", reversal.pk)
    assert "1 of 3 pictures done (33 %)" in said and "Stop taking back the rest" in said
    assert owner.get(reverse("dashboard:reversal-live", args=[reversal.pk])).status_code == 200
    failed = live.live
    factories.UndoFactory(publication=failed, work_state=WorkState.FAILED, error="It is in the trash.")
    reversal.members.filter(publication=failed).update(released_at=timezone.now())
    said = get(owner, "reversal", reversal.pk)
    assert "What could not be taken back" in said and "It is in the trash." in said
    assert "Try 1 failed again" in said
    move = reverse("dashboard:reversal-move", args=[reversal.pk])
    assert "is tried again" in owner.post(move, {"what": "retry"}, follow=True).content.decode()
    assert "Stopped" in owner.post(move, {"what": "stop"}, follow=True).content.decode()
    assert owner.get(reverse("dashboard:reversal-live", args=[reversal.pk])).status_code == 286
    assert "goes on" in owner.post(move, {"what": "resume"}, follow=True).content.decode()
    assert "Nothing was chosen" in owner.post(move, {"what": "fly"}, follow=True).content.decode()
    html = text_of(owner.get(reverse("dashboard:reversals")).content.decode())
    assert f"The batch “{live.batch.name}”" in html and "1 of 3" in html


def test_a_store_that_needs_attention_is_said_so(live: Merchant, owner: Client) -> None:
    owner.post(reverse("dashboard:batch-take-back", args=[live.batch.pk]), {"key": "0" * 32})
    Store.objects.filter(pk=live.store.pk).update(state=StoreState.BROKEN)
    assert "goes on when it is connected again" in get(owner, "reversal", Reversal.objects.get().pk)


def test_nobody_elses_batch_store_or_reversal_is_there(
    live: Merchant, neighbour: Merchant, owner: Client
) -> None:
    for name, pk in (
        ("batch-take-back", neighbour.batch.pk),
        ("take-back", neighbour.store.pk),
        ("reversal", neighbour.reversal.pk),
        ("unused-media", neighbour.store.pk),
    ):
        assert owner.get(reverse(f"dashboard:{name}", args=[pk])).status_code == 404, name


# -- unused files ----------------------------------------------------------------------------------------------------


@pytest.fixture
def unused(merchant: Merchant) -> WrittenMedia:
    """A picture that was taken back; its file is still in the library."""
    publication = merchant.product_that_is_live("Jug", undone_at=timezone.now())
    return WrittenMedia.objects.create(
        store=merchant.store,
        media_id=publication.media_id,
        stem=publication.stem,
        sha256="0" * 64,
        publication=publication.pk,
        photo=publication.photo_id,
    )


def test_unused_files_are_listed_with_why_and_size_and_deleted(
    merchant: Merchant, owner: Client, viewer: Client, unused: WrittenMedia
) -> None:
    said = get(owner, "unused-media", merchant.store.pk)
    assert "1 file, about" in said and "It was taken back." in said and unused.stem in said
    assert "Delete 1 file" not in get(viewer, "unused-media", merchant.store.pk)
    address = reverse("dashboard:clean-media", args=[merchant.store.pk])
    assert "Looking at 1 file," in owner.post(address, follow=True).content.decode()
    assert "That is under way" in owner.post(address, follow=True).content.decode()
    assert "0 of 1 file looked at" in get(owner, "unused-media", merchant.store.pk)
    stop = reverse("dashboard:stop-cleaning", args=[merchant.store.pk])
    assert "Stopped." in owner.post(stop, follow=True).content.decode()
    assert Cleaning.objects.get().stopped_at


def test_without_a_password_for_the_library_the_page_says_why(
    merchant: Merchant, owner: Client, unused: WrittenMedia
) -> None:
    Store.objects.filter(pk=merchant.store.pk).update(can_upload=False)
    said = get(owner, "unused-media", merchant.store.pk)
    assert "application password" in said and "Delete 1 file" not in said


def test_a_store_where_all_is_in_use_says_so(merchant: Merchant, owner: Client) -> None:
    assert "Every picture of ours is in use" in get(owner, "unused-media", merchant.store.pk)
