"""What the database is asked for one job, so that a hundred thousand of them stay cheap."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.flow import flow
from apps.jobs.models import Attempt, Lane, Worker
from apps.jobs.services import dispatch, health, planning
from apps.usage.models import Reservation
from tests import factories
from tests.jobs.queues import Queue
from tests.shopkeeping import Shop


def test_a_chunk_is_claimed_reserved_and_told_with_one_statement(
    db: None, django_assert_num_queries: Any
) -> None:
    queue = Queue()
    queue.wait(2)
    with dispatch.Round("cpu", "local") as this:
        assert this.take(Lane.STANDARD, 1), "the first of a round reads recipe and price, too"
        with django_assert_num_queries(1):
            handed = this.take(Lane.STANDARD, 1)
    assert handed
    [job] = handed.chunk.jobs
    assert Attempt.objects.get(pk=job.attempt).prefix == job.out_prefix
    assert Reservation.objects.filter(attempt=job.attempt).exists()


def test_a_result_is_accepted_judged_and_sent_on_with_few_statements(shop: Shop) -> None:
    shop.sell()
    shop.deliver()
    shop.carry()
    [chunk] = shop.hand_out()
    [result] = shop.render(chunk)
    with CaptureQueriesContext(connection) as asked:
        flow.resulted(result.to_dict())
    assert len(shop.items()) == 1
    assert len(asked) <= 24, "\n".join(q["sql"][:90] for q in asked.captured_queries)


def test_a_picture_that_is_there_is_answered_with_few_statements(shop: Shop) -> None:
    shop.sell()
    shop.deliver()
    shop.work()
    [first] = shop.jobs()
    factories.WorkerFactory(engines=first.render.engines)
    again = planning.plan(first.photo, first.recipe_version, once="again")
    with CaptureQueriesContext(connection) as asked:
        flow.prepared(again.preparation.pk)
    again.refresh_from_db()
    assert (again.state, again.cached, again.item.state) == ("done", True, "approved")
    assert len(asked) <= 22, "\n".join(q["sql"][:90] for q in asked.captured_queries)


def test_a_worker_that_does_well_is_not_written_for_each_job(db: None) -> None:
    worker = factories.WorkerFactory(outcomes=[1] * health.REMEMBERED)
    before = row_version(worker)
    health.note(worker.name, well=True)
    assert row_version(worker) == before
    health.note(worker.name, well=False, trouble="The disk is full.")
    assert row_version(worker) != before


def row_version(worker: Worker) -> str:
    """Where PostgreSQL keeps the row: another place after each write."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ctid::text FROM jobs_worker WHERE id = %s", [worker.pk])
        return str(cursor.fetchone()[0])
