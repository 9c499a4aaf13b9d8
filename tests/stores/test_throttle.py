"""A store is asked as often as it bears: less when it says so or gets slow, more again by and by. The clock is the test's."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from apps.catalog.models import Sync
from apps.flow import flow
from apps.lib import wire
from apps.stores import throttle
from apps.stores.connect import open_store
from apps.stores.throttle import StoreThrottle, slowed
from connectors.errors import ConnectorError, NotFound, Paused, RateLimited, Rejected, Unavailable
from tests.shopkeeping import Shop


class Time:
    """Seconds that pass only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(redis_url: str) -> Time:
    return Time()


def opened(clock: Time, store: int = 7) -> StoreThrottle:
    return StoreThrottle(store, clock=clock, sleep=clock.sleep)


def asked(throttle: StoreThrottle, clock: Time, *, seconds: float) -> int:
    """How many calls one caller that never rests gets through in so long."""
    end, n = clock.now + seconds, 0
    while clock.now < end:
        try:
            throttle()
        except Paused as pause:
            clock.sleep(pause.retry_after_s)
            continue
        n += 1
        clock.sleep(0.001)
    return n


def too_many(wait_s: float = 0.0, status: int = 429) -> ConnectorError:
    error = RateLimited(retry_after_s=wait_s) if status == 429 else Unavailable("503", status=status)
    error.wait_s = wait_s
    return error


def test_a_store_that_says_nothing_is_asked_at_the_cap_after_a_burst(clock: Time) -> None:
    one = opened(clock)
    assert throttle.BURST <= asked(one, clock, seconds=0.05) <= throttle.BURST + 2
    assert 195 <= asked(one, clock, seconds=10) <= 205
    assert slowed(7, clock=clock) is None


@pytest.mark.parametrize("error", [too_many(), too_many(status=503)])
def test_it_is_asked_half_as_often_when_it_says_so(clock: Time, error: ConnectorError) -> None:
    one = opened(clock)
    one()
    one.heard(error)
    pace = slowed(7, clock=clock)
    assert pace is not None and pace.per_s == pytest.approx(10, rel=0.1) and pace.asked
    assert asked(one, clock, seconds=1) <= 13, "there is no burst any more"
    clock.sleep(2)
    one.heard(error)
    pace = slowed(7, clock=clock)
    assert pace is not None and pace.per_s < 8


@pytest.mark.parametrize("error", [None, Rejected("no", status=400), NotFound("gone", status=404)])
def test_a_plain_answer_slows_nothing(clock: Time, error: ConnectorError | None) -> None:
    opened(clock).heard(error, seconds=0.2, call="/products")
    assert slowed(7, clock=clock) is None


def test_what_was_under_way_when_it_first_said_so_is_the_same_word(clock: Time) -> None:
    one = opened(clock)
    for _ in range(8):
        one.heard(too_many(5))
        clock.sleep(0.1)
    pace = slowed(7, clock=clock)
    assert pace is not None and pace.per_s == pytest.approx(10)


def test_nobody_calls_before_the_pause_that_it_asked_for_is_over(clock: Time) -> None:
    one, other = opened(clock), opened(clock)
    one()
    one.heard(too_many(8))
    began = clock.now
    other()
    assert clock.now >= began + 8
    one.heard(too_many(600))
    for caller in (one, other):
        with pytest.raises(Paused) as pause:
            caller()
        assert 600 <= pause.value.retry_after_s <= 800 and pause.value.retry
    clock.sleep(601)
    other()


