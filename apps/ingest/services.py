"""Take a delivery in: who is it for, is it signed, have we got it. Milliseconds, one insert; all else comes later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from apps.ingest.models import Delivery
from apps.lib.errors import BadRequest, NotAllowed
from apps.lib.ids import sha256_hex
from apps.stores import services as stores
from apps.stores.connect import inbound
from apps.stores.selectors import Caller, by_token
from connectors.errors import ConnectorError
from connectors.types import Kind, WebhookEvent


class UnknownStore(NotAllowed):
    """No connected store has this webhook address."""


class BadSignature(NotAllowed):
    """The signature does not belong to this body."""


class NotUnderstood(BadRequest):
    """The body is not a delivery of this platform."""


@dataclass(frozen=True)
class Received:
    """`delivery` is None for a ping; `repeat` says that we had it before."""

    delivery: int | None
    repeat: bool = False


_TABLE = Delivery._meta.db_table
_INSERT = f"""
INSERT INTO {_TABLE} (store_id, webhook_id, topic, kind, external_id, body, body_sha256, received_at,
    repeats, outcome, changed, work_state, not_before, hint_after, tries, error)
VALUES (%(store)s, %(webhook)s, %(topic)s, %(kind)s, %(external)s, %(body)s, %(sha)s, %(now)s,
    0, '', false, 'waiting', %(now)s, %(now)s, 0, '')
ON CONFLICT (store_id, webhook_id, topic, body_sha256) DO NOTHING
RETURNING id
"""  # noqa: S608 - the only thing formatted in is our own table's name

# The delivery itself is on disk by now, so a repeat is answered without waiting for the disk again: a crash within that
# second may forget that it came twice, and nothing else.
_COUNT_REPEAT = f"""
UPDATE {_TABLE} SET repeats = repeats + 1
WHERE store_id = %(store)s AND webhook_id = %(webhook)s AND topic = %(topic)s AND body_sha256 = %(sha)s
  AND set_config('synchronous_commit', 'off', true) <> ''
RETURNING id
"""  # noqa: S608

# The store's page says when it was last heard of; all deliveries of a store would wait for its row one after the other.
HEARD_EVERY = dt.timedelta(seconds=10)


def receive(token: str, *, headers: Mapping[str, str], body: bytes) -> Received:
    """Check and keep one webhook. Raises UnknownStore, BadSignature or NotUnderstood; then nothing is kept.

    A ping carries no signature on WooCommerce, so it is answered and changes nothing.
    """
    store = by_token(token)
    if store is None:
        raise UnknownStore
    platform = inbound(store.platform)
    signed = platform.verify(headers=headers, body=body, secret=store.hook_secret)
    try:
        event = platform.parse(headers=headers, body=body)
    except ConnectorError as error:
        if not signed:
            stores.refused(store, "wrong signature")
            raise BadSignature from error
        stores.refused(store, f"not understood: {error.detail}")
        raise NotUnderstood(error.message) from error
    if event.kind == Kind.PING:
        return Received(None)
    if not signed:
        stores.refused(store, "wrong signature")
        raise BadSignature
    return _keep(store, event, body)


def _keep(store: Caller, event: WebhookEvent, body: bytes) -> Received:
    """One statement for a new delivery: no transaction of several round trips, one wait for the disk."""
    now = timezone.now()
    values: dict[str, Any] = {
        "store": store.pk,
        "webhook": event.webhook_id[:64],
        "topic": event.topic[:80],
        "kind": event.kind.value,
        "external": event.external_id[:64],
        "body": body,
        "sha": sha256_hex(body),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        row = cursor.fetchone()
        repeat = row is None
        if repeat:
            cursor.execute(_COUNT_REPEAT, {k: v for k, v in values.items() if k != "body"})
            row = cursor.fetchone()
    if store.last_delivery_at is None or store.last_delivery_at < now - HEARD_EVERY:
        stores.heard(store, at=now, every=HEARD_EVERY)
    return Received(row[0] if row else None, repeat)
