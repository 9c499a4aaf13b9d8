"""Regenerating a catalogue: what is created, all of it or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import Event
from apps.flow import batching
from apps.jobs.models import Batch, Job, JobInput, Preparation, Tally
from apps.jobs.services import creating
from apps.recipes import services as recipe_services
from apps.recipes.selectors import automatic
from tests.jobs.regenerating import counted, start, sync_catalogue
from tests.shopkeeping import Shop, photo


def test_a_batch_is_created_once_with_all_that_its_jobs_need(full_shop: Shop) -> None:
    batch = start(full_shop, only={"categories": ["Mugs"]})
    assert start(full_shop, only={"categories": ["Mugs"]}) == batch
    jobs = Job.objects.filter(batch=batch)
    assert jobs.count() == 5 and {j.lane for j in jobs} == {"bulk"} and {j.region for j in jobs} == {"local"}
    assert JobInput.objects.filter(job__batch=batch, role="main").count() == 5
    assert Preparation.objects.filter(job__batch=batch).count() == 5
    assert batch.filter == {"categories": ["Mugs"]} and batch.forecast["to_render"] == 5
    assert Event.objects.filter(verb="batch.created", subject=f"batch:{batch.pk}").count() == 1
    full_shop.work()
    assert set(jobs.values_list("state", flat=True)) == {"done"}


def test_all_photos_are_chosen_before_the_first_job_is_there(full_shop: Shop) -> None:
    """Else each photo is looked for among the jobs of those before it: minutes, for a catalogue of 100,000."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort TO off")
    with CaptureQueriesContext(connection) as asked:
        start(full_shop)
    [insert] = [q["sql"] for q in asked.captured_queries if q["sql"].startswith('INSERT INTO "jobs_job" ')]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {insert}")
        plan = [line.strip() for (line,) in cursor.fetchall()]
    assert any(step.startswith("->  Sort") for step in plan[:4]), "\n".join(plan)


def test_a_crash_half_way_leaves_nothing(full_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(creating, "_add_preparations", crash)
    with pytest.raises(RuntimeError):
        start(full_shop)
    assert not Batch.objects.exists() and not Job.objects.exists() and not Tally.objects.exists()
    monkeypatch.undo()
    assert counted(start(full_shop)).total == 6


def test_one_scale_gives_each_job_all_photos_of_its_product(full_shop: Shop) -> None:
    full_shop.remote.add_product("Three", (photo("#111111"), photo("#222222"), photo("#333333")))
    sync_catalogue(full_shop)
    version = automatic(full_shop.workspace.pk)
    body = {**version.body, "framing": {**version.body["framing"], "consistent": "product"}}
    version = recipe_services.create(full_shop.workspace, name="One scale", body=body, by="test")
    batch, added = batching.start(batching.wish(full_shop.store, version), name="x", key="x", by="test")
    assert added == 9
    inputs = JobInput.objects.filter(job__batch=batch)
    assert inputs.filter(role="main").count() == 9
    assert inputs.filter(role="group").count() == 9  # three jobs of one product, three photos each
    job = Job.objects.filter(batch=batch, photo__product__title="Three").first()
    group = list(job.inputs.filter(role="group").values_list("position", "photo__position"))
    assert group == [(1, 0), (2, 1), (3, 2)]
