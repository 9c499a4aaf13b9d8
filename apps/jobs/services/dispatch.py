"""Hand jobs out: a round decides whose turn it is, one SQL claims a chunk for them, one attempt per job.

Lanes go by priority, but each lane that waits gets at least one slot in LANE_FLOOR. Within a lane workspaces share by
weight (start-time fair queueing): who waited idle saves nothing up, who is alone gets all.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.jobs import selectors
from apps.jobs.models import Attempt, Job, JobInput, Lane, LaneClock, Turn, out_prefix, resolved
from apps.jobs.services import flows, mattes, spending
from apps.jobs.services.flows import Flow
from apps.recipes.models import RecipeVersion
from apps.usage import services as usage
from gpu_worker.contract import Chunk, Input, JobSpec, render_queue

# Jobs per message: a GPU runs several at once, a CPU one after the other.
CHUNK_SIZE = {"cpu": 1, "gpu": 8}
START_GRACE_S = 5.0
# How far behind the oldest job a claim looks for others that fit into its chunk, per job wanted.
LOOK_PER_JOB, LOOK_MOST = 32, 256

# One statement: look at the oldest jobs of one flow, leave those whose twin is at a worker, take the first and those
# that share its recipe, seed and size class, mark them, open an attempt for each, reserve its cost, tell its inputs.
# SKIP LOCKED lets a second dispatcher, should there be one for a moment, take others.
_CLAIM = f"""
WITH seen AS (
    SELECT id, recipe_version_id, parameters, seed, size_class, alone, request, workspace_id
    FROM {Job._meta.db_table}
    WHERE state = 'queued' AND held = '' AND not_before <= %(now)s AND capability = %(capability)s
      AND region = %(region)s AND lane = %(lane)s AND workspace_id = %(workspace)s AND store_id = %(store)s
      AND COALESCE(batch_id, 0) = %(batch)s
    ORDER BY id LIMIT %(look)s FOR UPDATE SKIP LOCKED
), fresh AS (
    SELECT * FROM seen WHERE request = '' OR NOT EXISTS (
        SELECT 1 FROM {Job._meta.db_table} t WHERE t.workspace_id = seen.workspace_id AND t.request = seen.request
          AND t.capability = %(capability)s AND t.region = %(region)s AND t.state IN ('dispatched', 'running'))
), head AS (
    SELECT id AS first, recipe_version_id, parameters, seed, size_class, alone AS apart FROM fresh ORDER BY id LIMIT 1
), fitting AS (
    SELECT id, row_number() OVER (PARTITION BY CASE request WHEN '' THEN id::text ELSE request END ORDER BY id) AS nth
    FROM fresh JOIN head USING (recipe_version_id, parameters, seed, size_class)
    WHERE id = first OR NOT (alone OR apart)
), picked AS (
    SELECT id FROM fitting WHERE nth = 1 ORDER BY id LIMIT %(limit)s
), twins AS (
    UPDATE {Job._meta.db_table} j SET held = 'twin' FROM seen
    WHERE j.id = seen.id AND seen.id NOT IN (SELECT id FROM fresh)
    RETURNING j.id
), moved AS (
    UPDATE {Job._meta.db_table} j SET state = 'dispatched', attempt_count = attempt_count + 1
    FROM picked WHERE j.id = picked.id
    RETURNING j.id, j.attempt_count
), opened AS (
    INSERT INTO {Attempt._meta.db_table} (job_id, number, token, chunk, state, worker, stage, start_by, lease_until,
        dispatched_at, error_code, error, device_seconds)
    SELECT id, attempt_count, gen_random_uuid(), %(chunk)s, 'dispatched', '', '', %(start_by)s, %(lease_until)s,
        %(now)s, '', '', 0 FROM moved
    RETURNING id, job_id, token
), reserved AS (
    {usage.reserving("opened", workspace="%(workspace)s", attempt="id", cost="%(cost)s")}
)
SELECT opened.id AS attempt, opened.token, opened.job_id AS job, head.recipe_version_id AS recipe_version,
    head.parameters::json AS parameters, head.seed, twins.found AS twins, (
        SELECT json_agg(json_build_array(i.role, i.key, i.sha256, i.cutout) ORDER BY i.position)
        FROM {JobInput._meta.db_table} i WHERE i.job_id = opened.job_id) AS inputs
