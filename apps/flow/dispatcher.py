"""The heart that beats twice a second: copy beats, end leases, hand out jobs, wake work, seal the audit trail. Woken
in between, it hands out jobs and reads the inbox.

One is active at a time (advisory lock); a second waits in reserve. It holds nothing in memory that matters.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from apps.audit import services as audit
from apps.flow import flow, hints, sweeper
from apps.jobs import selectors
from apps.jobs.services import dispatch, health, leases
from apps.lib import wire
from apps.lib.locks import session_lock
from apps.storage import selectors as storage
from gpu_worker.contract import Beat

log = structlog.get_logger(__name__)

TICK_S = 0.5
# Beats come every few seconds and leases are longer, so a wake-up is no reason to look at them.
LOOK_EVERY_S = 0.5
SWEEP_EVERY_S = 2.0
SEAL_EVERY_S = 1.0


@dataclass
class Clock:
    """Runs something not oftener than every so many seconds."""

    every_s: float
    last: float = field(default=0.0)

    def due(self) -> bool:
        now = time.monotonic()
        if now - self.last < self.every_s:
            return False
        self.last = now
        return True


class Dispatcher:
    """`run` until told to stop; `tick` is one round, for tests."""

    def __init__(self) -> None:
        self._look, self._sweep, self._seal = Clock(LOOK_EVERY_S), Clock(SWEEP_EVERY_S), Clock(SEAL_EVERY_S)
        self._wire_lost_at: float | None = None

    def run(self, stopping: Callable[[], bool]) -> None:
        while not stopping():
            try:
                with session_lock("vitrine-dispatcher") as active:
                    if not active:
                        time.sleep(TICK_S)
                        continue
                    log.info("dispatcher_active")
                    while not stopping():
                        self.tick()
                        self._rest()
            except (OperationalError, InterfaceError) as error:
                log.warning("database_away", error=str(error))
                connection.close()
                time.sleep(TICK_S)

    def tick(self) -> int:
        """One round. Returns how many jobs were handed out."""
        close_old_connections()
        beats = self._beats()
        handed = 0
        if beats is not None:
            if self._look.due():
                leases.copy_beats(beats)
                flow.expired()
                flow.answered()
            handed = self.feed(beats)
        sweeper.inbox()
        if self._sweep.due():
            sweeper.results()
            sweeper.sweep()
        if self._seal.due():
            audit.seal()
        return handed

    def _beats(self) -> list[Beat] | None:
        """None while the broker is away: nobody can beat then, so no lease is ended for it."""
        try:
            beats = wire.beats()
        except wire.WireError as error:
            if self._wire_lost_at is None:
                log.warning("broker_away", error=str(error))
                self._wire_lost_at = time.monotonic()
            return None
        if self._wire_lost_at is not None:
            extended = leases.forgive(settings.LEASE_S)
            log.info("broker_back", away_s=round(time.monotonic() - self._wire_lost_at, 1), extended=extended)
            self._wire_lost_at = None
        return beats

    def feed(self, beats: list[Beat]) -> int:
        """Hand out jobs as far as live slots reach; `dispatch` says whose turn it is."""
        handed = 0
        rooms = selectors.free_slots(beats, depth=settings.SLOT_DEPTH, unwell=health.unwell())
        # Where there is no room for what they make, workspaces get no jobs; money is asked for at each claim.
        stopped = storage.stopped_workspaces() if rooms else []
        for (capability, region), room in rooms.items():
            size = dispatch.CHUNK_SIZE.get(capability, 1)
            with dispatch.Round(capability, region, stopped=stopped) as this:
                while room.slots > 0 and (given := this.give(room.lanes, min(room.slots, size))):
                    hints.render(given.chunk, given.queue)
                    room.used(given.lane, len(given.chunk.jobs))
                    handed += len(given.chunk.jobs)
        return handed

    def _rest(self) -> None:
        try:
            wire.wait_for_wake(TICK_S)
        except wire.WireError:
            time.sleep(TICK_S)
