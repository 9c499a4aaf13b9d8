"""The usage page: what a month cost and what it went into, its budget, and where a stopped budget says so."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from apps.dashboard import charts
from apps.jobs.models import Attempt
from apps.usage import services
from apps.usage.models import Budget, Price
from tests import factories
from tests.dashboard.merchants import Merchant, log_in


def book(merchant: Merchant, attempt: int, seconds: float = 3600, **more) -> None:
    values = {
        "job": merchant.queued_job.pk, "store": merchant.store.pk, "recipe": merchant.version.recipe_id,
        "engine": "classic/3.1", "device": "cpu", "bytes_in": 10, "bytes_out": 20, "outcome": "done",
    }  # fmt: skip
    told = {"workspace": merchant.workspace.pk, "attempt": attempt, "device_seconds": seconds}
    services.book(services.Use(**(told | values | more)))


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code in {200, 286}
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


USAGE = "/usage/"


def test_a_month_shows_its_cost_and_what_it_went_into(merchant: Merchant, viewer: Client) -> None:
    services.set_price("cpu", 700_000)
    book(merchant, 1)
    book(merchant, 2, batch=merchant.batch.pk)
    book(merchant, 3, outcome="failed")
    text = text_of(viewer, USAGE)
    assert "2.10 cost" in text and "2 pictures rendered" in text and "1.05 a picture" in text
    assert merchant.batch.name in text and "New photos, without a batch" in text
    assert str(merchant.version.recipe) in text and merchant.store.name in text


def test_earlier_months_are_a_click_away_and_later_ones_do_not_exist(
    merchant: Merchant, viewer: Client
) -> None:
    with time_machine.travel(dt.datetime(2031, 3, 31, 12, tzinfo=dt.UTC), tick=False):
        book(merchant, 1)
    with time_machine.travel(dt.datetime(2031, 4, 2, tzinfo=dt.UTC), tick=False):
        viewer = log_in(merchant.workspace, "viewer")
        assert "Nothing was paid for in this month" in text_of(viewer, USAGE)
        march = viewer.get(f"{USAGE}?month=2031-03").content.decode()
        assert "Usage in March 2031" in march and "31 March: 0.0360" in march
        assert "?month=2031-02" in march and "?month=2031-04" in march
        for odd in ("2031-05", "2031-13", "now", ""):
            assert "Usage in April 2031" in text_of(viewer, f"{USAGE}?month={odd}")


def test_the_file_holds_each_day_store_recipe_and_batch_and_adds_up(
    merchant: Merchant, viewer: Client
) -> None:
    merchant.batch.name = "=SUM(A1)"
    merchant.batch.save()
    book(merchant, 1, batch=merchant.batch.pk)
    book(merchant, 2, seconds=1800)
    answer = viewer.get("/usage/csv/")
    assert answer["Content-Type"].startswith("text/csv") and "attachment" in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert sum(float(row["cost"]) for row in rows) == pytest.approx(0.054)
    assert {row["batch"] for row in rows} == {"", "'=SUM(A1)"}, "no spreadsheet takes a name for a formula"


def test_another_merchants_money_is_nobodys_business(
    merchant: Merchant, neighbour: Merchant, viewer: Client
) -> None:
    book(neighbour, 1)
    assert "Nothing was paid for" in text_of(viewer, USAGE)
    assert len(viewer.get("/usage/csv/").content.decode().splitlines()) == 1


def test_an_owner_sets_a_budget_and_takes_it_away(merchant: Merchant, owner: Client) -> None:
    owner.post(reverse("dashboard:set-budget"), {"warn": "20", "stop": "25.50"})
    found = Budget.objects.get()
    assert (found.warn_micros, found.stop_micros) == (20_000_000, 25_500_000)
    assert "0.00 of 25.50 spent this month" in text_of(owner, USAGE)
    answer = owner.post(reverse("dashboard:set-budget"), {"warn": "30", "stop": "25"}, follow=True)
    assert "The warning comes before the stop" in answer.content.decode()
    owner.post(reverse("dashboard:set-budget"), {"warn": "", "stop": ""})
    assert "There is no limit" in text_of(owner, USAGE)
    assert "set the month" in text_of(owner, "/audit/")


def test_a_low_budget_is_said_on_the_first_page(merchant: Merchant, viewer: Client) -> None:
    services.set_budget(merchant.workspace, warn_micros=10_000, stop_micros=99_000_000, by="test")
    assert "runs low" not in text_of(viewer, "/")
    book(merchant, 1)
    assert "This month's budget runs low" in text_of(viewer, "/").replace("&#x27;", "'")


def test_a_budget_that_is_used_up_is_said_wherever_somebody_waits(
    merchant: Merchant, viewer: Client, owner: Client
) -> None:
    services.set_budget(merchant.workspace, warn_micros=None, stop_micros=10_000, by="test")
    book(merchant, 1)
    type(merchant.queued_job).objects.filter(pk=merchant.queued_job.pk).update(batch=merchant.batch)
    for address in ("/", "/live/", "/jobs/", "/jobs/rows/", f"/batches/{merchant.batch.pk}/", USAGE):
        assert "Rendering has stopped" in text_of(viewer, address), address
        assert "An owner can raise it" in text_of(viewer, address), address
        assert "Raise the budget" in text_of(owner, address), address
    services.set_budget(merchant.workspace, warn_micros=None, stop_micros=90_000_000, by="test")
    assert "Rendering has stopped" not in text_of(viewer, "/")


def test_the_jobs_of_one_batch_can_be_looked_at(
    merchant: Merchant, neighbour: Merchant, viewer: Client
) -> None:
    type(merchant.queued_job).objects.filter(pk=merchant.queued_job.pk).update(batch=merchant.batch)
    html = viewer.get(f"/jobs/?batch={merchant.batch.pk}").content.decode()
    assert f"/jobs/{merchant.queued_job.pk}/" in html and f"/jobs/{merchant.failed_job.pk}/" not in html
    assert f"state=failed&amp;batch={merchant.batch.pk}" in html, "the tabs stay within the batch"
    assert "0 of 1 photos done" in html
    html = viewer.get(f"/jobs/?batch={merchant.batch.pk}&state=failed").content.decode()
    assert "No such jobs" in html
    assert (
        f"/jobs/?batch={merchant.batch.pk}" in viewer.get(f"/batches/{merchant.batch.pk}/").content.decode()
    )
    assert viewer.get(f"/jobs/?batch={neighbour.batch.pk}").status_code == 404
    assert viewer.get("/jobs/?batch=x").status_code == 200


def test_a_job_says_what_it_cost_and_that_its_cutout_was_there(merchant: Merchant, viewer: Client) -> None:
    job = merchant.waiting.job
    Attempt.objects.filter(job=job).update(cutout="reused")
    services.set_price("cpu", 3_600_000)
    book(merchant, 1, job=job.pk, seconds=500)
    text = text_of(viewer, f"/jobs/{job.pk}/")
    assert "Cost 0.50" in text and "The cut-out was there already" in text


def test_the_share_of_cutouts_that_were_there_stands_with_the_workers(
    merchant: Merchant, viewer: Client
) -> None:
    book(merchant, 1, cutout="made")
    for attempt in (2, 3, 4):
        book(merchant, attempt, cutout="reused")
    services.note_cached(workspace=merchant.workspace.pk, store=1, recipe=1, batch=None)
    text = text_of(viewer, "/rendering/")
    assert "20% of the pictures" in text and "For 75% of the others the cut-out was there" in text


@pytest.mark.parametrize("pilot,first", [("2", 2), ("40 %", 2), ("12,5%", 1)])
def test_a_pilot_is_a_number_or_a_part(merchant: Merchant, owner: Client, pilot: str, first: int) -> None:
    address = f"/stores/{merchant.store.pk}/regenerate/"
    form = {"recipe": merchant.version.pk, "name": "Spring", "key": "a" * 12, "pilot": pilot}
    ahead = owner.get(f"{address}ahead/", form).content.decode()
    assert f"The pilot of {first} is rendered first" in ahead
    owner.post(address, form)
    batch = type(merchant.batch).objects.get(idempotency_key="a" * 12)
    assert batch.pilot.jobs.count() == first


@pytest.mark.parametrize("pilot", ["many", "0", "101 %", "-3", "2 % of all"])
def test_a_pilot_that_can_not_be_meant_is_told(merchant: Merchant, owner: Client, pilot: str) -> None:
    address = f"/stores/{merchant.store.pk}/regenerate/"
    answer = owner.post(
        address, {"recipe": merchant.version.pk, "name": "x", "key": "b" * 12, "pilot": pilot}
    )
    assert answer.status_code == 422


def test_bars_are_as_high_as_what_they_stand_for() -> None:
    day = dt.date(2031, 5, 1)
    days = [(day + dt.timedelta(days=n), micros) for n, micros in enumerate((0, 50, 200, 1))]
    chart = charts.per_day(days)
    assert [bar.height for bar in chart.bars] == [0, 25, 100, charts.LEAST]
    assert chart.most and chart.most.day == day + dt.timedelta(days=2)
    assert charts.per_day([(day, 0)]).most is None


# -- the operator's table


def test_an_operator_enters_a_price_in_the_administration_and_a_past_one_stays(
    db: None, client: Client
) -> None:
    operator = factories.UserFactory(is_staff=True, is_superuser=True)
    client.force_login(operator)
    today = dt.datetime.now(dt.UTC).date()
    add = reverse("admin:usage_price_add")
    client.post(add, {"device": "cpu", "valid_from": str(today), "micros_per_hour": "50000"})
    price = Price.objects.get()
    assert price.micros_per_hour == 50_000 and price.valid_from.time() == dt.time(0)
    yesterday = {"device": "cuda", "valid_from": str(today - dt.timedelta(days=1)), "micros_per_hour": "1"}
    assert "today or a later day" in client.post(add, yesterday).content.decode()
    change = reverse("admin:usage_price_change", args=[price.pk])
    client.post(change, {"device": "cpu", "valid_from": str(today), "micros_per_hour": "1"})
    price.refresh_from_db()
    assert price.micros_per_hour == 50_000
    assert (
        client.post(reverse("admin:usage_price_delete", args=[price.pk]), {"post": "yes"}).status_code == 403
    )