FROM (SELECT count(*) AS found FROM twins) twins LEFT JOIN head ON true LEFT JOIN opened ON true
ORDER BY opened.id
"""  # noqa: S608 - only our own tables' names are formatted in


class Opened(NamedTuple):
    """A row of `_CLAIM`: an attempt that was opened, and what its worker is told. Only `twins`, where none was."""

    attempt: int
    token: uuid.UUID
    job: int
    recipe_version: int
    parameters: dict[str, Any]
    seed: int
    twins: int
    inputs: list[tuple[str, str, str, dict[str, Any]]] | None


@dataclass(frozen=True)
class Handed:
    """A chunk to publish, and the queue it goes to."""

    lane: str
    queue: str
    chunk: Chunk


class Round:
    """One look at what waits for a capability in a region, and the chunks given from it until the room is used up.

    As a context manager: whose turn comes next is written down when it ends.
    """

    def __init__(self, capability: str, region: str, *, stopped: Collection[int] = ()) -> None:
        self.capability, self.region = capability, region
        flows.wake()
        now = timezone.now()
        found = [f for f in flows.waiting(capability, region) if f.may_go(now) and f.workspace not in stopped]
        self._load = flows.load(found) if found else flows.Load()
        self._flows: dict[str, list[Flow]] = {lane: [] for lane in lanes_by_priority()}
        for flow in found:
            self._flows[flow.lane].append(flow)
        self._costs: dict[int, int] = {}
        self._recipes: dict[int, dict[str, Any]] = {}
        self._clocks = _clocks(capability, region) if found else {}
        self._finish = _finishes(self._clocks.values(), {f.workspace for f in found})
        self._moved: set[tuple[str, int]] = set()
        # Batches and workspaces for which not one more job fits, and those that were noted so and go on.
        self._capped: set[int] = set()
        self._broke: set[int] = set()
        self._uncapped: set[int] = set()
        self._solvent: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.write_down()

    def give(self, lanes: Mapping[str, int], limit: int) -> Handed | None:
        """The next chunk of at most `limit` jobs; `lanes` says how many jobs each lane may be given."""
        while waiting := [
            lane for lane in lanes_by_priority() if self._flows[lane] and lanes.get(lane, 0) > 0
        ]:
            lane, owed = self._whose_turn(waiting)
            handed = self.take(lane, min(limit, lanes[lane], owed or limit), travels_in=waiting[0])
            if handed:
                self._count(lane, waiting, len(handed.chunk.jobs), by_floor=owed is not None)
                return handed
        return None

    def _whose_turn(self, waiting: Sequence[str]) -> tuple[str, int | None]:
        """The lane, and how many slots its floor owes it where that is why."""
        every = settings.LANE_FLOOR
        for lane in reversed(waiting[1:]):
            if every > 1 and self._clocks[lane].passed_over >= every - 1:
                return lane, self._clocks[lane].passed_over // (every - 1)
        return waiting[0], None

    def _count(self, lane: str, waiting: Sequence[str], jobs: int, *, by_floor: bool) -> None:
        for other in lanes_by_priority():
            clock = self._clocks[other]
            if other not in waiting or (other == lane and not by_floor):
                clock.passed_over = 0
            elif other == lane:
                clock.passed_over = max(0, clock.passed_over - jobs * (settings.LANE_FLOOR - 1))
            elif other != waiting[0]:
                clock.passed_over += jobs

    def take(self, lane: str, limit: int, *, travels_in: str = "") -> Handed | None:
        """A chunk of this lane, for the workspace whose turn it is; None where nobody may be given anything.

        `travels_in`: workers empty queues by priority, so what a floor gives goes in the queue that it takes a slot of.
        """
        while self._flows[lane]:
            flow = self._next(lane)
            cost = self._cost(flow)
            room = self._load.room(flow, cost)
            handed = None
            if room is None or room > 0:
                handed = self._claim(
                    flow, limit if room is None else min(limit, room), cost, travels_in or lane
                )
            if handed is None:
                # Nothing of it can go in this round: limits only fill up, and what is held back stays held back.
                self._flows[lane].remove(flow)
                self._note_money(flow, cost)
                continue
            self._used(flow, len(handed.chunk.jobs), cost)
            return handed
        return None

    def _next(self, lane: str) -> Flow:
        """Of the workspace whose turn starts first, the flow that waits longest."""
        return min(self._flows[lane], key=lambda f: (self._start(f), f.workspace, f.head))

    def _start(self, flow: Flow) -> float:
        return max(self._clocks[flow.lane].virtual, self._finish.get((flow.lane, flow.workspace), 0.0))

    def _used(self, flow: Flow, jobs: int, cost: int) -> None:
        start = self._start(flow)
        self._clocks[flow.lane].virtual = start
        self._finish[flow.lane, flow.workspace] = start + jobs / flow.weight
        self._moved.add((flow.lane, flow.workspace))
        self._load.add(flow, jobs, cost)
        if flow.cap_reached:
            self._uncapped.add(flow.batch)
        if self._load.standings[flow.workspace].held:
            self._solvent.add(flow.workspace)

    def _note_money(self, flow: Flow, cost: int) -> None:
        """Only where nothing is at work: what is under way may come cheaper than what is reserved for it."""
        load = self._load
        if load.under_cap(flow, cost) == 0 and not load.batches[flow.batch] and not flow.cap_reached:
            self._capped.add(flow.batch)
        broke = load.under_budget(flow, cost) == 0 and not load.workspaces[flow.workspace]
        if broke and not load.standings[flow.workspace].held:
            self._broke.add(flow.workspace)

    def _cost(self, flow: Flow) -> int:
        version = flow.recipe_version
        if version not in self._costs:
            self._costs[version] = selectors.expected_cost_micros(version, self.capability)
        return self._costs[version]

    def _claim(self, flow: Flow, limit: int, cost: int, travels_in: str) -> Handed | None:
        start_by = timezone.now() + dt.timedelta(seconds=settings.LEASE_S * 1.5)
        chunk = uuid.uuid4()
        if flow.cap_micros is None and self._load.under_budget(flow, cost) is None:
            opened = _open_attempts(flow, self.capability, self.region, limit, cost, chunk, start_by)
        else:
            with transaction.atomic():
                # What the round knew is a moment old: another dispatcher may have handed out meanwhile.
                allowed = spending.allowed(flow.workspace, flow.batch, cost)
                limit = limit if allowed is None else min(limit, allowed)
                if limit <= 0:
                    return None
                opened = _open_attempts(flow, self.capability, self.region, limit, cost, chunk, start_by)
        if not opened:
            return None
        flow.head = max(flow.head, *(o.job for o in opened)) + 1
        first = opened[0]
        message = Chunk(
            chunk=str(chunk),
            start_by=start_by.timestamp(),
            recipe=resolved(self._recipe(first.recipe_version), first.parameters),
            seed=first.seed,
            jobs=tuple(_spec(flow, o) for o in opened),
        )
        return Handed(flow.lane, render_queue(travels_in, self.capability, self.region), message)

    def _recipe(self, version: int) -> dict[str, Any]:
        """A version never changes, so it is read once."""
        if version not in self._recipes:
            self._recipes[version] = RecipeVersion.objects.values_list("body", flat=True).get(pk=version)
        return self._recipes[version]

    def write_down(self) -> None:
        """Keep whose turn it is. Lost with a crash, it costs one round's fairness and nothing else."""
        self._write_down_money()
        if not self._clocks:
            return
        LaneClock.objects.bulk_update(self._clocks.values(), ["virtual", "passed_over"])
        Turn.objects.bulk_create(
            [
                Turn(clock=self._clocks[lane], workspace_id=workspace, finish=self._finish[lane, workspace])
                for lane, workspace in sorted(self._moved)
            ],
            update_conflicts=True,
            unique_fields=["clock", "workspace"],
            update_fields=["finish"],
        )
        self._moved.clear()

    def _write_down_money(self) -> None:
        if self._capped:
            spending.cap_reached(self._capped)
        if self._uncapped:
            spending.cap_leaves_room(self._uncapped)
        if self._broke:
            usage.nothing_fits(self._broke)
        if self._solvent:
            usage.fits_again(self._solvent)


