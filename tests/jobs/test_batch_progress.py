"""Regenerating a catalogue: how far it is, what failed, how long the rest takes."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.jobs import progress
from apps.jobs.models import Job, Tally
from apps.jobs.services import tallies
from apps.usage.models import Record
from tests.jobs.regenerating import counted, start
from tests.shopkeeping import Shop


def test_progress_never_counts_jobs_and_folding_changes_nothing(full_shop: Shop) -> None:
    batch = start(full_shop)
    full_shop.work()
    with CaptureQueriesContext(connection) as asked_for:
        before = counted(batch)
    assert len(asked_for) == 1 and "jobs_job" not in asked_for[0]["sql"]
    assert (before.total, before.done, before.open, before.percent) == (6, 6, 0, 100)
    assert before.cost_micros == sum(Record.objects.values_list("cost_micros", flat=True))
    rows = Tally.objects.count()
    assert tallies.fold() == rows - Tally.objects.count() > 0
    assert counted(batch) == before or counted(batch).as_json() == before.as_json()
    assert Tally.objects.filter(batch=batch).count() <= 2
    assert tallies.fold() == 0


def test_what_failed_is_grouped_by_its_reason(full_shop: Shop) -> None:
    batch = start(full_shop)
    jobs = list(Job.objects.filter(batch=batch).order_by("pk"))
    Job.objects.filter(pk__in=[j.pk for j in jobs[:2]]).update(state="failed", error_code="too_small")
    Job.objects.filter(pk=jobs[2].pk).update(state="quarantined", error_code="worker_lost")
    assert counted(batch).troubles == {"too_small": 2, "worker_lost": 1}
    examples = progress.examples(batch, counted(batch).troubles)
    assert examples["too_small"].pk == jobs[1].pk and set(examples) == {"too_small", "worker_lost"}


def test_the_pace_tells_how_long_the_rest_takes(full_shop: Shop) -> None:
    batch = start(full_shop)
    assert progress.pace(batch, counted(batch)) == progress.Pace()
    jobs = list(Job.objects.filter(batch=batch))
    for number, job in enumerate(jobs[:3]):
        at = timezone.now() - timezone.timedelta(seconds=30 - 10 * number)
        Job.objects.filter(pk=job.pk).update(state="done", finished_at=at)
    told = progress.pace(batch, counted(batch))
    assert told.per_minute == pytest.approx(6, rel=0.1)
    assert told.left_s == pytest.approx(30, rel=0.1)
