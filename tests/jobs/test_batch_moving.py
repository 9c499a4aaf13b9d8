"""Every way to move a batch: pause, cancel, try again, cap, clone."""

from __future__ import annotations

import json

import pytest

from apps.audit.models import Event
from apps.flow import batching
from apps.jobs.models import Job, Preparation
from apps.jobs.services import batches
from apps.jobs.services.creating import Pilot
from apps.lib.errors import BadRequest, NotAllowed
from apps.recipes import services as recipe_services
from apps.recipes.selectors import automatic
from tests import factories
from tests.jobs.regenerating import counted, start
from tests.shopkeeping import Shop


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