def claim(
    *, lane: str, capability: str, region: str, limit: int, stopped: Sequence[int] = ()
) -> Handed | None:
    """A round of one chunk from one lane; None when nothing is due. Publish after the commit.

    `start_by` ends the message, `lease_until` the claim: a lost message is a lease that ends, not a try.
    """
    with Round(capability, region, stopped=stopped) as this:
        return this.take(lane, limit)


def _open_attempts(
    flow: Flow,
    capability: str,
    region: str,
    limit: int,
    cost_micros: int,
    chunk: uuid.UUID,
    start_by: dt.datetime,
) -> list[Opened]:
    """The attempts that were opened. Where all that was seen are twins of jobs at work, it looks further."""
    values: dict[str, Any] = {
        "now": timezone.now(),
        "capability": capability,
        "region": region,
        "lane": flow.lane,
        "workspace": flow.workspace,
        "store": flow.store,
        "batch": flow.batch,
        "limit": limit,
        "look": min(LOOK_MOST, limit * LOOK_PER_JOB),
        "cost": cost_micros,
        "chunk": chunk,
        "start_by": start_by,
        "lease_until": start_by + dt.timedelta(seconds=START_GRACE_S),
    }
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_CLAIM, values)
            rows = [Opened(*row) for row in cursor.fetchall()]
            opened = [row for row in rows if row.attempt is not None]
            if opened or not rows[0].twins:
                return opened


