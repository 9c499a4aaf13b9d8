"""One row, changed only while it is as it was when it was read."""

from __future__ import annotations

import uuid

from apps.jobs.models import JobState, Preparation
from apps.lib.update_row import update_row
from tests import factories


def test_a_row_is_changed_where_it_is_still_so_and_no_other(db: None) -> None:
    job, other = (
        factories.JobFactory(state=JobState.PREPARING),
        factories.JobFactory(state=JobState.PREPARING),
    )
    render = factories.RenderFactory(store=job.store)
    changes = {"state": JobState.DONE, "parameters": {"a": ["é", None]}, "render": render.pk, "cached": True}
    assert update_row(type(job), job.pk, changes, where={"state": JobState.PREPARING})
    assert not update_row(type(job), job.pk, {"state": JobState.FAILED}, where={"state": JobState.PREPARING})
    assert not update_row(type(job), 2**40, changes, where={})
    job.refresh_from_db()
    other.refresh_from_db()
    assert (job.state, job.parameters, job.render, job.cached) == ("done", {"a": ["é", None]}, render, True)
    assert (other.state, other.parameters, other.render, other.cached) == ("preparing", {}, None, False)


def test_nothing_is_compared_as_null(db: None) -> None:
    row, _ = Preparation.objects.update_or_create(
        job=factories.JobFactory(), defaults={"lease_token": uuid.uuid4()}
    )
    assert not update_row(Preparation, row.pk, {"tries": 3}, where={"lease_token": uuid.uuid4()})
    assert update_row(Preparation, row.pk, {"lease_token": None}, where={"lease_token": row.lease_token})
    row.refresh_from_db()
    assert row.lease_token is None
