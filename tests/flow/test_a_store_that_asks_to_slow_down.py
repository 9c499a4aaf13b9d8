"""A busy store says 429 again and again: everything waits as long as it is asked to, and nothing gives up."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from apps.ingest.models import Delivery
from apps.jobs.models import JobState, Preparation
from apps.lib import wire
from apps.lib.work import WorkState
from apps.publishing.models import Publication
from connectors.errors import RateLimited
from tests.shopkeeping import Shop

WORK = ((Delivery, "flow.receive"), (Preparation, "flow.prepare"), (Publication, "flow.publish"))


def an_hour_passes(shop: Shop) -> None:
    wire.client().delete(f"vitrine:pace:{shop.store.pk}")  # it is asked as often as ever again
    for model, task in WORK:
        waiting = model.objects.filter(work_state=WorkState.WAITING)
        waiting.update(not_before=timezone.now() - dt.timedelta(seconds=1))
        shop.wire += [(task, (pk,)) for pk in waiting.values_list("pk", flat=True)]
    shop.work()


@pytest.mark.parametrize("call", ["product", "fetch", "upload"])
def test_slowing_down_is_no_failure_however_often_it_is_asked_for(shop: Shop, call: str) -> None:
    shop.sell()
    shop.deliver(Client())
    for _ in range(12):
        shop.remote.fail(RateLimited(retry_after_s=60), call)
    for _ in range(14):
        an_hour_passes(shop)
    assert [job.state for job in shop.jobs()] == [JobState.DONE]
    assert [publication.live for publication in shop.publications()] == [True]
    assert not shop.remote.failures
