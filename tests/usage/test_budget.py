"""Money: booked once, by the price of the day, and stopped where the merchant said stop."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from apps.jobs.services import dispatch
from apps.usage import selectors, services
from apps.usage.models import Budget, Price, Record
from tests.shopkeeping import Shop


def book(shop: Shop, attempt: int, device: str = "cpu", seconds: float = 2.0) -> bool:
    return services.book(
        workspace=shop.workspace.pk,
        attempt=attempt,
        job=1,
        engine="classic",
        device=device,
        device_seconds=seconds,
        bytes_in=1,
        bytes_out=1,
        outcome="done",
    )


def test_an_attempt_is_booked_once(shop: Shop) -> None:
    assert book(shop, 1)
    assert not book(shop, 1)
    assert Record.objects.count() == 1


def test_the_price_of_the_day_counts_and_a_devices_own_price_comes_first(shop: Shop) -> None:
    now = timezone.now()
    for device, days, micros in (("cpu", 30, 5), ("cpu", 1, 50), ("cpu", -1, 500), ("cuda:L4", 1, 900)):
        Price.objects.create(
            device=device, valid_from=now - dt.timedelta(days=days), micros_per_second=micros
        )
    assert selectors.micros_per_second("cpu") == 50
    assert selectors.micros_per_second("cuda:L4") == 900
    book(shop, 1)
    assert Record.objects.get().cost_micros == 100


def test_at_its_stop_level_a_workspace_gets_no_more_work_and_a_higher_one_goes_on(shop: Shop) -> None:
    shop.sell()
    shop.deliver()
    shop.carry()
    budget = Budget.objects.create(workspace=shop.workspace, stop_micros=100)
    book(shop, 999, seconds=50)

    def claim():
        stopped = selectors.exhausted_workspaces()
        return dispatch.claim(
            lane="standard", capability="cpu", region=shop.store.region, limit=1, stopped=stopped
        )

    assert claim() is None
    budget.stop_micros = 100_000
    budget.save()
    assert claim() is not None


def test_what_is_under_way_counts_as_spent_until_it_is_settled(shop: Shop) -> None:
    services.reserve([(shop.workspace.pk, 5, 700)])
    assert selectors.spent_micros(shop.workspace.pk) == 700
    services.settle([5])
    assert selectors.spent_micros(shop.workspace.pk) == 0
