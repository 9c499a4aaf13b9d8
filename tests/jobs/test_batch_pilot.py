"""Regenerating a catalogue: the pilot, and when the rest goes on."""

from __future__ import annotations

import pytest

from apps.audit.models import Event
from apps.flow import batching
from apps.jobs.models import Batch, BatchState, Job
from apps.jobs.services import batches
from apps.jobs.services.creating import Pilot
from apps.lib.errors import BadRequest, NotAllowed
from apps.usage.services import Use, book
from tests.jobs.regenerating import counted, start
from tests.shopkeeping import Shop


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
    use = Use(
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
    book(use)
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
