"""A store that counts in points is asked as much as it bears and never more. The clock and the store are the test's."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from apps.stores import points
from apps.stores.points import StorePoints
from connectors.base import Budget
from connectors.errors import Paused


@dataclass
class Bucket:
    """What such a store does: it takes what a question may cost when it comes, gives back what it did not, refills."""

    now: float = 1_000_000.0
    most: float = 2000.0
    per_s: float = 100.0
    level: float = 2000.0
    as_of: float = 1_000_000.0
    refused: int = 0
    lowest: float = field(default=2000.0)

    def _refill(self) -> None:
        self.level = min(self.most, self.level + (self.now - self.as_of) * self.per_s)
        self.as_of = self.now

    def ask(self, most: float) -> bool:
        self._refill()
        if self.level < most - 1e-3:
            self.refused += 1
            return False
        self.level -= most
        self.lowest = min(self.lowest, self.level)
        return True

    def answer(self, most: float, cost: float) -> Budget:
        self._refill()
        self.level = min(self.most, self.level + most - cost)
        return Budget(cost, self.level, self.most, self.per_s)


@dataclass
class Caller:
    """A process that asks one question after the other. A turn of it ends where it waits, and says until when."""

    bucket: Bucket
    left: Iterator[int]
    chance: random.Random
    asked: int = 0
    spent: float = 0.0

    def run(self) -> Iterator[float]:
        budget = StorePoints(7, clock=lambda: self.bucket.now)
        for _ in self.left:
            most = float(self.chance.choice([12, 40, 40, 95, 250]))
            while True:
                try:
                    wait_s = budget.turn(most)
                except Paused as pause:
                    yield self.bucket.now + pause.retry_after_s
                    continue
                yield self.bucket.now + wait_s
                yield self.bucket.now + self.chance.uniform(0.01, 0.3)  # on its way there
                went = self.bucket.ask(most)
                yield self.bucket.now + self.chance.uniform(0.02, 0.8)  # the store thinks
                cost = self.chance.uniform(0.2, 1.0) * most
                told = self.bucket.answer(most, cost) if went else None
                yield self.bucket.now + self.chance.uniform(0.01, 0.3)  # on its way back
                budget.heard(most, told)
                if went:
                    self.asked, self.spent = self.asked + 1, self.spent + cost
                    break
                yield self.bucket.now + 1.0


def together(callers: list[Caller], bucket: Bucket) -> None:
    """Let them take turns as the clock has it, until none has anything left to ask."""
    order = itertools.count()
    turns = [(bucket.now, next(order), caller.run()) for caller in callers]
    heapq.heapify(turns)
    while turns:
        at, _, run = heapq.heappop(turns)
        bucket.now = max(bucket.now, at)
        wakes = next(run, None)
        if wakes is not None:
            heapq.heappush(turns, (wakes, next(order), run))


@pytest.mark.parametrize(("processes", "seed"), [(1, 1), (8, 2), (24, 3)])
def test_two_thousand_questions_never_exceed_the_budget_and_use_nearly_all_of_it(
    redis_url: str, processes: int, seed: int
) -> None:
    bucket, left = Bucket(level=500.0), iter(range(2000))
    began = bucket.now
    callers = [Caller(bucket, left, random.Random(seed * 100 + n)) for n in range(processes)]
    together(callers, bucket)
    assert sum(caller.asked for caller in callers) == 2000
    assert bucket.refused == 0 and bucket.lowest >= -1e-3, "it never had to say no"
    seconds = bucket.now - began
    used = sum(caller.spent for caller in callers) / (500.0 + seconds * bucket.per_s)
    print(f"{processes} processes: {seconds:.0f} s, {used:.1%} of what it gave")
    if processes > 1:  # one alone waits for each answer
        assert used >= 0.9


def test_what_another_app_with_our_keys_spends_is_noticed(redis_url: str) -> None:
    bucket = Bucket()
    one = StorePoints(7, clock=lambda: bucket.now)
    one.turn(100)
    one.heard(100, Budget(cost=100, available=5, most=2000, per_s=100))
    assert one.turn(505) == pytest.approx(5.0)


def test_an_answer_that_cost_more_than_was_foreseen_leaves_so_much_less(redis_url: str) -> None:
    bucket = Bucket()
    one, other = (StorePoints(7, clock=lambda: bucket.now) for _ in range(2))
    one.turn(100)
    one.heard(100, Budget(cost=100, available=1000, most=2000, per_s=100))
    other.turn(400)
    one.turn(100)
    bucket.now += 1
    one.heard(100, Budget(cost=150, available=550, most=2000, per_s=100))
    assert one.turn(600) == pytest.approx(0.5)


def test_a_larger_plan_is_noticed_with_the_first_answer(redis_url: str) -> None:
    bucket = Bucket()
    one = StorePoints(7, clock=lambda: bucket.now)
    one.turn(100)
    one.heard(100, Budget(cost=10, available=19_990, most=20_000, per_s=1000))
    assert [one.turn(4000) for _ in range(4)] == [0, 0, 0, 0]
    assert 0 < one.turn(4000) < 1


def test_a_wait_that_is_too_long_is_handed_back_and_keeps_nothing(redis_url: str) -> None:
    bucket = Bucket()
    one = StorePoints(7, clock=lambda: bucket.now)
    one.turn(100)
    one.heard(100, Budget(cost=100, available=0, most=2000, per_s=50))
    for _ in range(3):
        with pytest.raises(Paused) as pause:
            one.turn(1000)
        assert 20 <= pause.value.retry_after_s <= 26
    bucket.now += 20
    assert one.turn(1000) == 0


def test_what_a_process_took_that_died_comes_back(redis_url: str) -> None:
    bucket = Bucket()
    dying, other = (StorePoints(7, clock=lambda: bucket.now) for _ in range(2))
    other.turn(10)
    other.heard(10, Budget(cost=10, available=1990, most=2000, per_s=100))
    dying.turn(1500)
    bucket.now += 100
    with pytest.raises(Paused):
        other.turn(1900 + 10 * bucket.per_s)
    bucket.now += points.FORGOTTEN_AFTER_S
    assert other.turn(2000) == 0


def test_stores_have_budgets_of_their_own_and_one_that_is_gone_has_none(redis_url: str) -> None:
    bucket = Bucket()
    one, other = (StorePoints(store, clock=lambda: bucket.now) for store in (7, 8))
    one.turn(100)
    one.heard(100, Budget(cost=100, available=0, most=2000, per_s=100))
    assert other.turn(900) == 0
    assert one.turn(900) > 0
    points.forget(7)
    assert StorePoints(7, clock=lambda: bucket.now).turn(900) == 0
