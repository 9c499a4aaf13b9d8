"""The steps of a publication as rows: planned, sent, seen, verified. What was sent and not seen is looked for first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Q
from django.utils import timezone

from apps.lib.insert_once import insert_all_once
from apps.publishing.models import Publication, Step, StepName, StepState

CHANGE_THE_PRODUCT = (StepName.WRITE, StepName.VARIANTS)
# The step changed the store, or may have.
SENT_STATES = (StepState.SENT, StepState.SEEN, StepState.VERIFIED)
SENT = Q(state__in=SENT_STATES)


def plan(publication: Publication, names: Iterable[StepName]) -> None:
    """With the snapshot. What was planned before and not sent is planned no more, unless it is among `names`."""
    rows = [Step(publication=publication, name=name) for name in names]
    publication.steps.filter(state=StepState.PLANNED).exclude(name__in=[r.name for r in rows]).delete()
    insert_all_once(rows, key=("publication_id", "name"))


def sent(publications: Sequence[Publication], name: StepName) -> None:
    """Noted before the call goes out. One that was sent before and never answered may be done twice now."""
    rows = Step.objects.filter(publication__in=publications, name=name)
    rows.filter(state=StepState.SENT).update(unsure=True)
    rows.update(state=StepState.SENT, sent_at=timezone.now())


def seen(publications: Sequence[Publication], name: StepName, **detail: str) -> None:
    """The store's answer to the step came, or what it does was found done."""
    now = timezone.now()
    rows = Step.objects.filter(publication__in=publications, name=name)
    rows.exclude(state=StepState.VERIFIED).update(state=StepState.SEEN, seen_at=now, detail=detail)


def unsure(publications: Sequence[Publication], name: StepName) -> None:
    """The call went out and no answer came."""
    Step.objects.filter(publication__in=publications, name=name).update(unsure=True)


def verified(publication: Publication) -> None:
    """The store was looked at afterwards, and what the steps should do is done."""
    now = timezone.now()
    Step.objects.filter(publication=publication).filter(SENT).update(
        state=StepState.VERIFIED, verified_at=now
    )
    # What turned out not to be needed, because somebody had done it already.
    Step.objects.filter(publication=publication, state=StepState.PLANNED).delete()


def planned(publication: Publication, name: StepName) -> bool:
    """Whether the publication has this step at all."""
    return publication.steps.filter(name=name).exists()


def was_sent(publication: Publication, *names: StepName) -> bool:
    """Whether one of these steps may have changed the store."""
    return publication.steps.filter(SENT, name__in=names).exists()


def was_seen(publication: Publication, name: StepName) -> bool:
    """Whether the step is known to be done."""
    return publication.steps.filter(name=name, state__in=[StepState.SEEN, StepState.VERIFIED]).exists()


def is_unsure(publication: Publication) -> bool:
    """Whether a step of it may have been done twice."""
    return publication.steps.filter(unsure=True).exists()
