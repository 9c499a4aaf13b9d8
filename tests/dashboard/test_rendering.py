"""The page of workers and pace: what an owner sets there holds, and what is wrong with a worker stands there in words."""

from __future__ import annotations

import datetime as dt

from django.test import Client
from django.utils import timezone

from apps.jobs import pace
from apps.jobs.models import Job, JobState
from apps.jobs.services import pacing
from tests import factories
from tests.dashboard.merchants import Merchant


def page(client: Client) -> str:
    return client.get("/rendering/").content.decode()


def test_an_owner_sets_limit_and_quiet_hours_in_the_shops_own_time(merchant: Merchant, owner: Client) -> None:
    said = {"max_live": "3", "bulk_from": "22:00", "bulk_until": "06:00", "time_zone": "Europe/Berlin"}
    answer = owner.post("/rendering/pace/", said, follow=True).content.decode()
    assert "Saved." in answer
    assert "at most 3 at once, bulk work from 22:00 to 06:00 in Europe/Berlin" in answer
    assert pace.of_workspace(merchant.workspace.pk).bulk_from == dt.time(22)
    assert "set the pace of Northlight" in owner.get("/audit/").content.decode()


def test_what_makes_no_sense_is_explained_and_changes_nothing(merchant: Merchant, owner: Client) -> None:
    for said, sentence in (
        ({"bulk_from": "22:00", "time_zone": "UTC"}, "give both or none"),
        ({"time_zone": "Atlantis"}, "no time zone"),
        ({"max_live": "0", "time_zone": "UTC"}, "greater than or equal to 1"),
    ):
        assert sentence in owner.post("/rendering/pace/", said, follow=True).content.decode()
    assert pace.of_workspace(merchant.workspace.pk).max_live is None


def test_an_owner_pauses_and_resumes_a_store(merchant: Merchant, owner: Client) -> None:
    url = f"/rendering/stores/{merchant.store.pk}/pause/"
    assert "is paused" in owner.post(url, {"wish": "pause"}, follow=True).content.decode()
    assert pace.of_store(merchant.store.pk).paused_at is not None
    assert "goes on" in owner.post(url, {"wish": "resume"}, follow=True).content.decode()
    assert pace.of_store(merchant.store.pk).paused_at is None


def test_pausing_everything_is_seen_on_the_page(merchant: Merchant, owner: Client, viewer: Client) -> None:
    owner.post("/rendering/pause/", {"wish": "pause"})
    assert "Rendering is paused" in page(viewer)
    assert "Go on rendering" in page(owner) and "Go on rendering" not in page(viewer)


def test_another_merchants_store_can_not_be_paused(neighbour: Merchant, owner: Client) -> None:
    assert owner.post(f"/rendering/stores/{neighbour.store.pk}/pause/").status_code == 404
    assert owner.post(f"/rendering/stores/{neighbour.store.pk}/pace/", {"max_live": 1}).status_code == 404


def test_a_store_has_a_limit_of_its_own(merchant: Merchant, owner: Client) -> None:
    owner.post(f"/rendering/stores/{merchant.store.pk}/pace/", {"max_live": "2"})
    assert pace.of_store(merchant.store.pk).max_live == 2
    owner.post(f"/rendering/stores/{merchant.store.pk}/pace/", {"max_live": ""})
    assert pace.of_store(merchant.store.pk).max_live is None


def test_the_page_says_in_words_how_each_worker_is(merchant: Merchant, viewer: Client) -> None:
    soon = timezone.now() + dt.timedelta(minutes=4)
    factories.WorkerFactory(
        name="sick", rest_until=soon, last_trouble="3 of its last 4 jobs failed. Disk full."
    )
    factories.WorkerFactory(name="gone", beat_at=timezone.now() - dt.timedelta(hours=1))
    factories.WorkerFactory(name="well", outcomes=[1, 1, 0, 1], weights={"salient.onnx": "abc123"})
    html = page(viewer)
    assert "It rests for about 4 min: 3 of its last 4 jobs failed. Disk full." in html
    assert "It has not been heard of since" in html
    assert "It takes work." in html and "25% of the last 4 by its own fault" in html and "abc123" in html


def test_a_reviewer_has_a_job_tried_again_that_was_set_aside(merchant: Merchant, reviewer: Client) -> None:
    job = merchant.failed_job
    Job.objects.filter(pk=job.pk).update(state=JobState.QUARANTINED, tries=3)
    assert "Try it again" in reviewer.get(f"/jobs/{job.pk}/").content.decode()
    assert "tried again" in reviewer.post(f"/jobs/{job.pk}/release/", follow=True).content.decode()
    job.refresh_from_db()
    assert (job.state, job.tries, job.alone) == (JobState.QUEUED, 0, True)


def test_who_runs_the_installation_sees_weights_but_an_owner_can_not_raise_its_own(
    merchant: Merchant, owner: Client
) -> None:
    pacing.change(merchant.workspace, {"weight": 3}, by="command")
    owner.post("/rendering/pace/", {"weight": "99", "time_zone": "UTC"})
    assert pace.of_workspace(merchant.workspace.pk).weight == 3
    assert "has the weight 3" in page(owner)
