"""The audit trail, checked from its documented format alone (apps/README.md), not with the product's code.

event.digest = SHA-256(salt + canonical(detail)); seal.hash = SHA-256(canonical([previous, seq, event id, time,
workspace, verb, actor, subject, refs, digest])); canonical = JSON with sorted
keys and no spaces in UTF-8; time in ISO 8601, UTC.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import psycopg

_SEALS = """
SELECT s.workspace, s.seq, s.previous, s.hash, s.event_id,
  e.at, e.workspace, e.verb, e.actor, e.subject, e.refs, e.digest
FROM audit_seal s LEFT JOIN audit_event e ON e.id = s.event_id ORDER BY s.workspace, s.seq
"""
_DETAILS = """
SELECT e.id, e.digest, d.salt, d.body, r.event_id IS NOT NULL
FROM audit_event e LEFT JOIN audit_detail d ON d.event_id = e.id
LEFT JOIN audit_redaction r ON r.event_id = e.id ORDER BY e.id
"""
_LOOSE = """
SELECT e.id FROM audit_event e WHERE NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.event_id = e.id)
  AND NOT EXISTS (SELECT 1 FROM audit_pending p WHERE p.event_id = e.id)
"""
_GHOSTS = """
SELECT p.event_id FROM audit_pending p WHERE NOT EXISTS (SELECT 1 FROM audit_event e WHERE e.id = p.event_id)
"""


def broken(db: psycopg.Connection[Any]) -> Iterator[str]:
    """Each row of the trail that does not fit, in words. The session's time zone must be UTC."""
    yield from _links(db)
    yield from _details(db)
    yield from (f"event {pk} stands outside the chain" for (pk,) in db.execute(_LOOSE))
    yield from (f"event {pk} vanished before it was sealed" for (pk,) in db.execute(_GHOSTS))


def _links(db: psycopg.Connection[Any]) -> Iterator[str]:
    chain, expected, before = None, 0, ""
    for workspace, seq, previous, stated, event, at, *columns in db.execute(_SEALS):
        if workspace != chain:
            chain, expected, before = workspace, 0, ""
        expected += 1
        if seq != expected:
            yield f"workspace {workspace}: link {expected} is missing"
            expected = seq
        elif previous != before:
            yield f"workspace {workspace}: link {seq} does not continue the one before"
        before = stated
        if at is None:
            yield f"workspace {workspace}: the event of link {seq} is gone"
        elif _sha256(_canonical([previous, seq, event, at.isoformat(), *columns])) != stated:
            yield f"event {event} was changed after it was sealed"


def _details(db: psycopg.Connection[Any]) -> Iterator[str]:
    for event, digest, salt, body, redacted in db.execute(_DETAILS):
        if salt is None:
            if not redacted:
                yield f"event {event}: its detail is gone"
        elif _sha256(salt.encode() + _canonical(body)) != digest:
            yield f"event {event}: its detail was changed"


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
