"""Jobs that failed too often are set aside until a person lets them be tried again."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.jobs.models import Held, Job, JobState
from apps.lib import wire


@transaction.atomic
def release(job: Job, *, by: str) -> bool:
    """Back into the queue with all its tries, and alone in its chunk. False where it is not set aside."""
    moved = Job.objects.filter(pk=job.pk, state=JobState.QUARANTINED).update(
        state=JobState.QUEUED,
        held=Held.NOT,
        alone=True,
        tries=0,
        not_before=timezone.now(),
        finished_at=None,
        error="",
        error_code="",
    )
    if not moved:
        return False
    audit.record(
        "job.released",
        workspace=job.workspace_id,
        actor=by,
        subject=f"job:{job.pk}",
        refs={"photo": job.photo_id},
    )
    transaction.on_commit(wire.wake_dispatcher)
    return True
