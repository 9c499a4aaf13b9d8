"""Regenerating a catalogue: what is said before, what is created, the pilot, progress, and every way to move a batch."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import Event
from apps.automation.models import Trigger
from apps.catalog.models import Photo
from apps.flow import batching
from apps.jobs import preflight, progress
from apps.jobs.filters import Filter
from apps.jobs.models import Batch, BatchState, Job, JobInput, JobState, PhotoMarks, Preparation, Tally
from apps.jobs.services import batches, creating, planning, tallies
from apps.jobs.services.creating import Pilot
from apps.lib.errors import BadRequest, NotAllowed
from apps.recipes import services as recipe_services
from apps.recipes.selectors import automatic
from apps.usage.models import Budget, Record
from apps.usage.services import book
from tests import factories
from tests.shopkeeping import Shop, photo


def colour(number: int) -> str:
    return f"#{(number * 37) % 256:02x}{(number * 91) % 256:02x}{(number * 53) % 256:02x}"


@pytest.fixture
def full_shop(shop: Shop) -> Shop:
    """Six products that were mirrored, none of them worked on."""
    for number in range(6):
        shop.remote.add_product(
            f"Mug {number}",
            (photo(colour(number)),),
            categories=("Mugs" if number < 5 else "Lamps",),
            vendor="Kiln & Co" if number % 2 else "",
        )
    sync_catalogue(shop)
    return shop


def sync_catalogue(shop: Shop) -> None:
    from apps.catalog import services as catalog
    from apps.flow import flow

    sync, _ = catalog.ask_sync(shop.store, by="test", start_work=False)
    flow.synced(sync.pk)
    shop.wire.clear()
    Trigger.objects.filter(store=shop.store).delete()
    Job.objects.filter(store=shop.store).delete()


def asked(shop: Shop, **more: Any) -> preflight.Wish:
    version = automatic(shop.workspace.pk)
    assert version is not None
    only = Filter.from_json(more.pop("only", {}))
    return batching.wish(shop.store, version, only=only, **more)


def start(shop: Shop, key: str = "monday", **more: Any) -> Batch:
    pilot = more.pop("pilot", None)
    batch, _ = batching.start(asked(shop, **more), name="Again", key=key, by="user:1", pilot=pilot)
    return batch


def counted(batch: Batch) -> progress.Counts:
    return progress.counts([batch.pk])[batch.pk]


def work(shop: Shop) -> None:
    """With a worker known, so that the cache can be asked."""
    factories.WorkerFactory(region=shop.store.region, engines={})
    shop.work()


# -- before anything is created ------------------------------------------------------------------------------------


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
    assert told == job.request == planning.request_digest(job)


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


# -- creation --------------------------------------------------------------------------------------------------------


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


# -- pilot -----------------------------------------------------------------------------------------------------------


def test_the_pilot_spans_the_catalogue_and_the_rest_waits(full_shop: Shop) -> None:
    batch = start(full_shop, pilot=Pilot(size=2))
    pilot = batch.pilot
    assert (batch.state, counted(batch).total, counted(pilot).total) == (BatchState.HELD, 4, 2)
    shown = Job.objects.filter(batch=pilot).values_list("photo__product__categories", flat=True)
    assert sorted(c[0] for c in shown) == ["Lamps", "Mugs"]
    full_shop.work()
    assert counted(pilot).done == 2
    assert counted(batch).states == {"preparing": 4}


def test_the_same_seed_draws_the_same_pilot_and_another_one_another(full_shop: Shop) -> None:
    def drawn(key: str, seed: int) -> list[int]:
        batch = start(full_shop, key=key, pilot=Pilot(size=3, seed=seed))
        photos = list(Job.objects.filter(batch=batch.pilot).order_by("photo").values_list("photo", flat=True))
        batches.cancel(batch, by="test")
        return photos

    assert drawn("a", 1) == drawn("b", 1)
    assert len({tuple(drawn(f"s{seed}", seed)) for seed in range(6)}) > 1


def test_a_person_lets_the_rest_go_on(full_shop: Shop) -> None:
    batch = start(full_shop, pilot=Pilot(share=0.34), cap_micros=1_000_000)
    full_shop.work()
    book(
        workspace=full_shop.workspace.pk,
        attempt=10**9,
        job=Job.objects.filter(batch=batch.pilot).first().pk,
        engine="classic",
        device="cpu",
        device_seconds=100.0,
        bytes_in=0,
        bytes_out=0,
        outcome="lost",
    )
    spent = counted(batch.pilot).cost_micros
    assert spent >= 1000
    batching.go(batch, by="user:1")
    batch.refresh_from_db()
    assert batch.cap_micros == 1_000_000 - spent
    full_shop.work()
    assert counted(batch).done == 4
    with pytest.raises(NotAllowed):
        batching.go(batch, by="user:1")


def test_a_rule_lets_it_go_on_only_when_enough_was_approved(full_shop: Shop) -> None:
    batch = start(full_shop, pilot=Pilot(size=2, go_at_share=1.0))
    assert batching.tend() == 0, "the pilot has not ended"
    full_shop.work()
    items = list(full_shop.items())
    items[0].state = "rejected"
    items[0].save()
    assert batching.tend() == 0, "half of it is not enough"
    items[0].state = "approved"
    items[0].save()
    assert batching.tend() == 1
    batch.refresh_from_db()
    assert batch.state == BatchState.RUNNING
    assert Event.objects.filter(verb="batch.released", actor="policy").exists()


@pytest.mark.parametrize("pilot", [Pilot(), Pilot(size=1, share=0.5), Pilot(size=0), Pilot(share=1.5)])
def test_a_pilot_that_makes_no_sense_is_refused(full_shop: Shop, pilot: Pilot) -> None:
    with pytest.raises(BadRequest):
        start(full_shop, pilot=pilot)
    assert not Batch.objects.exists()


# -- progress --------------------------------------------------------------------------------------------------------


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
    jobs = list(Job.objects.filter(batch=batch))
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


# -- moving ----------------------------------------------------------------------------------------------------------


def test_a_paused_batch_fetches_and_renders_nothing_until_it_goes_on(full_shop: Shop) -> None:
    batch = start(full_shop)
    full_shop.wire.clear()
    batches.pause(batch, by="user:1")
    assert Preparation.hints() == []
    full_shop.work()
    assert counted(batch).states == {"preparing": 6}
    batching.resume(batch, by="user:1")
    full_shop.work()
    assert counted(batch).done == 6
    with pytest.raises(NotAllowed, match="Only a paused"):
        batches.resume(batch, by="user:1")


def test_cancelling_stops_what_waits_and_what_a_worker_holds_and_the_pilot_too(full_shop: Shop) -> None:
    batch = start(full_shop, pilot=Pilot(size=2))
    full_shop.carry()
    [chunk, *_] = full_shop.hand_out(1)
    _, stopped = batches.cancel(batch, by="user:1")
    assert stopped == 6
    assert counted(batch).cancelled == 4 and counted(batch.pilot).cancelled == 2
    assert not Preparation.objects.filter(work_state="waiting").exists()
    full_shop.render(chunk)
    full_shop.work()
    assert not full_shop.publications() and not full_shop.items()
    for move in (batches.pause, batches.resume, batches.cancel, batches.go):
        with pytest.raises(NotAllowed):
            move(batch, by="user:1")


def test_what_failed_is_tried_again_without_fetching_twice(full_shop: Shop) -> None:
    batch = start(full_shop)
    full_shop.carry()
    jobs = list(Job.objects.filter(batch=batch))
    Job.objects.filter(pk=jobs[0].pk).update(state="failed", error_code="internal", tries=3)
    Job.objects.filter(pk=jobs[1].pk).update(state="failed", error_code="photo_not_fetched", request="")
    Preparation.objects.filter(job=jobs[1]).update(work_state="failed")
    assert batches.retry_failed(batch, by="user:1") == 2
    states = dict(Job.objects.filter(batch=batch).values_list("pk", "state"))
    assert (states[jobs[0].pk], states[jobs[1].pk]) == ("queued", "preparing")
    assert counted(batch).failed == 0
    full_shop.wire.extend(("flow.prepare", (pk,)) for pk in Preparation.hints())
    full_shop.work()
    assert counted(batch).done == 6
    with pytest.raises(NotAllowed, match="Nothing of it failed"):
        batches.retry_failed(batch, by="user:1")


def test_the_cap_can_be_raised_and_taken_away(full_shop: Shop) -> None:
    batch = start(full_shop, cap_micros=5)
    batches.set_cap(batch, 5_000_000, by="user:1")
    batch.refresh_from_db()
    assert batch.cap_micros == 5_000_000
    with pytest.raises(BadRequest):
        batches.set_cap(batch, 0, by="user:1")
    batches.set_cap(batch, None, by="user:1")
    batch.refresh_from_db()
    assert batch.cap_micros is None


def test_a_clone_takes_the_same_photos_with_another_recipe(full_shop: Shop) -> None:
    batch = start(full_shop, only={"categories": ["Mugs"]}, pilot=Pilot(size=1))
    other = recipe_services.create(
        full_shop.workspace, name="Other", body=automatic(full_shop.workspace.pk).body, by="test"
    )
    clone, added = batching.clone(batch, other, name="Other", key="clone", by="user:1")
    assert added == 5 and clone.cloned_from == batch
    foreign = factories.RecipeVersionFactory()
    with pytest.raises(BadRequest):
        batching.clone(batch, foreign, name="x", key="y", by="user:1")


def test_the_trail_tells_every_move(full_shop: Shop) -> None:
    batch = start(full_shop)
    batches.pause(batch, by="user:1")
    batching.resume(batch, by="user:1")
    batches.set_cap(batch, 10, by="user:1")
    batches.cancel(batch, by="user:1")
    verbs = Event.objects.filter(subject=f"batch:{batch.pk}").order_by("pk").values_list("verb", flat=True)
    assert list(verbs) == [
        "batch.created",
        "batch.paused",
        "batch.resumed",
        "batch.capped",
        "batch.cancelled",
    ]
    assert json.dumps(batch.forecast)
