"""Take many publications back as one action. A few products at a time are released to their undos; what has ended makes
room for the next, so that a store is never asked for more at once and the rest can be stopped at any time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.jobs.services import batches
from apps.lib.errors import BadRequest, NotAllowed
from apps.lib.insert_select import insert_select
from apps.lib.locks import transaction_lock
from apps.lib.work import WorkState
from apps.publishing import words
from apps.publishing.foresight import OPEN, Ahead, Scope
from apps.publishing.models import Publication, Reversal, Reversed, Step, Undo
from apps.publishing.reversals import ReversalState
from apps.publishing.services import steps
from apps.stores.models import StoreState

# Products of one store whose undos are open at the same time.
AT_ONCE = 8
# Events of one statement.
EVENTS_AT_ONCE = 500


@transaction.atomic
def start(scope: Scope, ahead: Ahead, *, key: str, by: str, note: str = "") -> tuple[Reversal, bool]:
    """The reversal of this key, or the one that is under way for the same; and whether it is new.

    What the batch still has open is cancelled first, and what waits to be written is not written any more. Raises as
    `Scope.check`, and NotAllowed where there is nothing to take back.
    """
    transaction_lock(f"reversals:{scope.store.pk}")
    there = _there(scope, key)
    if there is not None:
        return there, False
    scope.check()
    if not 0 < len(key) <= 80:
        raise BadRequest("A key has between 1 and 80 letters.")
    open_batch = scope.to_cancel()
    if open_batch is not None:
        batches.cancel(open_batch, by=by)
    row = Reversal.objects.create(
        workspace_id=scope.store.workspace_id,
        store=scope.store,
        batch=scope.batch,
        since=scope.since,
        until=scope.until,
        recipe=scope.recipe,
        note=note[:300],
        key=key,
        requested_by=by,
        ahead=ahead.as_json(),
    )
    row.total = _add_members(row, scope)
    if not row.total and open_batch is None:
        raise NotAllowed("There is nothing to take back.")
    row.save(update_fields=["total"])
    audit.record(
        "reversal.asked",
        workspace=row.workspace_id,
        actor=by,
        subject=f"reversal:{row.pk}",
        refs=_refs(row),
        what=_what(row),
        pictures=row.total,
        note=row.note,
    )
    _withdraw(row, by=by)
    return row, True


def _what(row: Reversal) -> str:
    about = words.about(row)
    return about[:1].lower() + about[1:]


def _refs(row: Reversal) -> dict[str, int | str]:
    return {"store": row.store_id, **({"batch": row.batch_id} if row.batch_id else {})}


def _there(scope: Scope, key: str) -> Reversal | None:
    mine = Reversal.objects.filter(workspace=scope.store.workspace_id)
    same = {"store": scope.store, "batch": scope.batch, "since": scope.since, "recipe": scope.recipe}
    return (
        mine.filter(key=key).first()
        or mine.filter(state=ReversalState.RUNNING, **same).order_by("-pk").first()
    )


def _add_members(row: Reversal, scope: Scope) -> int:
    sql, params = scope.meant().values("id", "product_id").query.sql_with_params()
    given = {"reversal_id": str(row.pk), "publication_id": "m.id", "product": "m.product_id"}
    # All are chosen before the first is inserted, in an order that keeps a product's pictures together.
    return insert_select(Reversed, given, f"FROM ({sql}) m ORDER BY m.product_id, m.id DESC", params)


# In the order of ids, so that two of these never wait for each other.
_WITHDRAW = f"""
WITH meant AS (
    SELECT p.id FROM {Publication._meta.db_table} p JOIN {Reversed._meta.db_table} m ON m.publication_id = p.id
    WHERE m.reversal_id = %(reversal)s AND (%(some)s::bigint[] IS NULL OR p.id = ANY(%(some)s::bigint[]))
      AND p.work_state IN ('waiting', 'failed') AND p.published_at IS NULL AND p.undone_at IS NULL
      AND NOT EXISTS (
          SELECT FROM {Step._meta.db_table} s WHERE s.publication_id = p.id
          AND s.name = ANY(%(steps)s) AND s.state = ANY(%(sent)s))
    ORDER BY p.id FOR UPDATE OF p
), withdrawn AS (
    UPDATE {Publication._meta.db_table} SET work_state = 'done', undone_at = %(now)s, lease_until = NULL
    WHERE id IN (SELECT id FROM meant) AND work_state IN ('waiting', 'failed') RETURNING id
), noted AS (
    UPDATE {Reversed._meta.db_table} SET withdrawn = true, released_at = %(now)s
    WHERE reversal_id = %(reversal)s AND publication_id IN (SELECT id FROM withdrawn)
)
SELECT id FROM withdrawn ORDER BY id
"""  # noqa: S608 - only our own tables' names are formatted in


def _withdraw(row: Reversal, *, by: str, some: Sequence[int] | None = None) -> set[int]:
    """Those that were never written will not be. Returns which."""
    with connection.cursor() as cursor:
        told: dict[str, Any] = {
            "reversal": row.pk,
            "now": timezone.now(),
            "some": None if some is None else list(some),
            "steps": list(steps.CHANGE_THE_PRODUCT),
            "sent": list(steps.SENT_STATES),
        }
        cursor.execute(_WITHDRAW, told)
        gone = [pk for (pk,) in cursor.fetchall()]
    for at in range(0, len(gone), EVENTS_AT_ONCE):
        audit.record_all(
            [_entry("publication.withdrawn", row, pk, by) for pk in gone[at : at + EVENTS_AT_ONCE]]
        )
    return set(gone)


def _entry(verb: str, row: Reversal, publication: int, by: str) -> audit.Entry:
    refs: dict[str, int | str] = {"reversal": row.pk}
    return audit.Entry(
        verb=verb, workspace=row.workspace_id, actor=by, subject=f"publication:{publication}", refs=refs
    )


# -- going on ------------------------------------------------------------------------------------------------------


def running(store: int) -> list[int]:
    return list(
        Reversal.objects.filter(store=store, state=ReversalState.RUNNING).values_list("pk", flat=True)
    )


def hints(limit: int) -> list[int]:
    """Reversals to look after now; each comes up again only after HINT_EVERY_S."""
    now = timezone.now()
    due = Reversal.objects.filter(state=ReversalState.RUNNING, hint_after__lte=now)
    found = list(due.order_by("hint_after").values_list("pk", flat=True)[:limit])
    again = now + dt.timedelta(seconds=settings.HINT_EVERY_S)
    Reversal.objects.filter(pk__in=found).update(hint_after=again)
    return found


@transaction.atomic
def go_on(pk: int) -> list[int]:
    """Release as many products as the store has room for, and note the end. Returns an undo of each to carry out now.

    Somebody else at it is as good. A store that needs attention is left alone until it is connected again.
    """
    row = (
        Reversal.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("store")
        .filter(pk=pk, state=ReversalState.RUNNING)
        .first()
    )
    if row is None or row.store.state != StoreState.CONNECTED:
        return []
    undos = Undo.objects.filter(publication__store=row.store_id, work_state__in=OPEN)
    room = AT_ONCE - undos.values("publication__product").distinct().count()
    released = _release(row, room) if room > 0 else []
    if not released:
        _end_if_over(row)
    return released


# A product whose picture is being written just now waits until that has ended. Two statements: in one the database may
# look for the next products anew for each member.
_NOT_UNDER_WAY = """
    m.reversal_id = %(reversal)s AND m.released_at IS NULL AND NOT EXISTS (
        SELECT FROM publishing_publication p
        WHERE p.id = m.publication_id AND p.published_at IS NULL AND p.work_state IN ('waiting', 'running'))