def test_who_sleeps_hears_of_a_longer_pause(clock: Time) -> None:
    one = opened(clock)
    one.heard(too_many(5))

    def and_then(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now < 1_000_006:
            one.heard(too_many(300))

    other = StoreThrottle(7, clock=clock, sleep=and_then)
    with pytest.raises(Paused):
        other()


def test_a_pause_for_pictures_does_not_hold_up_the_shop(clock: Time) -> None:
    one = opened(clock)
    one.heard(too_many(600), images=True)
    one()
    with pytest.raises(Paused):
        one(images=True)


def test_other_stores_are_asked_as_before(clock: Time) -> None:
    opened(clock, 7).heard(too_many(600))
    opened(clock, 8)()
    assert slowed(8, clock=clock) is None


def test_it_never_stands_still_and_comes_back_by_itself(clock: Time) -> None:
    one = opened(clock)
    for _ in range(40):
        one.heard(too_many())
        clock.sleep(1.1)
    pace = slowed(7, clock=clock)
    assert pace is not None and throttle.FLOOR_PER_S <= pace.per_s < 1
    seen = []
    for _ in range(30):
        clock.sleep(60)
        pace = slowed(7, clock=clock)
        seen.append(pace.per_s if pace else throttle.CAP_PER_S)
    assert seen == sorted(seen) and seen[-1] == throttle.CAP_PER_S
    assert seen[1] < throttle.CAP_PER_S / 2, "gradually"


def test_a_line_that_is_too_long_is_handed_back(clock: Time) -> None:
    """Many workers, one slow store: whoever would sleep long does something else meanwhile."""
    one = opened(clock)
    for _ in range(12):
        one.heard(too_many())
        clock.sleep(1.1)
    waits = []
    with pytest.raises(Paused):
        for _ in range(50):
            waits.append(one.turn())
    assert 3 < len(waits) < 25 and max(waits) <= throttle.MAX_WAIT_S and waits == sorted(waits)


def test_answers_that_take_much_longer_than_usual_slow_it_until_they_are_usual(clock: Time) -> None:
    one = opened(clock)

    def answers(seconds: float, n: int) -> None:
        for _ in range(n):
            clock.sleep(seconds)
            one.heard(None, seconds=seconds, call="/products/#")

    answers(0.2, 50)
    assert slowed(7, clock=clock) is None
    answers(2.5, 4)
    pace = slowed(7, clock=clock)
    assert pace is not None and not pace.asked and pace.per_s == pytest.approx(15)
    answers(2.5, 6)
    pace = slowed(7, clock=clock)
    assert pace is not None and throttle.FLOOR_PER_S < pace.per_s < 10
    answers(2.5, 300)
    assert slowed(7, clock=clock) is None, "that is how it is now"


def test_a_slow_answer_now_and_then_slows_nothing(clock: Time) -> None:
    one = opened(clock)
    for n in range(120):
        seconds = 9.0 if n % 6 == 5 else 0.05
        clock.sleep(seconds)
        one.heard(None, seconds=seconds, call="/products/#")
    assert slowed(7, clock=clock) is None


def test_a_kind_of_question_that_always_takes_long_slows_nothing(clock: Time) -> None:
    one = opened(clock)
    for _ in range(40):
        one.heard(None, seconds=0.1, call="/products/#")
        one.heard(None, seconds=3.0, call="/products")
        clock.sleep(3)
    assert slowed(7, clock=clock) is None


def test_a_store_that_bears_five_a_second_is_asked_nearly_so_often_and_seldom_too_often(clock: Time) -> None:
    """Four workers that never rest; the store answers 429 to the sixth request of any second."""
    one = opened(clock)
    lately: deque[float] = deque()
    answered: list[float] = []
    refused: list[float] = []

    def ask(at: float) -> None:
        while lately and lately[0] <= at - 1:
            lately.popleft()
        if len(lately) >= 5:
            refused.append(at)
            one.heard(too_many(1))
        else:
            lately.append(at)
            answered.append(at)
            one.heard(None, seconds=0.1, call="/products/#")

    start = clock.now
    queue: list[tuple[float, int, Callable[[float], None] | None]] = [(start, n, None) for n in range(4)]
    while queue[0][0] < start + 1200:
        clock.now, worker, what = heapq.heappop(queue)
        if what is not None:
            what(clock.now)
            heapq.heappush(queue, (clock.now + 0.1, worker, None))
            continue
        try:
            heapq.heappush(queue, (clock.now + one.turn(), worker, ask))
        except Paused as pause:
            heapq.heappush(queue, (clock.now + pause.retry_after_s, worker, None))
    settled = start + 60
    good = sum(at > settled for at in answered)
    bad = sum(at > settled for at in refused)
    assert 3.5 <= good / 1140 <= 5.0, "near what it bears"
    assert bad / (good + bad) < 0.02
    assert len(refused) - bad < 60, "nor many until it was found"


def test_without_redis_calls_go_through(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise wire.WireError("no Redis")

    monkeypatch.setattr(throttle, "client", away)
    one = StoreThrottle(7, sleep=lambda s: pytest.fail("it waits"))
    one()
    one.heard(too_many(600))
    one()
    assert slowed(7) is None


def test_a_connector_tells_its_store_s_pace_and_work_waits_for_the_pause(shop: Shop) -> None:
    open_store(shop.store).products()
    error = RateLimited(retry_after_s=120)
    error.wait_s = 120
    shop.remote.fail(error, "products")
    with pytest.raises(RateLimited):
        open_store(shop.store).products()
    calls = len(shop.remote.calls)
    with pytest.raises(Paused):
        open_store(shop.store).product("1")
    assert len(shop.remote.calls) == calls, "it was not asked"
    flow.connected(shop.store, by="test")
    shop.carry()
    row = Sync.objects.get()
    assert row.work_state == "waiting" and row.tries == 0 and "slow down" in row.error
    assert len(shop.remote.calls) == calls


def test_pictures_neither_wait_behind_questions_nor_hold_them_up(clock: Time) -> None:
    one = opened(clock)
    asked(one, clock, seconds=5)
    before = clock.now
    for _ in range(throttle.PICTURES * throttle.BURST):
        one(images=True)
    assert clock.now == before, "a burst of pictures goes at once"
    for _ in range(5):
        one.heard(too_many(), images=True)
        clock.sleep(2)
    assert slowed(7, clock=clock) is None, "the shop itself is asked as often as before"
    assert one.turn() == 0
