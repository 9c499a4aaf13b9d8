"""Whose turn it is: lanes with a floor, off-peak windows, pauses, and fair shares between merchants."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from apps.jobs import windows
from apps.jobs.models import Job, Lane
from apps.jobs.services import dispatch, pacing
from apps.lib.errors import BadRequest
from gpu_worker.contract import render_queue
from tests.jobs.queues import Queue, by_workspace, finish, give, in_rounds

pytestmark = pytest.mark.django_db
ANY_TIME = {"bulk_from": None, "bulk_until": None}


def now_shifted(hours: float) -> dt.time:
    return (timezone.now() + dt.timedelta(hours=hours)).time()


# -- lanes


def test_a_photo_that_somebody_waits_for_goes_before_the_catalogue() -> None:
    shop = Queue()
    shop.wait(3, Lane.BULK)
    shop.wait(2, Lane.STANDARD)
    shop.wait(1, Lane.URGENT)
    assert [j.lane for j in give(6)] == ["urgent", "standard", "standard", "bulk", "bulk", "bulk"]


def test_an_endless_stream_of_urgent_photos_does_not_starve_the_catalogue(settings) -> None:
    settings.LANE_FLOOR = 5
    shop = Queue()
    shop.wait(100, Lane.URGENT)
    shop.wait(100, Lane.BULK)
    given = Counter(j.lane for j in in_rounds(25, 2))
    assert given == {"urgent": 40, "bulk": 10}, "one slot of five, however small a round is"


def test_the_floor_counts_jobs_and_not_chunks_where_a_gpu_takes_several_at_once(settings) -> None:
    settings.LANE_FLOOR = 5
    shop = Queue()
    shop.wait(200, Lane.URGENT, capability="gpu")
    shop.wait(100, Lane.BULK, capability="gpu")
    given = Counter(j.lane for j in in_rounds(25, 8, capability="gpu", size=8))
    assert given["bulk"] == pytest.approx(40, abs=3)


def test_what_the_floor_gives_does_not_wait_behind_urgent_work_at_the_worker(settings) -> None:
    settings.LANE_FLOOR = 2
    shop = Queue()
    shop.wait(3, Lane.URGENT)
    shop.wait(3, Lane.BULK)
    with dispatch.Round("cpu", "local") as this:
        handed = [this.give({"urgent": 9, "bulk": 9}, 1) for _ in range(2)]
    assert [h.lane for h in handed if h] == ["urgent", "bulk"]
    assert {h.queue for h in handed if h} == {render_queue("urgent", "cpu", "local")}


def test_without_a_floor_priority_is_strict(settings) -> None:
    settings.LANE_FLOOR = 0
    shop = Queue()
    shop.wait(40, Lane.URGENT)
    shop.wait(5, Lane.BULK)
    assert {j.lane for j in give(40)} == {"urgent"}


def test_a_lane_that_no_worker_serves_is_given_nothing() -> None:
    shop = Queue()
    shop.wait(2, Lane.BULK)
    assert give(4, lanes=(Lane.URGENT, Lane.STANDARD)) == []


# -- off-peak windows


def test_a_catalogue_waits_for_the_shops_quiet_hours_and_new_photos_do_not() -> None:
    shop = Queue(bulk_from=now_shifted(2), bulk_until=now_shifted(4))
    shop.wait(2, Lane.BULK)
    shop.wait(1, Lane.STANDARD)
    assert [j.lane for j in give(5)] == ["standard"]
    pacing.change(shop.workspace, {"bulk_from": now_shifted(-1)}, by="test")
    assert [j.lane for j in give(5)] == ["bulk", "bulk"]


def test_one_shops_quiet_hours_are_not_anothers() -> None:
    closed, always = Queue(bulk_from=now_shifted(2), bulk_until=now_shifted(4)), Queue()
    closed.wait(2, Lane.BULK)
    always.wait(2, Lane.BULK)
    assert by_workspace(give(5)) == {always.workspace.pk: 2}


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        ("2026-07-01T19:59", False),  # 21:59 in Berlin
        ("2026-07-01T20:00", True),
        ("2026-07-01T23:30", True),  # past midnight there
        ("2026-07-02T03:59", True),
        ("2026-07-02T04:00", False),
        ("2026-01-01T20:30", False),  # winter: the same UTC time is 21:30 there
        ("2026-01-01T21:00", True),
        # Clocks go forward on 29 March at 02:00: 05:59 is 03:59 UTC already.
        ("2026-03-29T03:59", True),
        ("2026-03-29T04:00", False),
        # They go back on 25 October at 03:00: 05:59 is 04:59 UTC again.
        ("2026-10-25T03:59", True),
        ("2026-10-25T04:59", True),
        ("2026-10-25T05:00", False),
    ],
)
def test_a_window_from_22_to_6_follows_the_shops_own_clock(utc: str, is_open: bool) -> None:
    at = dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)
    window = {"time_zone": "Europe/Berlin", "start": dt.time(22), "end": dt.time(6)}
    assert windows.is_open(at, **window) is is_open
    assert windows.is_open(at.astimezone(ZoneInfo("Asia/Tokyo")), **window) is is_open


def test_a_window_needs_both_ends_and_a_zone_that_exists() -> None:
    shop = Queue()
    with pytest.raises(BadRequest, match="give both or none"):
        pacing.change(shop.workspace, {"bulk_from": dt.time(22)}, by="test")
    with pytest.raises(BadRequest, match="no time zone 'Mars'"):
        pacing.change(shop.workspace, {"time_zone": "Mars"}, by="test")


# -- pauses


def test_a_paused_shop_is_given_nothing_and_goes_on_where_it_was() -> None:
    shop, other = Queue(), Queue()
    shop.wait(3)
    other.wait(1)
    assert pacing.pause(shop.workspace, by="test")
    assert not pacing.pause(shop.workspace, by="test"), "it was paused already"
    assert by_workspace(give(9)) == {other.workspace.pk: 1}
    pacing.resume(shop.workspace, by="test")
    assert by_workspace(give(9)) == {shop.workspace.pk: 3}


def test_pausing_one_store_leaves_its_sister_at_work() -> None:
    first = Queue()
    second = Queue(workspace=first.workspace)
    first.wait(3)
    second.wait(2)
    pacing.pause(first.store, by="test")
    assert {j.store_id for j in give(9)} == {second.store.pk}


def test_a_paused_batch_does_not_stand_in_the_way_of_the_next_one() -> None:
    shop = Queue()
    shop.wait(5, Lane.BULK, batch=shop.batch(state="paused"))
    [wanted] = shop.wait(1, Lane.BULK, batch=shop.batch())
    assert give(9) == [wanted]


# -- fair shares


def test_ten_photos_do_not_wait_behind_another_merchants_ten_thousand() -> None:
    large, small = Queue(), Queue()
    large.wait(10_000)
    small.wait(10)
    given = by_workspace(in_rounds(6, 4))
    assert given[small.workspace.pk] == 10, "after 24 slots the small shop has all of its ten"


def test_shares_follow_the_weights() -> None:
    shops = [Queue(weight=w) for w in (1, 3, 6)]
    for shop in shops:
        shop.wait(200)
    given = by_workspace(in_rounds(25, 4))
    assert [given[s.workspace.pk] for s in shops] == [10, 30, 60]


def test_a_merchant_without_work_gives_its_share_away_and_saves_nothing_up() -> None:
    busy, idle = Queue(), Queue(weight=5)
    busy.wait(200)
    assert by_workspace(in_rounds(10, 4)) == {busy.workspace.pk: 40}
    idle.wait(100)
    given = by_workspace(in_rounds(6, 4))
    assert given == {busy.workspace.pk: 4, idle.workspace.pk: 20}, "its weight, not what it left out before"


def test_a_merchant_who_was_alone_for_long_does_not_pay_for_it_later() -> None:
    early, late = Queue(), Queue()
    early.wait(100)
    in_rounds(10, 4)
    late.wait(100)
    given = by_workspace(in_rounds(5, 4))
    assert given[early.workspace.pk] == given[late.workspace.pk] == 10


def test_whose_turn_it_is_survives_a_restart_of_the_dispatcher() -> None:
    first, second = Queue(), Queue()
    first.wait(9)
    second.wait(9)
    assert len({j.workspace_id for j in in_rounds(2, 1)}) == 2


# -- limits


def test_a_merchant_at_its_limit_does_not_block_the_others() -> None:
    capped, other = Queue(max_live=2), Queue()
    jobs = capped.wait(10)
    other.wait(10)
    assert by_workspace(give(8)) == {capped.workspace.pk: 2, other.workspace.pk: 6}
    finish([jobs[0]])
    assert by_workspace(give(8)) == {capped.workspace.pk: 1, other.workspace.pk: 4}


def test_a_store_at_its_limit_leaves_the_room_to_its_sister() -> None:
    slow = Queue()
    quick = Queue(workspace=slow.workspace)
    pacing.change(slow.store, {"max_live": 1}, by="test")
    slow.wait(5)
    quick.wait(5)
    assert Counter(j.store_id for j in give(4)) == {slow.store.pk: 1, quick.store.pk: 3}


def test_a_gpus_chunk_is_cut_to_what_the_limit_leaves() -> None:
    shop = Queue(max_live=3)
    shop.wait(10, capability="gpu")
    assert len(give(8, capability="gpu", size=8)) == 3


def test_a_batch_stops_before_its_cap_and_the_rest_of_the_shop_goes_on(monkeypatch) -> None:
    monkeypatch.setattr("apps.jobs.selectors.expected_cost_micros", lambda version, capability: 40)
    shop = Queue()
    shop.wait(5, Lane.BULK, batch=shop.batch(cap_micros=100))
    [wanted] = shop.wait(1, Lane.BULK)
    given = give(9)
    assert len([j for j in given if j.batch_id]) == 2, "a third would come to 120"
    assert wanted in given
    assert give(9) == []


def test_what_a_batch_spent_counts_against_its_cap(monkeypatch) -> None:
    from apps.usage import services as usage

    monkeypatch.setattr("apps.jobs.selectors.expected_cost_micros", lambda version, capability: 40)
    shop = Queue()
    batch = shop.batch(cap_micros=100)
    shop.wait(5, Lane.BULK, batch=batch)
    [job] = give(1)
    attempt = job.attempts.get()
    use = usage.Use(
        workspace=shop.workspace.pk, attempt=attempt.pk, job=job.pk, engine="classic", device="cpu",
        device_seconds=7, bytes_in=1, bytes_out=1, outcome="done",
    )  # fmt: skip
    usage.book(use)
    finish()
    assert give(9) == [], "70 are spent and 40 more would be too much"
    batch.cap_micros = 110
    batch.save()
    assert len(give(9)) == 1


# -- chunks


def test_a_chunk_holds_only_photos_that_can_be_rendered_together() -> None:
    shop = Queue()
    small = shop.wait(2, capability="gpu", size_class=1)
    shop.wait(2, capability="gpu", size_class=3)
    shop.wait(1, capability="gpu", size_class=1, parameters={"cutout": {"keep_holes": True}})
    shop.wait(1, capability="gpu", size_class=1, seed=7)
    later = shop.wait(1, capability="gpu", size_class=1)
    assert give(7, capability="gpu", size=7)[:3] == small + later


def test_a_job_that_may_have_killed_a_worker_travels_alone() -> None:
    shop = Queue()
    before = shop.wait(2, capability="gpu")
    [suspect] = shop.wait(1, capability="gpu", alone=True)
    after = shop.wait(2, capability="gpu")
    chunks: dict[object, set[int]] = {}
    for job in give(5, capability="gpu", size=8):
        chunks.setdefault(job.attempts.get().chunk, set()).add(job.pk)
    assert {frozenset(c) for c in chunks.values()} == {
        frozenset({suspect.pk}),
        frozenset(j.pk for j in before + after),
    }


# -- a whole catalogue


def test_with_a_hundred_thousand_jobs_in_the_queue_a_claim_stays_cheap() -> None:
    """By rows touched, not by a clock that the machine's other work would move."""
    from django.db import connection

    from apps.jobs.services import flows

    shops = [Queue() for _ in range(3)]
    for shop in shops:
        shop.wait(10_000, Lane.BULK)
    Job.objects.filter(store=shops[0].store).update(
        held="backoff", not_before=timezone.now() + dt.timedelta(1)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_job")
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) " + flows._FLOWS, {"capability": "cpu", "region": "local"}
        )
        [[[plan]]] = cursor.fetchall()
    assert _rows_read(plan["Plan"]) < 50
    assert len(give(2)) == 2


def _rows_read(node: dict) -> float:
    own = (
        node["Actual Rows"] * node["Actual Loops"] + node.get("Rows Removed by Filter", 0)
        if "jobs_job" in node.get("Relation Name", "")
        else 0
    )
    return own + sum(_rows_read(child) for child in node.get("Plans", []))
