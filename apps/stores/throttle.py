"""How fast a store is asked: a pace per store in Redis, shared by every process, that gives way when the store asks.

A store that answers 429 or 503 is asked half as often from then on, and not at all before the time it named is over.
Where it answers much slower than it usually does, the pace goes down by a quarter. It comes back by itself: quickly to
near where it was too fast, then slowly, up to `CAP_PER_S`. Pictures have a pace of their own: they are files that a web
server hands out, often on another host. Without Redis calls go through: politeness, not safety.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from apps.lib.wire import WireError, client
from connectors.errors import ConnectorError, Paused

CAP_PER_S = 20.0
FLOOR_PER_S = 0.5
BURST = 40
# Of pictures so many times more: each that is written is looked at in all sizes.
PICTURES = 3
# Whoever would have to wait longer hands the work back: a worker that sleeps holds up other stores.
MAX_WAIT_S = 10.0
# What the store says to requests that were under way when it first said so is the same word, not another one.
SAME_WORD_S = 1.0
# Back to 85 % of where it was too fast within some 20 s, from there to the cap within ten minutes.
KNEE, QUICKLY_S, SLOWLY_S = 0.85, 20.0, 600.0
# Strain: how many times longer than usual its answers take, smoothed over some five of them; a single one counts five
# times at most, so it takes four in a row.
STRAINED, MOST_AT_ONCE, SLOWER_BY_S, LOOK_EVERY_S = 3.0, 5.0, 0.5, 5.0
WELL_BELOW = 0.9
KEPT_S = 7200
SLOW_STATUSES = frozenset({429, 503})

# One hash: `rate` as of `grown`; `n` tokens as of `at`; `ceiling`, the pace at which it was too fast; `until:api` and
# `until:images`, before which nobody calls; `cut` and `why` of the last slowing; `strain`; `usual:CALL` in seconds.
# ARGV: now (empty: Redis says), cap, floor, and each script's own.
_HEAD = f"""
local key, cap, floor = KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = tonumber(t[1]) + tonumber(t[2]) / 1e6
end
local function num(name, default) return tonumber(redis.call('HGET', key, name) or '') or default end
local function text(value) return string.format('%.6f', value) end
local ceiling = num('ceiling', cap)
local rate = num('rate', cap)
if rate < cap then
  local left, knee = math.max(0, now - num('grown', now)), {KNEE} * ceiling
  if rate < knee then
    local quick = math.min(left, (knee - rate) * {QUICKLY_S} / ceiling)
    rate, left = rate + quick * ceiling / {QUICKLY_S}, left - quick
  end
  rate = math.min(cap, rate + left * cap / {SLOWLY_S})
end
"""
# Its own: burst, the longest wait, which `until`. Answers seconds to wait; below 0: so long, and no turn is kept.
_TAKE = (
    _HEAD
    + f"""
local most, pause = tonumber(ARGV[4]), math.max(0, num(ARGV[6], 0) - now)
if rate < cap then most = math.max(1, 2 * rate) end
local n = num('n', most)
if pause == 0 then n = math.min(most, n + math.max(0, now - num('at', now)) * rate) end
local wait = pause + math.max(0, 1 - n) / rate
if wait > tonumber(ARGV[5]) then return text(-wait) end
local grown = math.max(now, num('grown', 0))
redis.call('HSET', key, 'n', text(n - 1), 'at', text(now), 'rate', text(rate), 'grown', text(grown))
redis.call('EXPIRE', key, {KEPT_S})
return text(wait)
"""
)
_CUT = """
  redis.call('HSET', key, 'ceiling', text(rate), 'rate', text(math.max(floor, rate * share)), 'grown', text(grown),
    'n', text(math.min(1, num('n', 1))), 'at', text(now), 'cut', text(now), 'why', why)
"""
# Its own: how long it asked to be left alone, which `until`.
_ASKED = (
    _HEAD
    + f"""
local grown, share, why = math.max(now + tonumber(ARGV[4]), num(ARGV[5], 0)), 0.5, 'asked'
if now - num('cut', -1e12) >= {SAME_WORD_S} and num(ARGV[5], 0) <= now then
"""
    + _CUT
    + f"""
end
redis.call('HSET', key, ARGV[5], text(grown))
redis.call('EXPIRE', key, {KEPT_S} + math.ceil(grown - now))
return 0
"""
)
# Its own: which call, how long it took.
_ANSWERED = (
    _HEAD
    + f"""
local seconds, name = tonumber(ARGV[5]), 'usual:' .. ARGV[4]
local usual = math.max(0.001, num(name, seconds))
local strain = 0.8 * num('strain', 1) + 0.2 * math.min({MOST_AT_ONCE}, seconds / usual)
-- Nothing comes back while it lasts.
local grown, share, why = math.max(now + {LOOK_EVERY_S}, num('grown', 0)), 0.75, 'slow'
local strained = strain > {STRAINED} and seconds > usual + {SLOWER_BY_S}
if strained and now - num('cut', -1e12) >= {LOOK_EVERY_S} then
"""
    + _CUT
    + f"""
