"""Take a delivery in: who is it for, is it signed, have we got it. Milliseconds, one insert; all else comes later."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.ingest.models import Delivery
from apps.lib.errors import BadRequest, NotAllowed
from apps.lib.ids import sha256_hex
from apps.stores import law
from apps.stores import services as stores
from apps.stores.connect import inbound
from apps.stores.models import Store, StoreState
from apps.stores.selectors import Caller, by_shop, by_token
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
    """`delivery` is None for a ping; `repeat` says that we had it before. `request`: what the law asks."""

    delivery: int | None
    repeat: bool = False
    request: int | None = None


_TABLE, _STORE = Delivery._meta.db_table, Store._meta.db_table
# Its row is as it was when it was read: connected, and with the secret that was checked.
_STILL = f"s.id = %(store)s AND s.state <> '{StoreState.DISCONNECTED.value}' AND s.hook_secret = %(sealed)s"
_INSERT = f"""
INSERT INTO {_TABLE} (store_id, webhook_id, topic, kind, external_id, body, body_sha256, triggered_at, received_at,
    repeats, outcome, changed, work_state, not_before, hint_after, tries, error)
SELECT s.id, %(webhook)s, %(topic)s, %(kind)s, %(external)s, %(body)s, %(sha)s, %(triggered)s, %(now)s,
    0, '', false, 'waiting', %(now)s, %(now)s, 0, '' FROM {_STORE} s WHERE {_STILL}
ON CONFLICT DO NOTHING
RETURNING id
"""  # noqa: S608 - only our own tables' names are formatted in

# The delivery itself is on disk by now, so a repeat is answered without waiting for the disk again: a crash within that
# second may forget that it came twice, and nothing else.
_COUNT_REPEAT = f"""
UPDATE {_TABLE} d SET repeats = d.repeats + 1 FROM {_STORE} s
WHERE {_STILL} AND d.store_id = s.id AND webhook_id = %(webhook)s AND topic = %(topic)s AND body_sha256 = %(sha)s
  AND set_config('synchronous_commit', 'off', true) <> ''
RETURNING d.id
"""  # noqa: S608

# The store's page says when it was last heard of; all deliveries of a store would wait for its row one after the other.
HEARD_EVERY = dt.timedelta(seconds=10)


# Who calls, by address, as this process read it last. To read it anew for each delivery is a round trip more.
_callers: dict[str, Caller] = {}
MOST_CALLERS = 1000


def receive(token: str, *, headers: Mapping[str, str], body: bytes) -> Received:
    """Check and keep one webhook. Raises UnknownStore, BadSignature or NotUnderstood; then nothing is kept.

    A ping carries no signature on WooCommerce, so it is answered and changes nothing. What is remembered of the store
    counts only where its row still says so: else the row is read and the delivery looked at again.
    """
    known = _callers.get(token)
    if known is not None:
        with contextlib.suppress(BadSignature, NotUnderstood):
            received = _taken(token, known, headers, body, refuse=_silent)
            if received is not None and received.delivery is not None:
                return received
    store = by_token(token)
    if store is None:
        _callers.pop(token, None)
        raise UnknownStore
    _remember(token, store)
    received = _taken(token, store, headers, body, refuse=partial(stores.refused, store))
    # It was forgotten, or the store disconnected, just now.
    return received or Received(None, repeat=True)


def _silent(reason: str) -> None:
    """It is looked at again."""


def _remember(token: str, store: Caller) -> None:
    if len(_callers) >= MOST_CALLERS:
        _callers.clear()
    _callers[token] = store


def _taken(
    token: str, store: Caller, headers: Mapping[str, str], body: bytes, *, refuse: Callable[[str], None]
) -> Received | None:
    """None where the store's row is not as it was. Raises BadSignature or NotUnderstood."""
    platform = inbound(store.platform)
    signed = platform.verify(headers=headers, body=body, secret=store.hook_secret)
    try:
        event = platform.parse(headers=headers, body=body)
    except ConnectorError as error:
        if not signed:
            refuse("wrong signature")
            raise BadSignature from error
        refuse(f"not understood: {error.detail}")
        raise NotUnderstood(error.message) from error
    if event.kind == Kind.PING:
        return Received(None)
    if not signed:
        refuse("wrong signature")
        raise BadSignature
    received, now = _keep(store, event, body, sha256_hex(body)), timezone.now()
    if received is not None and _heard(store, now):
        _remember(token, store._replace(last_delivery_at=now))
    return received


def _heard(store: Caller, now: dt.datetime) -> bool:
    """Have it written down now and then; whether it was."""
    if store.last_delivery_at is not None and store.last_delivery_at >= now - HEARD_EVERY:
        return False
    stores.heard(store, at=now, every=HEARD_EVERY)
    return True


def receive_for_app(
    platform: str, *, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
) -> Received:
    """Check and keep one webhook of an app that serves many shops under one address: any of its secrets may have signed
    it, and the message says which shop it is of. Raises BadSignature or NotUnderstood; then nothing is kept.

    Nothing is kept either of shops that are not connected, but what the law asks. Ids of messages are theirs alone, so
    they decide what is a repeat. Bodies are kept where they name a product: others hold what is nobody's business.
    """
    understands = inbound(platform)
    # Each is tried, so that the time taken does not tell which one it was.
    signed = [understands.verify(headers=headers, body=body, secret=secret) for secret in secrets]
    if not any(signed):
        raise BadSignature
    try:
        event = understands.parse(headers=headers, body=body)
    except ConnectorError as error:
        raise NotUnderstood(error.message) from error
    if event.kind in law.KINDS:
        return _for_the_law(platform, event)
    store = by_shop(platform, event.shop) if event.kind != Kind.OTHER else None
    if store is None:
        return Received(None)
    received = _keep(store, event, body if event.external_id else b"", sha256="")
    _heard(store, timezone.now())
    return received or Received(None, repeat=True)


@transaction.atomic
def _for_the_law(platform: str, event: WebhookEvent) -> Received:
    request, repeat = law.taken(platform, event)
    return Received(None, repeat=repeat, request=request)


def _keep(store: Caller, event: WebhookEvent, body: bytes, sha256: str) -> Received | None:
    """One statement for a new delivery: no transaction of several round trips, one wait for the disk."""
    values: dict[str, Any] = {
        "store": store.pk,
        "sealed": store.sealed,
        "webhook": event.webhook_id[:64],
        "topic": event.topic[:80],
        "kind": event.kind.value,
        "external": event.external_id[:64],
        "body": body,
        "sha": sha256,
        "triggered": event.triggered_at,
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        if row := cursor.fetchone():
            return Received(row[0])
        cursor.execute(_COUNT_REPEAT, {k: v for k, v in values.items() if k != "body"})
        row = cursor.fetchone()
    return Received(row[0], repeat=True) if row else None
