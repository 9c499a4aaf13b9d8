"""Wake work whose message was lost, or whose holder died: rows say what is due, this only sends hints.

Never more than the control workers can soon carry out: results and new photos wait in the same queue.
"""

from __future__ import annotations

from collections.abc import Callable

from apps.automation import selectors as automation
from apps.billing.models import Charge
from apps.catalog.models import Sync
from apps.flow import hints
from apps.ingest.models import Delivery
from apps.jobs import preparing
from apps.lib import wire
from apps.notices.models import Mail
from apps.publishing.models import Cleaning, Publication, Undo
from apps.publishing.services import reversing
from apps.stores.models import Approval, LegalRequest
from gpu_worker.contract import QUEUE_CONTROL, TASK_RESULTS

# Preparations come last: a regenerated catalogue has 100,000 of them, and everything else is quicker.
DUE: tuple[tuple[Callable[[int], list[int]], str], ...] = (
    (Approval.hints, "flow.approve"),
    (Delivery.hints, "flow.receive"),
    (LegalRequest.hints, "flow.law"),
    (Publication.hints, "flow.publish"),
    (Undo.hints, "flow.undo"),
    (reversing.hints, "flow.take_back"),
    (Sync.hints, "flow.sync"),
    (Mail.hints, "flow.mail"),
    (automation.hints, "flow.act"),
    (Cleaning.hints, "flow.clean"),
    (Charge.hints, "flow.charge"),
    (preparing.hints, "flow.prepare"),
)
# Messages that may wait for control workers at the same time because of us.
AT_ONCE = 200


def sweep() -> int:
    """Hint what is due and was not hinted lately, as far as the queue has room. Returns how many."""
    sent = 0
    room = AT_ONCE - _waiting()
    for due, task in DUE:
        if room <= sent:
            break
        for pk in due(room - sent):
            hints.hint(task, pk)
            sent += 1
    return sent


def inbox() -> int:
    """Hint deliveries that came in since the last look, as far as the queue has room. Returns how many.

    Whoever takes webhooks in only wakes the dispatcher: a message for each would cost as much as the delivery itself,
    and a storm of them would stand in the queue before everything else.
    """
    due = Delivery.hints(max(0, AT_ONCE - _waiting()))
    for pk in due:
        hints.hint("flow.receive", pk)
    return len(due)


def results() -> None:
    """Hint once more that results wait: the first hint may be lost, and whoever took it may have died."""
    try:
        if wire.results_wait():
            hints.hint(TASK_RESULTS)
    except wire.WireError:
        pass  # nobody would get the hint


def _waiting() -> int:
    try:
        return wire.waiting(QUEUE_CONTROL)
    except wire.WireError:
        return AT_ONCE  # nobody would get the hints