def _spec(flow: Flow, opened: Opened) -> JobSpec:
    """What the worker is told: no names, no addresses, no secrets; hashes and storage keys."""
    return JobSpec(
        attempt=opened.attempt,
        token=str(opened.token),
        inputs=tuple(
            Input(role, key, sha256, cutout or None) for role, key, sha256, cutout in opened.inputs or ()
        ),
        out_prefix=out_prefix(flow.workspace, flow.store, opened.attempt, opened.token),
        mattes=mattes.place(flow.workspace, flow.store),
    )


def _clocks(capability: str, region: str) -> dict[str, LaneClock]:
    found = {c.lane: c for c in LaneClock.objects.filter(capability=capability, region=region)}
    missing = [lane for lane in lanes_by_priority() if lane not in found]
    if missing:
        LaneClock.objects.bulk_create(
            [LaneClock(capability=capability, region=region, lane=lane) for lane in missing],
            ignore_conflicts=True,
        )
        return _clocks(capability, region)
    return found


def _finishes(clocks: Collection[LaneClock], workspaces: Collection[int]) -> dict[tuple[str, int], float]:
    lanes = {clock.pk: clock.lane for clock in clocks}
    turns = Turn.objects.filter(clock__in=lanes, workspace__in=workspaces) if lanes else Turn.objects.none()
    return {(lanes[t.clock_id], t.workspace_id): t.finish for t in turns}


def lanes_by_priority() -> tuple[str, ...]:
    return (Lane.URGENT, Lane.STANDARD, Lane.BULK)
