"""Wake work whose message was lost, or whose holder died: rows say what is due, this only sends hints."""

from __future__ import annotations

from apps.catalog.models import Sync
from apps.flow import hints
from apps.ingest.models import Delivery
from apps.jobs.models import Preparation
from apps.lib.work import Work
from apps.publishing.models import Publication, Undo

DUE: tuple[tuple[type[Work], str], ...] = (
    (Delivery, "flow.receive"),
    (Preparation, "flow.prepare"),
    (Publication, "flow.publish"),
    (Undo, "flow.undo"),
    (Sync, "flow.sync"),
)


def sweep() -> int:
    """Hint every row that is due and was not hinted lately. Returns how many."""
    sent = 0
    for model, task in DUE:
        for pk in model.hints():
            hints.hint(task, pk)
            sent += 1
    return sent
