"""Whether a store answers at all: a circuit breaker per store in Redis, shared by every process.

A store that has been silent for STORE_AWAY_AFTER_S, without one clear answer in between, is away. Then one call after
a pause is let through to see whether it is back, and everything else is told so without asking: twenty thousand
pictures that wait for one shop must not hold up another's. The pause is a quarter of how long the store has been away.
One clear answer, even a refusal, ends it. Pictures count by themselves: they often lie on another host. Without Redis
nobody is away, and calls go through.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import random
from collections.abc import Iterable
from typing import cast

from django.conf import settings

from apps.lib.wire import WireError, client
from connectors.errors import Away, ConnectorError, OutcomeUnknown, Unavailable

PAUSE_SHARE, LONGEST_PAUSE_S = 0.25, 600.0
# A store that is gone for good: after so long the first silence is forgotten, and the count begins anew.
FORGOTTEN_AFTER_S = 7 * 24 * 3600

_NOW = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1e6
"""
# KEYS: since when it is silent, the pause between two questions. Answers since when, where nobody is to ask now.
_KNOCK = (
    _NOW
    + """
local since = tonumber(redis.call('GET', KEYS[1]) or '')
if not since or now - since < tonumber(ARGV[1]) then return false end
local pause_ms = math.floor(1000 * math.min(tonumber(ARGV[3]), (now - since) * tonumber(ARGV[2])))
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', pause_ms) then return false end
return tostring(since)
"""
)
_SILENT = (
    _NOW + "redis.call('SET', KEYS[1], string.format('%.3f', now), 'NX', 'EX', tonumber(ARGV[1]))\nreturn 0"
)


def knock(store: int, *, images: bool = False) -> None:
    """Asked before each call. Raises Away where the store is away and was asked lately."""
    try:
        since = client().eval(
            _KNOCK, 2, *_keys(store, images), settings.STORE_AWAY_AFTER_S, PAUSE_SHARE, LONGEST_PAUSE_S
        )
    except WireError:
        return
    if since:
        error = Away(f"since {_time(since):%d %B, %H:%M} UTC")
        error.images = images
        raise error


def heard(store: int, error: ConnectorError | None, *, images: bool = False) -> None:
    """Told after each call what went wrong with it, if anything. A refusal is an answer."""
    with contextlib.suppress(WireError):
        if isinstance(error, Unavailable | OutcomeUnknown):
            client().eval(_SILENT, 1, _keys(store, images)[0], FORGOTTEN_AFTER_S)
        else:
            client().delete(*_keys(store, images))


def forget(store: int) -> None:
    """A person says that it is there again: calls go through."""
    with contextlib.suppress(WireError):
        client().delete(*_keys(store, images=False), *_keys(store, images=True))


def away_since(stores: Iterable[int], *, images: bool = False) -> dict[int, dt.datetime]:
    """Of these stores, those that are away, and since when."""
    asked = list(stores)
    if not asked:
        return {}
    try:
        found = cast(list[bytes | None], client().mget([_keys(store, images)[0] for store in asked]))
    except WireError:
        return {}
    latest = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=settings.STORE_AWAY_AFTER_S)
    silent = {store: _time(since) for store, since in zip(asked, found, strict=True) if since}
    return {store: since for store, since in silent.items() if since <= latest}


def wait_s(since: dt.datetime) -> float:
    """How long work for a store that is away since then shall wait; spread, so that not all of it comes at once."""
    gone_s = (dt.datetime.now(dt.UTC) - since).total_seconds()
    return min(LONGEST_PAUSE_S, PAUSE_SHARE * gone_s) * random.uniform(1.0, 1.5)  # noqa: S311 - spreading load


def _keys(store: int, images: bool) -> tuple[str, str]:
    name = f"{store}:images" if images else str(store)
    return f"vitrine:silent:{name}", f"vitrine:silent-pause:{name}"


def _time(value: object) -> dt.datetime:
    return dt.datetime.fromtimestamp(float(cast(bytes, value)), dt.UTC)
