"""Read the trail, and verify it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef, QuerySet

from apps.audit.models import Detail, Event, Pending, Redaction, Seal
from apps.audit.services import detail_digest, seal_hash


@dataclass
class Report:
    """What `verify` found. `broken` names each row that does not fit, in words."""

    events: int = 0
    sealed: int = 0
    unsealed: int = 0
    redacted: int = 0
    heads: dict[int, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.broken


def events_of(workspace: int, *, subject: str = "") -> QuerySet[Event]:
    found = Event.objects.filter(workspace=workspace).select_related("detail", "seal").order_by("-pk")
    return found.filter(subject=subject) if subject else found


def verify(workspace: int | None = None) -> Report:
    """Walk every chain from its first link; memory stays flat. Names each row that was changed, removed or inserted."""
    report = Report()
    seals = Seal.objects.order_by("workspace", "seq").select_related("event")
    events = Event.objects.all()
    pending = Pending.objects.all()
    if workspace is not None:
        seals, events = seals.filter(workspace=workspace), events.filter(workspace=workspace)
        pending = pending.filter(workspace=workspace)
    report.events = events.count()
    report.broken.extend(_chain(seals, report))
    report.broken.extend(_details(events, report))
    report.unsealed = pending.count()
    loose = events.filter(
        ~Exists(Seal.objects.filter(event=OuterRef("pk"))),
        ~Exists(Pending.objects.filter(event_id=OuterRef("pk"))),
    )
    report.broken.extend(
        f"event {pk}: inserted without a seal" for pk in loose.values_list("pk", flat=True)[:100]
    )
    ghosts = pending.filter(~Exists(Event.objects.filter(pk=OuterRef("event_id"))))
    report.broken.extend(
        f"event {pk}: removed before it was sealed" for pk in ghosts.values_list("pk", flat=True)[:100]
    )
    return report


def _chain(seals: QuerySet[Seal], report: Report) -> Iterator[str]:
    at: int | None = None
    seq, previous = 0, ""
    for link in seals.iterator(chunk_size=2000):
        if link.workspace != at:
            at, seq, previous = link.workspace, 0, ""
        seq += 1
        report.sealed += 1
        if link.seq != seq:
            yield f"workspace {at}: link {seq} is missing (the next one is {link.seq}, event {link.event_id})"
            seq = link.seq
        elif link.previous != previous:
            yield f"workspace {at}, link {seq}: does not continue link {seq - 1} (event {link.event_id})"
        if link.hash != seal_hash(link.previous, link.seq, link.event):
            yield f"event {link.event_id} ({link.event.verb}): its row was changed after it was sealed"
        previous = link.hash
        report.heads[link.workspace] = link.hash


def _details(events: QuerySet[Event], report: Report) -> Iterator[str]:
    redacted = set(Redaction.objects.values_list("event_id", flat=True))
    for event in events.select_related("detail").order_by("pk").iterator(chunk_size=2000):
        try:
            detail = event.detail
        except Detail.DoesNotExist:
            report.redacted += event.pk in redacted
            if event.pk not in redacted:
                yield f"event {event.pk} ({event.verb}): its detail was removed without a redaction"
            continue
        if detail_digest(detail.salt, detail.body) != event.digest:
            yield f"event {event.pk} ({event.verb}): its detail was changed"
