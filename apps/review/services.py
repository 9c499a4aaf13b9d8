"""Judge renders by policy; let people decide the rest."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.audit import services as audit
from apps.jobs.models import Job, JobState
from apps.jobs.services import again
from apps.jobs.services.again import Marks
from apps.lib.errors import LostRace, NotAllowed
from apps.lib.insert_once import insert_once
from apps.review import policy
from apps.review.models import Decision, Item, ItemState

POLICY = "policy"
REPLACED = "a newer cut-out was approved instead"


@transaction.atomic
def judge(job: Job) -> Item | None:
    """The item of a job that is done, made and judged once; None if it is not done."""
    if job.state != JobState.DONE or job.render is None:
        return None
    recipe = {**job.recipe, "review": job.recipe_version.body.get("review", {})}
    verdict = policy.judge(
        job.render.measures,
        job.render.confidence,
        recipe,
        nth=_since_spot_check(job.workspace_id, policy.spot_check_every(recipe)) + 1,
        asked_by_hand=job.instead_of_id is not None,
        marks_unseen=_marks_unseen(job),
    )
    approved = verdict.outcome == "approve"
    item = Item(
        job=job,
        workspace_id=job.workspace_id,
        render=job.render,
        verdict=verdict.outcome,
        reasons=list(verdict.reasons),
        needs_override=verdict.needs_override,
        state=ItemState.APPROVED if approved else ItemState.PENDING,
        decided_at=timezone.now() if approved else None,
    )
    if not insert_once(item):
        return Item.objects.get(job=job)
    audit.record(
        "render.judged",
        workspace=job.workspace_id,
        actor=POLICY,
        subject=f"job:{job.pk}",
        refs={"item": item.pk, "render": job.render.pk, "photo": job.photo_id},
        verdict=verdict.outcome,
        reasons=list(verdict.reasons),
    )
    if approved:
        _note_decision(item, approved=True, actor=POLICY, user=None, override=False, note="")
    return item


def _since_spot_check(workspace: int, every: int) -> int:
    """How many pictures were judged since a spot check showed one to a person, at most `every` - 1.

    Looks at so many rows only, however many the workspace has.
    """
    if not every:
        return 0
    latest = Item.objects.filter(workspace=workspace).order_by("-pk").values_list("reasons", flat=True)
    counted = 0
    for reasons in latest[: every - 1]:
        if policy.is_spot_check(reasons):
            break
        counted += 1
    return counted


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
    audit.record(
        f"render.{item.state}",
        workspace=item.workspace_id,
        actor=actor,
        subject=f"job:{item.job_id}",
        refs={"item": item.pk},
        override=override and approved,
        note=note,
    )


def actor_of(user: User) -> str:
    return f"user:{user.pk}"
