"""Judge renders by policy; let people decide the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.audit import services as audit
from apps.jobs.models import Job, JobState
from apps.jobs.services import again
from apps.jobs.services.again import Marks
from apps.lib.errors import LostRace, NotAllowed
from apps.lib.insert_once import insert_all_once
from apps.review import policy
from apps.review.models import Decision, Item, ItemState

POLICY = "policy"
REPLACED = "a newer cut-out was approved instead"


@transaction.atomic(savepoint=False)
def judge(jobs: Sequence[Job]) -> list[Item]:
    """The items of those jobs that are done, each made and judged once."""
    done = [job for job in jobs if job.state == JobState.DONE and job.render is not None]
    checks = _SpotChecks()
    made = [_judged(job, checks) for job in done]
    new = insert_all_once(made, key=("job_id",))
    fresh = [item for item, is_new in zip(made, new, strict=True) if is_new]
    approved = [item for item in fresh if item.state == ItemState.APPROVED]
    insert_all_once([Decision(item=item, actor=POLICY, approved=True) for item in approved], key=("item_id",))
    entries = []
    for item in fresh:
        entries.append(_judgement(item))
        if item.state == ItemState.APPROVED:
            entries.append(_decision(item, approved=True, actor=POLICY, override=False, note=""))
    audit.record_all(entries)
    return [
        item if is_new else Item.objects.get(job=item.job_id) for item, is_new in zip(made, new, strict=True)
    ]


def _judged(job: Job, checks: _SpotChecks) -> Item:
    assert job.render is not None
    recipe = {**job.recipe, "review": job.recipe_version.body.get("review", {})}
    verdict = policy.judge(
        job.render.measures,
        job.render.confidence,
        recipe,
        nth=checks.since(job.workspace_id, policy.spot_check_every(recipe)) + 1,
        asked_by_hand=job.instead_of_id is not None,
        marks_unseen=_marks_unseen(job),
    )
    approved = verdict.outcome == "approve"
    checks.judged(job.workspace_id, verdict.reasons)
    return Item(
        job=job,
        workspace_id=job.workspace_id,
        render=job.render,
        verdict=verdict.outcome,
        reasons=list(verdict.reasons),
        needs_override=verdict.needs_override,
        state=ItemState.APPROVED if approved else ItemState.PENDING,
        decided_at=timezone.now() if approved else None,
    )


def _judgement(item: Item) -> audit.Entry:
    return audit.Entry(
        verb="render.judged",
        workspace=item.workspace_id,
        actor=POLICY,
        subject=f"job:{item.job_id}",
        refs={"item": item.pk, "render": item.render_id, "photo": item.job.photo_id},
        detail={"verdict": item.verdict, "reasons": item.reasons},
    )


_LATEST_REASONS = f"""
SELECT reasons FROM {Item._meta.db_table} WHERE workspace_id = %s ORDER BY id DESC LIMIT %s
"""  # noqa: S608 - only our own table's name is formatted in


class _SpotChecks:
    """How many pictures of a workspace were judged since a spot check showed one to a person."""

    def __init__(self) -> None:
        self._now: dict[int, list[Sequence[str]]] = {}
        self._before: dict[tuple[int, int], list[Sequence[str]]] = {}

    def since(self, workspace: int, every: int) -> int:
        """At most `every` - 1. Looks at so many rows only, however many the workspace has."""
        if not every:
            return 0
        if (workspace, every) not in self._before:
            with connection.cursor() as cursor:
                cursor.execute(_LATEST_REASONS, [workspace, every - 1])
                self._before[workspace, every] = [json.loads(reasons) for (reasons,) in cursor.fetchall()]
        latest_first = [*reversed(self._now.get(workspace, [])), *self._before[workspace, every]]
        counted = 0
        for reasons in latest_first[: every - 1]:
            if policy.is_spot_check(reasons):
                break
            counted += 1
        return counted

    def judged(self, workspace: int, reasons: Sequence[str]) -> None:
        """One more, which is in no row yet."""
        self._now.setdefault(workspace, []).append(reasons)


def _marks_unseen(job: Job) -> bool:
    """Whether it was made with a person's marks and no picture of this photo with the same marks was ever approved."""
    marks = job.parameters.get("cutout")
    if not marks:
        return False
    same = Item.objects.filter(job__photo=job.photo_id, job__photo_revision=job.photo_revision)
    return not same.filter(job__parameters__cutout=marks, state=ItemState.APPROVED).exists()


@transaction.atomic
def decide(
    item: Item, *, approved: bool, user: User | None, actor: str, override: bool = False, note: str = ""
) -> Item:
    """A person's word. Raises NotAllowed where the product's pixels changed and nobody overrides it by name,
    LostRace where it was decided differently before. The same decision twice is one."""
    item = Item.objects.select_for_update().get(pk=item.pk)
    wanted = ItemState.APPROVED if approved else ItemState.REJECTED
    if item.state == wanted:
        return item
    if item.state != ItemState.PENDING:
        raise LostRace(f"It was already {item.state}.")
    if approved and item.needs_override and not (override and user):
        raise NotAllowed(
            "The product's own pixels changed; a named person has to confirm that it may go out."
        )
    _decide(item, approved=approved, actor=actor, user=user, override=override, note=note)
    if approved:
        _retire_earlier(item, actor=actor, user=user)
    return item


@transaction.atomic
def ask_again(item: Item, marks: Marks, *, by: str) -> tuple[Job, bool]:
    """Have the picture of an item made again with a person's marks; the item stays as it is until the new one is
    approved. Returns the job and whether it is new. Raises LostRace where it was approved before, BadRequest."""
    item = Item.objects.select_for_update().get(pk=item.pk)
    if item.state == ItemState.APPROVED:
        raise LostRace("It was already approved.")
    return again.cut_out_again(item.job, marks, by=by)


def _retire_earlier(item: Item, *, actor: str, user: User | None) -> None:
    """The pictures that this one was made to replace need nobody's decision any more."""
    job = item.job
    while job.instead_of is not None:
        job = job.instead_of
        earlier = Item.objects.select_for_update().filter(job=job, state=ItemState.PENDING).first()
        if earlier:
            _decide(earlier, approved=False, actor=actor, user=user, override=False, note=REPLACED)


def _decide(item: Item, *, approved: bool, actor: str, user: User | None, override: bool, note: str) -> None:
    item.state = ItemState.APPROVED if approved else ItemState.REJECTED
    item.decided_at = timezone.now()
    item.save(update_fields=["state", "decided_at"])
    _note_decision(item, approved=approved, actor=actor, user=user, override=override, note=note)


def _note_decision(
    item: Item, *, approved: bool, actor: str, user: User | None, override: bool, note: str
) -> None:
    Decision.objects.create(
        item=item, user=user, actor=actor, approved=approved, override=override and approved, note=note
    )
    audit.record_all([_decision(item, approved=approved, actor=actor, override=override, note=note)])


def _decision(item: Item, *, approved: bool, actor: str, override: bool, note: str) -> audit.Entry:
    return audit.Entry(
        verb=f"render.{item.state}",
        workspace=item.workspace_id,
        actor=actor,
        subject=f"job:{item.job_id}",
        refs={"item": item.pk},
        detail={"override": override and approved, "note": note},
    )


def actor_of(user: User) -> str:
    return f"user:{user.pk}"
