"""What a platform says of our app in a shop, rather than of products: taken off, other rights, an answer is ready."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from apps.billing import selectors as billing
from apps.billing.services import plans
from apps.catalog.models import Sync
from apps.flow import hints
from apps.ingest.models import Delivery
from apps.lib.work import WorkState, backoff_s
from apps.stores import services as stores
from apps.stores import tokens
from apps.stores.models import Store
from connectors.errors import ConnectorError, NeedsReauth
from connectors.types import Kind

MAX_TRIES = 10
LESS_THAN_NEEDED = (
    "The shop gave us fewer rights than before. Open Vitrine from the shop's administration, and allow what it asks "
    "for."
)


def handle(row: Delivery) -> None:
    """One claimed delivery of these kinds."""
    HANDLED[Kind(row.kind)](row)


def _uninstalled(row: Delivery) -> None:
    """Such a word may come late, after the app was installed again: when it was said counts, or else what is so."""
    back = row.triggered_at is not None and stores.opened_since(row.store, row.triggered_at)
    if back or row.triggered_at is None:
        if _still_in(row):
            return
        if back:  # and the store is marked by now: the next visit gives access
            row.finish(outcome="of an earlier time; it was opened there since", changed=True)
            return
    with transaction.atomic():
        gone = stores.uninstalled(row.store, at=row.triggered_at)
        if gone:
            plans.left(row.store)
    if gone:
        row.finish(outcome="the app was taken off the shop", changed=True)
    else:
        row.finish(outcome="of an earlier time; access was given since")


def _still_in(row: Delivery) -> bool:
    """True where the delivery needs nothing more: our token still opens the shop, or that can't be said just now."""
    try:
        tokens.current(row.store_id, refused="")
    except NeedsReauth:
        return False
    except ConnectorError as error:
        row.later(backoff_s(row.tries), error.message, a_try=row.tries < MAX_TRIES)
        return True
    row.finish(outcome="of an earlier time; our access still works")
    return True


def _rights_changed(row: Delivery) -> None:
    """The message may be an old one, so the shop is asked what we may do now."""
    store = row.store
    try:
        # A token says what it may do, and the one that we have may be of before.
        granted = tokens.current(store.pk, refused="").scope
        stores.probe(store)
    except ConnectorError as error:
        stores.note_error(store, error)
        if not stores.put_off(row, error, store=store.pk, most_tries=MAX_TRIES):
            row.give_up(error.message)
        return
    lacking = tokens.missing(granted)
    if lacking:
        stores.note_problem(store, LESS_THAN_NEEDED, broken=False)
    elif store.problem == LESS_THAN_NEEDED:
        stores.note_problem(store, "", broken=False)
    row.finish(
        outcome=f"now without {', '.join(lacking)}"[:80] if lacking else "all that is needed is allowed"
    )


def _answer_ready(row: Delivery) -> None:
    woken = wake_reading(row.store)
    row.finish(outcome="the reading goes on" if woken else "nobody waits for it")


def wake_reading(store: Store) -> int:
    """The reading that waits for the store's answer looks now. Returns how many there are."""
    now = timezone.now()
    waiting = Sync.objects.filter(store=store, work_state=WorkState.WAITING)
    woken = waiting.update(not_before=now, hint_after=now)
    for pk in waiting.values_list("pk", flat=True):
        hints.hint("flow.sync", pk)
    return woken


def _bills_changed(row: Delivery) -> None:
    """Somebody agreed to a plan, or its limit comes near: what the platform says now counts, not the message."""
    if not billing.has_to_pay(row.store):
        row.finish(outcome="nothing is billed here")
        return
    try:
        plans.look(row.store)
    except ConnectorError as error:
        stores.note_error(row.store, error)
        if not stores.put_off(row, error, store=row.store_id, most_tries=MAX_TRIES):
            row.give_up(error.message)
        return
    row.finish(outcome="looked how its plan stands", changed=True)


HANDLED: dict[Kind, Callable[[Delivery], None]] = {
    Kind.UNINSTALLED: _uninstalled,
    Kind.SCOPES_CHANGED: _rights_changed,
    Kind.BULK_FINISHED: _answer_ready,
    Kind.BILLING_CHANGED: _bills_changed,
}
