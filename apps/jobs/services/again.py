"""A person marks the product in a photo and asks for the picture again: a job of its own, the earlier picture stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from apps.audit import services as audit
from apps.jobs.models import OPEN_STATES, Job, JobInput, JobState, Lane, Preparation
from apps.jobs.services.marks import MAIN, keep, said
from apps.lib import ids
from apps.lib.errors import BadRequest

# What the worker takes at most (`cutout.clicks` of its recipe).
MOST_POINTS = 64
# A thinner box is a slip of the finger.
LEAST_SIDE = 0.01


@dataclass(frozen=True)
class Marks:
    """Where a person says that the product is, in shares of the upright photo.

    `box` is left, top, right, bottom; `points` are x, y, on the product?; `keep_holes` says whether openings show what
    is behind them, None leaves it to the engine. `see_through` says whether it is glass or clear plastic, None leaves
    that to the recipe.
    """

    box: tuple[float, float, float, float] | None = None
    points: tuple[tuple[float, float, bool], ...] = ()
    keep_holes: bool | None = None
    see_through: bool | None = None

    def __bool__(self) -> bool:
        return self != Marks()

    def check(self) -> None:
        """Raises BadRequest, telling a person what is missing or can't be meant."""
        if not self:
            raise BadRequest("Draw a box around the product, mark a point or say what it is first.")
        if len(self.points) > MOST_POINTS:
            raise BadRequest(f"At most {MOST_POINTS} points can be marked.")
        shares = [*(self.box or ()), *(n for x, y, _ in self.points for n in (x, y))]
        if not all(0 <= share <= 1 for share in shares):
            raise BadRequest("The box and the points must lie inside the photo.")
        if self.box is None:
            return
        left, top, right, bottom = self.box
        if right - left < LEAST_SIDE or bottom - top < LEAST_SIDE:
            raise BadRequest(
                "The box is too thin: right must be larger than left, and bottom larger than top."
            )
        if any(on and not (left <= x <= right and top <= y <= bottom) for x, y, on in self.points):
            raise BadRequest(
                "A point on the product lies outside the box. Widen the box or remove the point."
            )

    def as_table(self) -> dict[str, Any]:
        """The recipe's ``cutout`` table; what was not said is null, so that it replaces whatever stands there. Only
        ``see_through`` is left out then: the recipe's word stands."""
        table: dict[str, Any] = {
            "box": list(self.box) if self.box else None,
            "clicks": [list(point) for point in self.points],
            "keep_holes": self.keep_holes,
        }
        return table if self.see_through is None else {**table, "see_through": self.see_through}


@transaction.atomic
def cut_out_again(earlier: Job, marks: Marks, *, by: str) -> tuple[Job, bool]:
    """The job that makes `earlier`'s picture again with `marks`, and whether it is new: the same marks are one job.

    It goes ahead of other work, and later jobs of the photo use these marks too. Raises BadRequest where the marks make
    no sense or the photo was exchanged since.
    """
    marks.check()
    # One at a time: two clicks on the button, or two people, make one job.
    earlier = Job.objects.select_for_update(of=("self",)).select_related("photo").get(pk=earlier.pk)
    if earlier.photo.revision != earlier.photo_revision:
        raise BadRequest("The photo was exchanged in the store since; the marks would not fit the new one.")
    parameters = {**earlier.parameters, "cutout": marks.as_table()}
    seen = earlier.inputs.filter(role=MAIN).first()
    if seen and seen.sha256:
        keep(earlier.photo, seen.sha256, parameters["cutout"], by=by)
    same = earlier.again.filter(parameters=parameters, state__in=[*OPEN_STATES, JobState.DONE]).first()
    if same:
        return same, False
    job = Job.objects.create(
        workspace_id=earlier.workspace_id,
        store_id=earlier.store_id,
        photo=earlier.photo,
        photo_revision=earlier.photo_revision,
        recipe_version_id=earlier.recipe_version_id,
        once=f"again:{earlier.pk}:{ids.token()[:24]}",
        lane=Lane.URGENT,
        capability=earlier.capability,
        region=earlier.region,
        seed=earlier.seed,
        parameters=parameters,
        instead_of=earlier,
    )
    JobInput.objects.bulk_create(
        JobInput(job=job, position=i.position, role=i.role, photo_id=i.photo_id) for i in earlier.inputs.all()
    )
    Preparation.objects.create(job=job)
    audit.record(
        "cutout.asked",
        workspace=job.workspace_id,
        actor=by,
        subject=f"job:{job.pk}",
        refs={"photo": job.photo_id, "instead_of": earlier.pk},
        marked=said(parameters["cutout"]),
        cutout=parameters["cutout"],
    )
    return job, True
