"""Write events, chain them, redact their details."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.audit.models import Detail, Event, Pending, Redaction, Seal
from apps.lib.ids import canonical, sha256_hex
from apps.lib.locks import transaction_lock

SYSTEM = "system"

# Events, their details and their places in the sealer's queue: one statement, so that none is without the others.
# Ids are drawn in the order of the list: that is the order in which they are sealed.
_RECORD = f"""
WITH told AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('{Event._meta.db_table}', 'id')) AS id, t.*
    FROM jsonb_to_recordset(%s::jsonb) AS t(nth integer, at timestamptz, workspace bigint, verb text, actor text,
        subject text, refs jsonb, digest text, salt text, body jsonb)
), event AS (
    INSERT INTO {Event._meta.db_table} (id, at, workspace, verb, actor, subject, refs, digest)
    SELECT id, at, workspace, verb, actor, subject, refs, digest FROM told
), detail AS (
    INSERT INTO {Detail._meta.db_table} (event_id, salt, body) SELECT id, salt, body FROM told
), waits AS (
    INSERT INTO {Pending._meta.db_table} (event_id, workspace) SELECT id, workspace FROM told
)
SELECT nth, id FROM told
"""  # noqa: S608 - only our own tables' names are formatted in


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What happened. `subject` is ``kind:id``, `refs` only ids; whatever tells of a person belongs into `detail`."""

    verb: str
    workspace: int
    actor: str = SYSTEM
    subject: str = ""
    refs: dict[str, int | str] | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def detail_digest(salt: str, body: dict[str, Any]) -> str:
    return sha256_hex(salt.encode() + canonical(body))


def seal_hash(previous: str, seq: int, event: Event) -> str:
    """What a link commits to: everything in the event's row, and through `previous` everything before it."""
    return sha256_hex(
        canonical(
            [
                previous,
                seq,
                event.pk,
                event.at.isoformat(),
                event.workspace,
                event.verb,
                event.actor,
                event.subject,
                event.refs,
                event.digest,
            ]
        )
    )


def record(
    verb: str,
    *,
    workspace: int,
    actor: str = SYSTEM,
    subject: str = "",
    refs: dict[str, int | str] | None = None,
    **detail: Any,
) -> Event:
    """Note what happened, in the transaction of the change it tells of. `subject` is ``kind:id``, `refs` only ids."""
    entry = Entry(verb=verb, workspace=workspace, actor=actor, subject=subject, refs=refs, detail=detail)
    return record_all([entry])[0]


def record_all(entries: Sequence[Entry]) -> list[Event]:
    """As `record`, for many in this order."""
    if not entries:
        return []
    now, events, rows = timezone.now(), [], []
    for nth, entry in enumerate(entries):
        salt = secrets.token_hex(16)
        # The digest is over what the database gives back: JSON, with dates and decimals as text.
        body = _as_stored(entry.detail)
        told: dict[str, Any] = {
            "workspace": entry.workspace,
            "verb": entry.verb,
            "actor": entry.actor,
            "subject": entry.subject,
            "refs": entry.refs or {},
            "digest": detail_digest(salt, body),
        }
        events.append(Event(at=now, **told))
        rows.append(told | {"nth": nth, "at": now.isoformat(), "salt": salt, "body": body})
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [json.dumps(rows)])
        for nth, pk in cursor.fetchall():
            events[nth].pk = pk
    return events


def _as_stored(detail: dict[str, Any]) -> dict[str, Any]:
    return json.loads(canonical(detail))


def seal(limit: int = 2000) -> int:
    """Chain waiting events, oldest first, one chain per workspace. Returns how many; safe to run twice at once."""
    workspaces = list(Pending.objects.order_by().values_list("workspace", flat=True).distinct())
    return sum(_seal_workspace(workspace, limit) for workspace in workspaces)


@transaction.atomic
def _seal_workspace(workspace: int, limit: int) -> int:
    transaction_lock(f"audit-seal-{workspace}")
    waiting = list(
        Pending.objects.filter(workspace=workspace)
        .order_by("event_id")
        .values_list("event_id", flat=True)[:limit]
    )
    events = Event.objects.in_bulk(waiting)
    last = Seal.objects.filter(workspace=workspace).order_by("-seq").first()
    seq, previous = (last.seq, last.hash) if last else (0, "")
    seals = []
    for event_id in waiting:
        if event_id not in events:
            continue  # its row was removed by force; verify reports the pending entry
        seq += 1
        link = seal_hash(previous, seq, events[event_id])
        seals.append(Seal(workspace=workspace, seq=seq, event=events[event_id], previous=previous, hash=link))
        previous = link
    Seal.objects.bulk_create(seals)
    Pending.objects.filter(event_id__in=[s.event_id for s in seals]).delete()
    return len(seals)


@transaction.atomic
def redact(event: Event, *, by: str) -> None:
    """Delete what an event said of a person; the chain stays whole and the redaction is itself an event."""
    Redaction.objects.get_or_create(event=event, defaults={"at": timezone.now(), "by": by})
    Detail.objects.filter(event=event).delete()
    record("audit.redacted", workspace=event.workspace, actor=by, subject=f"event:{event.pk}")


@transaction.atomic
def redact_all(workspace: int, subjects: Sequence[str] | None, *, by: str) -> int:
    """The same for all events of a workspace about these subjects, or with None about anything at all. Returns how many
    details there were. One event tells of it where the caller says so; not one for each."""
    where, values = ("", []) if subjects is None else (" AND e.subject = ANY(%s)", [list(subjects)])
    details, events, redactions = Detail._meta.db_table, Event._meta.db_table, Redaction._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH gone AS (
                DELETE FROM {details} d USING {events} e
                WHERE e.id = d.event_id AND e.workspace = %s{where} RETURNING d.event_id
            )
            INSERT INTO {redactions} (event_id, at, by) SELECT event_id, %s, %s FROM gone
            ON CONFLICT (event_id) DO NOTHING
            """,  # noqa: S608 - only our own tables' names are formatted in
            [workspace, *values, timezone.now(), by],
        )
        return cursor.rowcount
