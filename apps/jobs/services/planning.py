"""Ask for renders: one job per photo revision and recipe version; cancel them again. Batches: creating.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.catalog import selectors as catalog_selectors
from apps.catalog import services as catalog
from apps.catalog.models import Photo
from apps.jobs import selectors, sizes
from apps.jobs.models import (
    HELD_STATES,
    LIVE_ATTEMPTS,
    Attempt,
    Job,
    JobInput,
    JobState,
    Lane,
    Preparation,
)
from apps.jobs.services import marks
from apps.lib import ids, wire
from apps.lib.update_row import update_row
from apps.recipes.models import RecipeVersion
from apps.usage import services as usage
from connectors.base import Connector
from connectors.errors import ConnectorError
from gpu_worker.contract import GROUP_MAX, ROLE_GROUP

# What follows for jobs that are done, in the transaction that says so.
Then = Callable[[Sequence[Job]], None]


def once_for_photo(photo: Photo, version: RecipeVersion) -> str:
    """An automatic job: a photo's revision meets a recipe version once, however often webhooks say so."""
    return f"photo:{photo.pk}:{photo.revision}:{version.pk}"


@transaction.atomic
def plan(
    photo: Photo,
    version: RecipeVersion,
    *,
    once: str = "",
    lane: str = Lane.STANDARD,
    seed: int = 0,
) -> Job | None:
    """One job for one photo; None where it was planned before. Its originals are fetched by `prepare`."""
    store = photo.product.store
    once = once or once_for_photo(photo, version)
    job, created = Job.objects.get_or_create(
        workspace_id=store.workspace_id,
        once=once,
        defaults={
            "store": store,
            "photo": photo,
            "photo_revision": photo.revision,
            "recipe_version": version,
            "lane": lane,
            "region": store.region,
            "seed": seed,
        },
    )
    if not created:
        return None
    JobInput.objects.bulk_create(_inputs([job]))
    Preparation.objects.create(job=job)
    return job


def _inputs(jobs: Sequence[Job]) -> Iterator[JobInput]:
    """What goes into jobs of one store: the photo and, where the recipe asks for one scale, all that decide on it.

    They are the same for every photo of a product, in the same order, so that every job finds the same scale.
    """
    products = {job.photo.product_id for job in jobs if job.recipe_version.one_scale}
    groups: dict[int, list[int]] = {}
    if products:
        groups = catalog_selectors.shown_together(jobs[0].store_id, products, most=GROUP_MAX)
    for job in jobs:
        yield JobInput(job=job, photo_id=job.photo_id, role=marks.MAIN)
        group = groups.get(job.photo.product_id, [])
        if len(group) > 1:  # a product with one photo has nothing to share
            for position, photo in enumerate(group, start=1):
                yield JobInput(job=job, position=position, role=ROLE_GROUP, photo_id=photo)


def to_prepare(preparation: Preparation) -> Job:
    """Its job, with all that `prepare` looks at, by one statement."""
    return Job.objects.select_related("store", "recipe_version", "photo").get(pk=preparation.job_id)


def prepare(
    preparation: Preparation,
    connector: Connector,
    *,
    then: Then,
    last_try: bool = False,
) -> Job:
    """Fetch what the claimed preparation's job needs, then queue it or answer it from the cache. Raises ConnectorError.

    `then` is called with a job that the cache answered, in the same transaction. A photo that only helps to decide on a
    scale is left out where it can't be had, on the `last_try` for whatever reason.
    """
    job = preparation.job
    inputs = list(job.inputs.select_related("photo__product__store"))
    for item in inputs:
        photo = item.photo
        if not photo.key or len(inputs) > 1:
            # Looked up one by one: another job of this product may have fetched it meanwhile, or the store changed it.
            photo = Photo.objects.select_related("product__store").get(pk=item.photo_id)
        try:
            photo = catalog.keep_original(photo, connector)
        except ConnectorError as error:
            if item.role != ROLE_GROUP or (error.retry and not last_try):
                raise
        item.sha256, item.key = photo.sha256, photo.key
        if item.photo_id == job.photo_id:
            job.photo = photo
        if item.role == ROLE_GROUP:
            preparation.renew()
    with transaction.atomic():
        for item in inputs:
            update_row(JobInput, item.pk, {"sha256": item.sha256, "key": item.key}, where={})
        ready(job, inputs)
        preparation.finish()
        if job.state == JobState.DONE:
            then([job])
    return job


def request_digest(job: Job, inputs: Sequence[JobInput]) -> str:
    """What is asked for: inputs by hash and role with what a person says of each, the resolved recipe, the seed."""
    told = [[i.role, i.sha256, *([i.cutout] if i.cutout else [])] for i in inputs]
    return ids.digest([told, job.recipe, job.seed])


def ready(job: Job, inputs: Sequence[JobInput]) -> None:
    """Queue a job whose inputs are there; an identical request that was rendered before answers it at once."""
    marks.carry(job, inputs)
    request = request_digest(job, inputs)
    render = selectors.cached_render(job, request)
    changes: dict[str, Any] = {
        "state": JobState.DONE if render else JobState.QUEUED,
        "parameters": job.parameters,
        "request": request,
        "size_class": sizes.size_class(job.photo),
        "cached": render is not None,
        "finished_at": timezone.now() if render else None,
    }
    told = changes | {"render": render.pk if render else None}
    if not update_row(Job, job.pk, told, where={"state": JobState.PREPARING}):
        job.refresh_from_db()
        return
    for name, value in (changes | {"render": render}).items():
        setattr(job, name, value)
    if render:
        note_cached(job)
    else:
        transaction.on_commit(wire.wake_dispatcher)


def note_cached(job: Job) -> None:
    """A picture that cost nothing is counted with those that were paid for."""
    usage.note_cached(
        workspace=job.workspace_id,
        store=job.store_id,
        recipe=job.recipe_version.recipe_id,
        batch=job.batch_id,
    )


@transaction.atomic
def unusable(job: Job, *, code: str, message: str) -> None:
    """The job can't be prepared: the photo is gone, or its file was refused."""
    Job.objects.filter(pk=job.pk, state=JobState.PREPARING).update(
        state=JobState.FAILED, error_code=code, error=message, finished_at=timezone.now()
    )
    audit.record(
        "job.failed",
        workspace=job.workspace_id,
        subject=f"job:{job.pk}",
        refs={"photo": job.photo_id},
        code=code,
        message=message,
    )


@transaction.atomic
def cancel(job: Job, *, by: str) -> bool:
    """Stop a job. One that a worker holds is stopped between two stages; its result would be refused."""
    live = list(Attempt.objects.filter(job=job, state__in=LIVE_ATTEMPTS).values_list("token", flat=True))
    moved = Job.objects.filter(
        pk=job.pk, state__in=[JobState.PREPARING, JobState.QUEUED, *HELD_STATES]
    ).update(state=JobState.CANCELLED, finished_at=timezone.now())
    if not moved:
        return False
    Attempt.objects.filter(token__in=live).update(state="cancelled", ended_at=timezone.now())
    for token in live:
        transaction.on_commit(partial(wire.stop_sign, str(token)))
    audit.record("job.cancelled", workspace=job.workspace_id, actor=by, subject=f"job:{job.pk}")
    return True
