"""How many points a store gives for questions: a budget per store in Redis, shared by every process.

Such a store takes what a question may cost at most when it comes, gives back what it did not cost when it is answered,
refills by the second, and says with each answer what is left. What is kept here is never more than what the store has:
what is asked for is taken off before it is sent, and the room above what is under way is not filled twice. An answer is
worth what it says, less whatever may have come in between. Without Redis questions go through, and the store says no.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from typing import cast

from apps.lib import ids
from apps.lib.wire import WireError, client
from connectors.base import Budget
from connectors.errors import Paused

# Until a store has said what it gives: the least that a plan has (Shopify, Standard).
MOST, PER_S = 2000.0, 100.0
# Whoever would have to wait longer hands the work back.
MAX_WAIT_S = 10.0
# A question whose end nobody told, because whoever asked died.
FORGOTTEN_AFTER_S = 180.0
KEPT_S = 7200

# One hash: `n` points as of `at`, of at most `most`, with `per_s` more each second; `spent` by answered ones, ever.
# One sorted set of what is under way, "points:spent when taken:when taken:id", by when it is forgotten.
_HEAD = f"""
local key, under = KEYS[1], KEYS[2]
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = tonumber(t[1]) + tonumber(t[2]) / 1e6
end
local function num(name, default) return tonumber(redis.call('HGET', key, name) or '') or default end
local function text(value) return string.format('%.6f', value) end
redis.call('ZREMRANGEBYSCORE', under, '-inf', now)
local open, mine, mine_spent, mine_at = 0, nil, 0, now
for _, member in ipairs(redis.call('ZRANGE', under, 0, -1)) do
  local points, spent, at, id = string.match(member, '^([^:]*):([^:]*):([^:]*):(.*)$')
  if id == ARGV[2] then
    mine, mine_spent, mine_at = member, tonumber(spent), tonumber(at)
  else
    open = open + tonumber(points)
  end
end
local most, per_s, spent = num('most', {MOST}), num('per_s', {PER_S}), num('spent', 0)
-- Where nothing is known the first question goes, and then there is nothing left until the store has said more.
local n = num('n', tonumber(ARGV[3]))
local function keep()
  redis.call('HSET', key, 'n', text(n), 'at', text(now), 'most', text(most), 'per_s', text(per_s), 'spent', text(spent))
  redis.call('EXPIRE', key, {KEPT_S})
  redis.call('EXPIRE', under, {KEPT_S})
end
"""
# Its own: points, the longest wait. Answers seconds to wait; below 0: so long, and nothing is taken.
_TAKE = (
    _HEAD
    + f"""
local points = tonumber(ARGV[3])
n = math.max(n, math.min(most - open, n + math.max(0, now - num('at', now)) * per_s))
local wait = math.max(0, points - n) / per_s
if wait > tonumber(ARGV[4]) then return text(-wait) end
local member = text(points) .. ':' .. text(spent) .. ':' .. text(now) .. ':' .. ARGV[2]
redis.call('ZADD', under, text(now + wait + {FORGOTTEN_AFTER_S}), member)
n = n - points
keep()
return text(wait)
"""
)
# Its own: points that were taken; what it cost, what is left, most, per second (empty where nobody said).
_ANSWERED = (
    _HEAD
    + """
local points, cost, left = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if mine then redis.call('ZREM', under, mine) end
local before = mine and open + points or open
n = math.max(n, math.min(most - before, n + math.max(0, now - num('at', now)) * per_s))
if left then
  most, per_s = tonumber(ARGV[6]), math.max(0.001, tonumber(ARGV[7]))
  -- Below 0 where the answer cost more than was foreseen: the store has taken that too.
  if mine then n = n + points - cost end
  -- No less than it said, should all that is under way or was answered since have come after that; and no more than
  -- it can have by now.
  local least = left - open - (spent - mine_spent)
  n = math.max(least, math.min(n, left + (now - mine_at) * per_s))
  spent = spent + cost
elseif mine then
  -- Nobody knows whether it was counted.
  spent = spent + points
end
keep()
return 0
"""
)


class StorePoints:
    """Asked before each question that costs points and told after it; one question at a time, as a connector asks.

    `clock` (seconds) and `sleep` are for tests: without a clock Redis tells the time, the same for every process.
    """

    def __init__(
        self,
        store_id: int,
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._keys = _keys(store_id)
        self._clock, self._sleep = clock, sleep
        self._asking = ""

    def take(self, points: float) -> None:
        """Wait until the store has them. Raises Paused where that would take longer than `MAX_WAIT_S`."""
        wait_s = self.turn(points)
        if wait_s > 0:
            self._sleep(wait_s)

    def turn(self, points: float) -> float:
        """Seconds until the points that are kept for the caller are there. Raises Paused, and then none are kept."""
        asking = ids.token(6)
        try:
            wait_s = float(self._run(_TAKE, asking, points, MAX_WAIT_S))
        except WireError:
            return 0.0
        if wait_s < 0:
            # Spread, so that what waits does not come back all at once.
            spread = random.uniform(1.0, 1.3)  # noqa: S311
            raise Paused("its budget for questions is used up", retry_after_s=-wait_s * spread)
        self._asking = asking
        return wait_s

    def heard(self, points: float, budget: Budget | None) -> None:
        """What became of the question that was asked last."""
        asking, self._asking = self._asking, ""
        told = (budget.cost, budget.available, budget.most, budget.per_s) if budget else ("",) * 4
        with contextlib.suppress(WireError):
            self._run(_ANSWERED, asking or "-", points, *told)

    def _run(self, script: str, asking: str, *own: float | str) -> bytes:
        now = "" if self._clock is None else self._clock()
        return cast(bytes, client().eval(script, 2, *self._keys, now, asking, *own))


def forget(store_id: int) -> None:
    """There is no such store any more."""
    with contextlib.suppress(WireError):
        client().delete(*_keys(store_id))


def _keys(store_id: int) -> tuple[str, str]:
    return f"vitrine:points:{store_id}", f"vitrine:points:{store_id}:open"
