"""The home page's numbers, and how its polling starts and stops."""

from __future__ import annotations

import re

from django.test import Client

from apps.jobs.models import Job, JobState
from apps.usage.models import Record
from tests import factories
from tests.dashboard.merchants import Merchant


def numbers(html: str) -> dict[str, str]:
    return {k: v for v, k in re.findall(r"<strong>([\d.,]+)</strong><span>([^<]*)</span>", html)}


def test_home_counts_what_the_merchant_has(merchant: Merchant, neighbour: Merchant, viewer: Client) -> None:
    Record.objects.create(
        workspace=merchant.workspace, attempt=1, job=1, engine="classic", device="cpu", device_seconds=3,
        cost_micros=1_250_000, outcome="done",
    )  # fmt: skip
    assert numbers(viewer.get("/").content.decode()) == {
        "waiting for review": "1",
        "picture live": "1",
        "open job": "1",
        "products": "6",
        "store": "1",
        "cost this month": "1.25",
    }


def test_progress_polls_while_a_job_is_open_and_stops_when_none_is(
    merchant: Merchant, viewer: Client
) -> None:
    going = viewer.get("/live/")
    assert going.status_code == 200 and 'hx-trigger="every 2s"' in going.content.decode()
    assert "4 of 5 photos done" in going.content.decode()
    Job.objects.filter(pk=merchant.queued_job.pk).update(state=JobState.DONE)
    ended = viewer.get("/live/")
    assert ended.status_code == 286 and "hx-trigger" not in ended.content.decode()


def test_pictures_are_sent_again_only_when_they_changed(merchant: Merchant, viewer: Client) -> None:
    seen = re.search(r"seen=([\d-]+)", viewer.get("/").content.decode())
    assert seen
    assert 'id="strips"' not in viewer.get(f"/live/?seen={seen[1]}").content.decode()
    merchant.product_in_review("Kettle")
    assert 'id="strips"' in viewer.get(f"/live/?seen={seen[1]}").content.decode()


def test_home_warns_when_no_worker_is_alive(merchant: Merchant, viewer: Client) -> None:
    assert "No render worker is running." in viewer.get("/").content.decode()
    factories.WorkerFactory(name="render-7")
    html = viewer.get("/").content.decode()
    assert "No render worker is running." not in html and "render-7" in html


def test_home_names_what_needs_somebody(merchant: Merchant, viewer: Client) -> None:
    factories.StoreFactory(
        workspace=merchant.workspace, name="Old shop", state="broken", problem="Keys revoked."
    )
    html = viewer.get("/").content.decode()
    assert "Old shop" in html and "Keys revoked." in html
    assert "1 approved picture could not be written" in html
