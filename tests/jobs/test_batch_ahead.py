"""Regenerating a catalogue: what is said before anything is created."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from apps.catalog.models import Photo
from apps.flow import batching
from apps.jobs import preflight
from apps.jobs.models import Batch, Job, JobState, PhotoMarks
from apps.jobs.services import planning
from apps.recipes import services as recipe_services
from apps.recipes.selectors import automatic
from apps.usage.models import Budget, Record
from tests import factories
from tests.jobs.regenerating import asked, counted, start, work
from tests.shopkeeping import Shop


def test_the_preflight_says_what_a_batch_would_do_and_creates_nothing(full_shop: Shop) -> None:
    factories.WorkerFactory(region=full_shop.store.region, slots=2)
    found = preflight.preflight(asked(full_shop))
    assert (found.photos, found.to_render, found.unfetched, found.cached, found.skipped) == (6, 6, 6, 0, {})
    assert (found.pace.basis, found.slots) == ("guess", 2)
    assert found.seconds == pytest.approx(6 * found.pace.seconds / 2)
    assert not Batch.objects.exists() and not Job.objects.exists()


def test_without_a_worker_nobody_can_say_how_long_it_takes(full_shop: Shop) -> None:
    assert preflight.preflight(asked(full_shop)).seconds is None


def test_pictures_that_are_stored_cost_nothing_again(full_shop: Shop) -> None:
    start(full_shop)
    work(full_shop)
    engines = Job.objects.filter(state="done").first().render.engines
    factories.WorkerFactory(region=full_shop.store.region, engines=engines)
    found = preflight.preflight(asked(full_shop))
    waiting = found.skipped.get("publication", 0)
    assert found.cached == 6 - waiting and found.to_render == 0 and found.cost_micros == 0
    factories.WorkerFactory(region=full_shop.store.region, engines={**engines, "cutout": "newer/9"})
    assert preflight.preflight(asked(full_shop)).cached == 0


def test_the_digest_made_in_the_database_is_the_workers(full_shop: Shop) -> None:
    """Also with letters beyond ASCII and numbers in the recipe."""
    version = automatic(full_shop.workspace.pk)
    body = {**version.body, "backdrop": {"kind": "solid", "color": "#fff", "note": "Weiß “ok” 50 %"}}
    version = recipe_services.create(full_shop.workspace, name="Weiß", body=body, by="test")
    version.refresh_from_db()
    batch, _ = batching.start(batching.wish(full_shop.store, version), name="x", key="x", by="test")
    full_shop.carry()
    job = Job.objects.filter(batch=batch).first()
    [told] = (
        Photo.objects.filter(pk=job.photo_id)
        .annotate(request=preflight.request_digest(version, F("sha256")))
        .values_list("request", flat=True)
    )
    assert told == job.request == planning.request_digest(job, job.inputs.all())


def test_a_photo_with_kept_marks_is_known_only_with_these_marks(full_shop: Shop) -> None:
    start(full_shop)
    work(full_shop)
    engines = Job.objects.filter(state="done").first().render.engines
    factories.WorkerFactory(region=full_shop.store.region, engines=engines)
    before = preflight.preflight(asked(full_shop)).cached
    row = Photo.objects.filter(product__store=full_shop.store).first()
    PhotoMarks.objects.create(photo=row, sha256=row.sha256, cutout={"box": [0, 0, 1, 1]}, set_by="test")
    assert preflight.preflight(asked(full_shop)).cached == before - 1


def test_what_can_not_be_worked_on_is_left_out_with_its_reason(full_shop: Shop) -> None:
    photos = list(Photo.objects.filter(product__store=full_shop.store).order_by("pk"))
    job = factories.JobFactory(photo=photos[0], recipe_version=automatic(full_shop.workspace.pk))
    Photo.objects.filter(pk=photos[1].pk).update(src="")
    done = factories.JobFactory(photo=photos[2], done=True)
    factories.PublicationFactory(item__job=done, item__state="approved", waiting=True)
    found = preflight.preflight(asked(full_shop))
    assert found.skipped == {"no_original": 1, "publication": 1, "under_way": 1}
    batch = start(full_shop)
    assert counted(batch).total == found.planned == 3
    assert not Job.objects.filter(batch=batch, photo__in=[p.pk for p in photos[:3]]).exists()
    assert job.state == JobState.QUEUED


def test_a_disconnected_store_renders_nothing(full_shop: Shop) -> None:
    full_shop.store.state = "disconnected"
    found = preflight.preflight(asked(full_shop))
    assert found.skipped == {"disconnected": 6} and found.planned == 0


def test_cost_comes_from_what_this_recipe_took_before(full_shop: Shop) -> None:
    start(full_shop)
    work(full_shop)
    Record.objects.update(device_seconds=3.0)
    found = preflight.preflight(asked(full_shop, cap_micros=100))
    assert (found.pace.basis, found.pace.measured, found.pace.seconds) == ("version", 6, 3.0)
    assert found.cost_each_micros == 30


def test_budget_and_cap_say_how_many_photos_they_allow(full_shop: Shop) -> None:
    each = preflight.preflight(asked(full_shop)).cost_each_micros
    assert preflight.preflight(asked(full_shop, cap_micros=each * 4)).affordable == 4
    assert preflight.preflight(asked(full_shop, cap_micros=each * 6)).affordable is None
    Budget.objects.create(workspace=full_shop.workspace, stop_micros=each * 2)
    assert preflight.preflight(asked(full_shop, cap_micros=each * 4)).affordable == 2


def test_a_filter_that_means_nothing_creates_nothing(full_shop: Shop) -> None:
    assert preflight.preflight(asked(full_shop, only={"categories": ["None such"]})).photos == 0
    assert counted(start(full_shop, only={"categories": ["None such"]})).total == 0


def test_the_preflight_asks_few_questions(full_shop: Shop) -> None:
    factories.WorkerFactory(region=full_shop.store.region)
    with CaptureQueriesContext(
        connection,
    ) as asked_for:
        preflight.preflight(asked(full_shop))
    assert len(asked_for) <= 12
