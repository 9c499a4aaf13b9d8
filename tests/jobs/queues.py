"""Merchants with jobs that wait, made in bulk, and the dispatcher's hand that gives them out."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from apps.accounts.models import Workspace
from apps.jobs.models import Attempt, AttemptState, Batch, Job, JobState, Lane, Render
from apps.jobs.selectors import Room
from apps.jobs.services import dispatch, pacing
from apps.stores.models import Store
from tests import factories

_numbers = itertools.count(1)
ALL = (Lane.URGENT, Lane.STANDARD, Lane.BULK)


class Queue:
    """A store with a recipe; `wait` puts jobs into its queue."""

    def __init__(self, workspace: Workspace | None = None, **pace: Any) -> None:
        made = {"workspace": workspace} if workspace else {}
        self.store: Store = factories.StoreFactory(**made)
        self.workspace: Workspace = self.store.workspace
        self.photo = factories.PhotoFactory(product__store=self.store, fetched=False)
        self.version = factories.RecipeVersionFactory(recipe__workspace=self.workspace)
        if pace:
            pacing.change(self.workspace, pace, by="test")

    def wait(self, count: int, lane: str = Lane.STANDARD, **fields: Any) -> list[Job]:
        values = {
            "workspace": self.workspace,
            "store": self.store,
            "photo": self.photo,
            "recipe_version": self.version,
            "lane": lane,
            "state": JobState.QUEUED,
            **fields,
        }
        return Job.objects.bulk_create(
            [Job(once=f"test:{next(_numbers)}", **values) for _ in range(count)], batch_size=5000
        )

    def batch(self, **fields: Any) -> Batch:
        return factories.BatchFactory(store=self.store, recipe_version=self.version, **fields)

    def render_of(self, job: Job) -> Render:
        return factories.RenderFactory(store=self.store, request=job.request)


def give(slots: int, *, capability: str = "cpu", size: int = 1, lanes: tuple[str, ...] = ALL) -> list[Job]:
    """The jobs of one round of the dispatcher with so many free slots, in the order in which they were given."""
    given: list[int] = []
    room = Room(slots)
    room.lanes.update(dict.fromkeys(lanes, slots))
    with dispatch.Round(capability, "local") as this:
        while room.slots > 0 and (handed := this.give(room.lanes, min(size, room.slots))):
            given += [j.attempt for j in handed.chunk.jobs]
            room.used(handed.lane, len(handed.chunk.jobs))
    jobs = {a.pk: a.job for a in Attempt.objects.filter(pk__in=given).select_related("job")}
    return [jobs[pk] for pk in given]


def finish(jobs: list[Job] | None = None) -> None:
    """Workers are through with these jobs, or with all that they have."""
    live = Attempt.objects.filter(state__in=["dispatched", "running"])
    if jobs is not None:
        live = live.filter(job__in=jobs)
    # Two steps: of rows that one open transaction has just made, the planner knows nothing yet.
    ids = dict(live.values_list("pk", "job"))
    Job.objects.filter(pk__in=ids.values()).update(state=JobState.DONE)
    Attempt.objects.filter(pk__in=ids).update(state=AttemptState.DONE)


def in_rounds(rounds: int, slots: int, **options: Any) -> list[Job]:
    """What so many rounds give out, each after the workers are through with the one before."""
    given: list[Job] = []
    for _ in range(rounds):
        given += give(slots, **options)
        finish()
    return given


def by_workspace(jobs: list[Job]) -> Counter[int]:
    return Counter(job.workspace_id for job in jobs)
