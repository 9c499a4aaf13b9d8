"""Money: booked once, by the price of the day, and stopped where the merchant said stop."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from apps.audit.models import Event
from apps.flow import batching
from apps.jobs.services import dispatch
from apps.lib.errors import BadRequest
from apps.usage import months, selectors, services
from apps.usage.models import Budget, Daily, Price, Reached, Record
from tests import factories
from tests.shopkeeping import Shop

HOUR = 3600


def book(shop: Shop, attempt: int, device: str = "cpu", seconds: float = 2.0, **more) -> bool:
    values = {
        "workspace": shop.workspace.pk,
        "attempt": attempt,
        "job": 1,
        "engine": "classic",
        "device": device,
        "device_seconds": seconds,
        "bytes_in": 1,
        "bytes_out": 1,
        "outcome": "done",
        **more,
    }
    return bool(services.book(services.Use(**values)))


def said(shop: Shop, verb: str) -> int:
    return Event.objects.filter(workspace=shop.workspace.pk, verb=verb).count()


# -- booked once


def test_an_attempt_is_booked_once(shop: Shop) -> None:
    assert book(shop, 1)
    assert not book(shop, 1)
    assert Record.objects.count() == 1
    assert selectors.spent_micros(shop.workspace.pk) == 20


def test_what_beats_told_is_put_right_once_when_the_worker_speaks_after_all(shop: Shop) -> None:
    assert book(shop, 1, seconds=5, outcome="lost", estimated=True)
    assert not book(shop, 1, seconds=6, outcome="lost", estimated=True), "a second guess is no better"
    assert book(shop, 1, seconds=8, outcome="refused")
    assert not book(shop, 1, seconds=100, outcome="refused")
    record = Record.objects.get()
    assert (record.device_seconds, record.cost_micros, record.outcome) == (8, 80, "lost")
    assert selectors.spent_micros(shop.workspace.pk) == 80
    assert selectors.sums(shop.workspace.pk, months.this(), months.after(months.this())).attempts == 1


def test_a_correction_counts_at_the_price_of_the_day_it_belongs_to(shop: Shop) -> None:
    with time_machine.travel(timezone.now() - dt.timedelta(days=2), tick=False):
        book(shop, 1, seconds=5, outcome="lost", estimated=True)
        services.set_price("cpu", 360 * HOUR, valid_from=(timezone.now() + dt.timedelta(days=1)).date())
    book(shop, 1, seconds=10)
    assert Record.objects.get().cost_micros == 100


# -- prices


def test_the_price_of_the_day_counts_and_a_devices_own_price_comes_first(shop: Shop) -> None:
    now = timezone.now()
    for device, days, micros in (("cpu", 30, 5), ("cpu", 1, 50), ("cpu", -1, 500), ("cuda:L4", 1, 900)):
        Price.objects.create(
            device=device, valid_from=now - dt.timedelta(days=days), micros_per_hour=micros * HOUR
        )
    assert selectors.micros_per_second("cpu") == 50
    assert selectors.micros_per_second("cuda:L4") == 900
    assert selectors.micros_per_hour("cpu", now - dt.timedelta(days=10)) == 5 * HOUR
    book(shop, 1)
    record = Record.objects.get()
    assert (record.cost_micros, record.micros_per_hour) == (100, 50 * HOUR)


def test_a_new_price_holds_from_its_day_on_and_old_records_keep_theirs(shop: Shop) -> None:
    book(shop, 1)
    tomorrow = (timezone.now() + dt.timedelta(days=1)).date()
    services.set_price("cpu", 72_000)
    services.set_price("cpu", 90_000, valid_from=tomorrow)
    book(shop, 2)
    with time_machine.travel(timezone.now() + dt.timedelta(days=1), tick=False):
        book(shop, 3)
    assert list(Record.objects.order_by("attempt").values_list("cost_micros", flat=True)) == [20, 40, 50]
    states = {(p.device, p.micros_per_hour): p.state for p in selectors.price_list()}
    assert states[("cpu", 72_000)] == "valid" and states[("cpu", 90_000)] == "coming"
    assert [p.state for p in selectors.price_list() if p.device == "cuda"] == ["default"]


def test_a_price_of_the_past_can_not_be_set_or_taken_back(shop: Shop) -> None:
    with pytest.raises(BadRequest, match="today or a later day"):
        services.set_price("cpu", 1, valid_from=timezone.now().date() - dt.timedelta(days=1))
    services.set_price("cpu", 1)
    with pytest.raises(BadRequest):
        services.drop_price("cpu", valid_from=timezone.now().date())
    tomorrow = timezone.now().date() + dt.timedelta(days=1)
    services.set_price("cpu", 2, valid_from=tomorrow)
    services.drop_price("cpu", valid_from=tomorrow)
    assert Price.objects.count() == 1


# -- stop and warn


def test_at_its_stop_level_a_workspace_gets_no_more_work_and_a_higher_one_goes_on(shop: Shop) -> None:
    shop.sell()
    shop.deliver()
    shop.carry()
    services.set_budget(shop.workspace, warn_micros=None, stop_micros=100, by="test")
    book(shop, 999, seconds=50)

    def claim():
        return dispatch.claim(lane="standard", capability="cpu", region=shop.store.region, limit=1)

    assert claim() is None
    assert selectors.left_micros(shop.workspace.pk) == 0
    services.set_budget(shop.workspace, warn_micros=None, stop_micros=100_000, by="test")
    assert claim() is not None
    assert selectors.standing(shop.workspace.pk).level == ""


def test_where_not_even_one_more_picture_fits_the_budget_says_so_and_a_higher_one_goes_on(shop: Shop) -> None:
    """Each picture is expected to cost 20: after 90 of 100 nothing goes, though 100 was never spent."""
    shop.sell()
    shop.deliver()
    shop.carry()
    services.set_budget(shop.workspace, warn_micros=None, stop_micros=100, by="test")
    book(shop, 999, seconds=9)
    assert shop.hand_out() == []
    assert selectors.standing(shop.workspace.pk).level == "stop"
    assert shop.hand_out() == [] and said(shop, "budget.stop") == 1, "told once"
    services.set_budget(shop.workspace, warn_micros=None, stop_micros=110, by="test")
    assert selectors.standing(shop.workspace.pk).level == ""
    assert len(shop.hand_out()) == 1


def test_a_stop_that_leaves_room_again_is_lifted(shop: Shop) -> None:
    shop.sell()
    shop.deliver()
    shop.carry()
    services.set_budget(shop.workspace, warn_micros=None, stop_micros=100, by="test")
    book(shop, 999, seconds=9)
    shop.hand_out()
    services.set_price("cpu", 3600)  # a picture comes to 2 now
    assert len(shop.hand_out()) == 1
    assert selectors.standing(shop.workspace.pk).level == ""
    assert said(shop, "budget.stop") == 1


def test_each_level_is_told_once_a_month_and_again_in_the_next(shop: Shop) -> None:
    services.set_budget(shop.workspace, warn_micros=50, stop_micros=100, by="test")
    with time_machine.travel(dt.datetime(2031, 5, 10, tzinfo=dt.UTC), tick=False):
        book(shop, 1, seconds=6)
        batching.tend()
        batching.tend()
        assert (said(shop, "budget.warn"), said(shop, "budget.stop")) == (1, 0)
        assert [s.level for s in selectors.budgets_near()] == ["warn"]
        book(shop, 2, seconds=6)
        services.watch()
        services.watch()
        assert (said(shop, "budget.warn"), said(shop, "budget.stop")) == (1, 1)
        [near] = selectors.budgets_near()
        assert (near.level, near.limit_micros, near.booked_micros) == ("stop", 100, 120)
    with time_machine.travel(dt.datetime(2031, 6, 1, tzinfo=dt.UTC), tick=False):
        assert selectors.budgets_near() == [], "a month begins at nothing"
        book(shop, 3, seconds=6)
        services.watch()
        assert said(shop, "budget.warn") == 2
    assert Reached.objects.count() == 3


def test_a_budget_that_makes_no_sense_is_refused(shop: Shop) -> None:
    for warn, stop in ((10, 5), (0, None), (None, -1)):
        with pytest.raises(BadRequest):
            services.set_budget(shop.workspace, warn_micros=warn, stop_micros=stop, by="test")
    services.set_budget(shop.workspace, warn_micros=5, stop_micros=10, by="test")
    services.set_budget(shop.workspace, warn_micros=5, stop_micros=10, by="test")
    assert said(shop, "budget.changed") == 1 and Budget.objects.get().stop_micros == 10


def test_what_is_under_way_counts_as_spent_until_it_is_settled(shop: Shop) -> None:
    services.reserve([(shop.workspace.pk, 5, 700)])
    assert selectors.spent_micros(shop.workspace.pk) == 700
    services.settle([5])
    assert selectors.spent_micros(shop.workspace.pk) == 0


# -- sums by the day


def test_days_recipes_batches_and_stores_add_up_to_the_month(shop: Shop) -> None:
    with time_machine.travel(dt.datetime(2031, 5, 31, 23, 59, 59, tzinfo=dt.UTC), tick=False):
        book(shop, 1, store=1, recipe=7, cutout="made")
        book(shop, 2, store=1, recipe=8, batch=4, outcome="failed")
        services.note_cached(workspace=shop.workspace.pk, store=1, recipe=7, batch=None)
    with time_machine.travel(dt.datetime(2031, 6, 1, tzinfo=dt.UTC), tick=False):
        book(shop, 3, store=1, recipe=7, cutout="reused")
    may, june = dt.date(2031, 5, 1), dt.date(2031, 6, 1)
    found = selectors.sums(shop.workspace.pk, may, june)
    assert (found.attempts, found.pictures, found.cached, found.cost_micros) == (2, 1, 1, 40)
    assert (found.each_micros, found.hit_share, found.matte_hit_share) == (40, 0.5, 0)
    assert selectors.sums(shop.workspace.pk, june, months.after(june)).matte_hit_share == 1
    recipes = {key[0]: s.cost_micros for key, s in selectors.sums_by(shop.workspace.pk, may, june, "recipe")}
    assert recipes == {7: 20, 8: 20}
    days = selectors.by_day(shop.workspace.pk, may)
    assert len(days) == 31 and days[-1][1].cost_micros == 40 and days[0][1].cost_micros == 0
    assert len(selectors.records_of(shop.workspace.pk, may)) == 2


def test_folding_changes_no_sum_and_leaves_one_row_for_each_day_and_thing(shop: Shop) -> None:
    for attempt in range(6):
        book(shop, attempt, recipe=attempt % 2, seconds=1.5)
    book(shop, 9, recipe=1, seconds=5, outcome="lost", estimated=True)
    book(shop, 9, recipe=1, seconds=3)
    month = months.this()
    before = selectors.sums(shop.workspace.pk, month, months.after(month))
    assert Daily.objects.count() == 9
    assert services.fold() == 7
    assert Daily.objects.count() == 2 and services.fold() == 0
    assert selectors.sums(shop.workspace.pk, month, months.after(month)) == before
    assert before.cost_micros == 6 * 15 + 30


def test_a_month_of_a_hundred_thousand_records_is_read_from_a_few_rows(shop: Shop) -> None:
    """By rows touched, not by a clock that the machine's other work would move."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_record (workspace_id, attempt, job, store, recipe, batch, at, engine, device,"
            " device_seconds, bytes_in, bytes_out, cost_micros, outcome)"
            " SELECT %s, n, n, 1, n %% 5, n %% 20, now(), 'classic', 'cpu', 2, 1, 1, 20, 'done'"
            " FROM generate_series(1, 20000) n",
            [shop.workspace.pk],
        )
        cursor.execute("ANALYZE usage_record, usage_daily")
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) " + selectors._STANDINGS,
            {"workspaces": [shop.workspace.pk], "month": months.this()},
        )
        [[[plan]]] = cursor.fetchall()
    assert "usage_record" not in str(plan)
    assert Daily.objects.count() <= 20
    assert selectors.standing(shop.workspace.pk).booked_micros == 400_000


def test_nobody_sees_what_another_merchant_used(shop: Shop) -> None:
    other = factories.WorkspaceFactory()
    book(shop, 1)
    assert selectors.standing(other.pk).booked_micros == 0
    assert not selectors.records_of(other.pk).exists()
