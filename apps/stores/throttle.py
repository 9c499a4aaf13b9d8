"""A token bucket per store in Redis, shared by every process: a store is never asked faster than it bears."""

from __future__ import annotations

import time

from apps.lib.wire import WireError, client

# Token bucket: KEYS[1] holds tokens and the time they were counted; returns seconds to wait (0 = go).
_TAKE = """
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1e6
local row = redis.call('HMGET', KEYS[1], 'n', 'at')
local n, at = tonumber(row[1]) or burst, tonumber(row[2]) or now
n = math.min(burst, n + (now - at) * rate) - 1
redis.call('HSET', KEYS[1], 'n', n, 'at', now)
redis.call('EXPIRE', KEYS[1], 300)
if n >= 0 then return '0' end
return tostring(-n / rate)
"""

RATE_PER_S = 20.0
BURST = 40
MAX_WAIT_S = 30.0


class StoreThrottle:
    """Callable that waits for the store's next token. Without Redis it lets calls through: politeness, not safety."""

    def __init__(self, store_id: int, *, rate_per_s: float = RATE_PER_S, burst: int = BURST) -> None:
        self._key = f"vitrine:throttle:{store_id}"
        self._rate, self._burst = rate_per_s, burst

    def __call__(self, *, images: bool = False) -> None:
        try:
            wait_s = float(client().eval(_TAKE, 1, self._key, self._rate, self._burst))
        except WireError:
            return
        if wait_s > 0:
            time.sleep(min(wait_s, MAX_WAIT_S))