"""
_NEXT = f"""
SELECT DISTINCT m.product FROM publishing_reversed m WHERE {_NOT_UNDER_WAY} ORDER BY m.product LIMIT %(room)s
"""  # noqa: S608 - only our own tables' names are formatted in
_RELEASE = f"""
UPDATE publishing_reversed m SET released_at = %(now)s WHERE m.product = ANY(%(products)s) AND {_NOT_UNDER_WAY}
RETURNING m.publication_id
"""  # noqa: S608


def _release(row: Reversal, room: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"reversal": row.pk, "room": room})
        told: dict[str, Any] = {"reversal": row.pk}
        told |= {"products": [pk for (pk,) in cursor.fetchall()], "now": timezone.now()}
        cursor.execute(_RELEASE, told)
        next_ones = sorted(pk for (pk,) in cursor.fetchall())
    if not next_ones:
        return []
    # An undo that somebody asks for at the same moment waits for this row, and finds ours.
    locked = Publication.objects.select_for_update().filter(pk__in=next_ones).order_by("pk")
    live = [p.pk for p in locked if p.undone_at is None]
    withdrawn = _withdraw(row, by=row.requested_by, some=live)
    live = [pk for pk in live if pk not in withdrawn]
    known = dict(Undo.objects.filter(publication__in=live).values_list("publication", "work_state"))
    Undo.objects.bulk_create(
        [Undo(publication_id=pk, requested_by=row.requested_by) for pk in live if pk not in known]
    )
    now = timezone.now()
    again = Undo.objects.filter(publication__in=live, work_state=WorkState.FAILED)
    again.update(work_state=WorkState.WAITING, not_before=now, hint_after=now, tries=0, error="")
    asked = [pk for pk in live if known.get(pk, WorkState.FAILED) == WorkState.FAILED]
    audit.record_all([_entry("undo.asked", row, pk, row.requested_by) for pk in asked])
    one_each = Undo.objects.filter(publication__in=live).order_by("publication__product", "-publication")
    return list(one_each.distinct("publication__product").values_list("pk", flat=True))


def _end_if_over(row: Reversal) -> None:
    """Nothing is left to release, and nothing released is open."""
    members = row.members.filter(publication__undone_at=None)
    if members.filter(released_at=None).exists():
        return
    if members.filter(publication__undo__work_state__in=OPEN).exists():
        return
    left = members.count()
    row.state, row.ended_at = ReversalState.DONE, timezone.now()
    row.done, row.failed = row.total - left, left
    row.save(update_fields=["state", "ended_at", "done", "failed"])
    audit.record(
        "reversal.ended",
        workspace=row.workspace_id,
        actor=row.requested_by,
        subject=f"reversal:{row.pk}",
        refs=_refs(row),
        done=row.done,
        failed=row.failed,
    )


# -- moving it -----------------------------------------------------------------------------------------------------


@transaction.atomic
def stop(row: Reversal, *, by: str) -> int:
    """Leave the rest as it is; what has begun is brought to its end. Returns how many pictures are left."""
    left = row.members.filter(released_at=None, publication__undone_at=None).count()
    _move(
        row,
        (ReversalState.RUNNING,),
        ReversalState.STOPPED,
        "It has ended already.",
        verb="reversal.stopped",
        by=by,
        pictures=left,
    )
    return left


@transaction.atomic
def resume(row: Reversal, *, by: str) -> None:
    """Go on where it was stopped."""
    _move(
        row,
        (ReversalState.STOPPED,),
        ReversalState.RUNNING,
        "Only one that was stopped can go on.",
        verb="reversal.resumed",
        by=by,
    )


@transaction.atomic
def retry(row: Reversal, *, by: str) -> int:
    """Try again what could not be taken back. Returns how many."""
    broken = row.members.filter(
        publication__undone_at=None, publication__undo__work_state=WorkState.FAILED, released_at__isnull=False
    )
    again = Reversed.objects.filter(pk__in=list(broken.values_list("pk", flat=True))).update(released_at=None)
    if not again:
        raise NotAllowed("Nothing of it failed.")
    _move(
        row, tuple(ReversalState), ReversalState.RUNNING, "", verb="reversal.retried", by=by, pictures=again
    )
    return again


def _move(
    row: Reversal,
    states: tuple[ReversalState, ...],
    to: ReversalState,
    otherwise: str,
    *,
    verb: str,
    by: str,
    **detail: int,
) -> None:
    now = timezone.now()
    ended = None if to == ReversalState.RUNNING else now
    mine = Reversal.objects.filter(pk=row.pk, state__in=states)
    if not mine.update(state=to, ended_at=ended, hint_after=now):
        raise NotAllowed(otherwise)
    row.state, row.ended_at = to, ended
    audit.record(
        verb,
        workspace=row.workspace_id,
        actor=by,
        subject=f"reversal:{row.pk}",
        refs=_refs(row),
        **detail,
    )