elseif strained and rate < cap then
  redis.call('HSET', key, 'rate', text(rate), 'grown', text(grown))
end
-- What lasts becomes usual, within some tens of calls.
redis.call('HSET', key, 'strain', text(strain), name, text(usual + 0.02 * (math.min(seconds, 3 * usual) - usual)))
redis.call('EXPIRE', key, {KEPT_S})
return 0
"""
)
# Its own: which `until`.
_LEFT = _HEAD + "return text(num(ARGV[4], 0) - now)"
_LOOK = (
    _HEAD
    + """
local pause = math.max(num('until:api', 0), num('until:images', 0)) - now
return {text(rate), text(math.max(0, pause)), redis.call('HGET', key, 'why') or ''}
"""
)


@dataclass(frozen=True)
class Pace:
    """How often a store is asked that is not asked as often as it could be. `asked`: because it said so; else because
    it answers slower than it usually does. `pause_s`: what is left of a pause that it asked for."""

    per_s: float
    asked: bool
    pause_s: float = 0.0


class StoreThrottle:
    """Called before each request, waits for the store's next turn; `heard` is told how it went.

    `clock` (seconds) and `sleep` are for tests: without a clock Redis tells the time, the same for every process.
    """

    def __init__(
        self,
        store_id: int,
        *,
        cap_per_s: float = CAP_PER_S,
        burst: int = BURST,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._key = _key(store_id)
        self._cap, self._burst = cap_per_s, burst
        self._clock, self._sleep = clock, sleep

    def __call__(self, *, images: bool = False) -> None:
        """Raises Paused where that would take longer than `MAX_WAIT_S`."""
        wait_s = self.turn(images=images)
        while wait_s > 0:
            self._sleep(wait_s)
            wait_s = self._still_paused_s(images)  # somebody else may have been told so meanwhile

    def turn(self, *, images: bool = False) -> float:
        """Seconds until the turn that is kept for the caller. Raises Paused, and then none is kept."""
        try:
            burst = self._burst * (PICTURES if images else 1)
            wait_s = float(self._run(_TAKE, burst, MAX_WAIT_S, _until(images), images=images))
        except WireError:
            return 0.0
        if wait_s < 0:
            raise _paused(-wait_s)
        return wait_s

    def heard(
        self, error: ConnectorError | None, *, images: bool = False, seconds: float = 0.0, call: str = ""
    ) -> None:
        """`seconds` and `call` of reads only: how long a write takes says nothing of the store."""
        with contextlib.suppress(WireError):
            if error is not None and error.status in SLOW_STATUSES:
                self._run(_ASKED, error.wait_s, _until(images), images=images)
            elif error is None and seconds and call and not images:
                self._run(_ANSWERED, call, seconds)

    def _still_paused_s(self, images: bool) -> float:
        try:
            left_s = float(self._run(_LEFT, _until(images), images=images))
        except WireError:
            return 0.0
        if left_s > MAX_WAIT_S:
            raise _paused(left_s)
        return left_s

    def _run(self, script: str, *own: float | str, images: bool = False) -> bytes:
        now = "" if self._clock is None else self._clock()
        key, cap = (f"{self._key}:images", PICTURES * self._cap) if images else (self._key, self._cap)
        return cast(bytes, client().eval(script, 1, key, now, cap, FLOOR_PER_S, *own))


def slowed(store_id: int, *, clock: Callable[[], float] | None = None) -> Pace | None:
    """The store's pace, where it is well below the cap or the store asked for a pause; else None."""
    now = "" if clock is None else clock()
    try:
        found = client().eval(_LOOK, 1, _key(store_id), now, CAP_PER_S, FLOOR_PER_S)
    except WireError:
        return None
    rate, pause, why = (part.decode() for part in cast(list[bytes], found))
    if float(rate) > WELL_BELOW * CAP_PER_S and not float(pause):
        return None
    return Pace(float(rate), asked=why != "slow", pause_s=float(pause))


def forget(store_id: int) -> None:
    """There is no such store any more."""
    with contextlib.suppress(WireError):
        client().delete(_key(store_id), f"{_key(store_id)}:images")


def _key(store_id: int) -> str:
    return f"vitrine:pace:{store_id}"


def _until(images: bool) -> str:
    return "until:images" if images else "until:api"


def _paused(wait_s: float) -> Paused:
    # Spread, so that what waits does not come back all at once.
    return Paused("its pause is not over", retry_after_s=wait_s * random.uniform(1.0, 1.3))  # noqa: S311
