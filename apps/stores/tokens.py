"""Tokens that end: the one that opens a store now, renewed before it ends, by one process at a time.

Whoever renews holds the store's row, asks, and stores the new pair in a transaction of its own; everybody else waits
for that row and finds the new token in it. A platform that refuses marks the store: its work waits until a merchant
gives access anew.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field, replace

from django.db import transaction
from django.utils import timezone

from apps.audit import services as audit
from apps.stores import shopify
from apps.stores.models import Store, StoreState
from connectors.errors import ConnectorError, NeedsReauth, OutcomeUnknown, Paused, Rejected, Unavailable
from connectors.types import Credentials

_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)
# A token that ends within this time is renewed while it still works.
EARLY = dt.timedelta(minutes=5)
# Where it is the operator who has to put something right.
LOOK_AGAIN_S = 300.0


def ends_at(credentials: Credentials) -> dt.datetime:
    """When the token ends; far away for one that does not."""
    return _moment(credentials.expires_at)


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text) if text else dt.datetime.max.replace(tzinfo=dt.UTC)


def _lasts(credentials: Credentials, for_: dt.timedelta) -> bool:
    """Whether the token is good for so long. One without an end never is: Shopify takes those no more."""
    ends = bool(credentials.token and credentials.expires_at)
    return ends and ends_at(credentials) > timezone.now() + for_


@dataclass
class StoreAccess:
    """Gives out the token of one store; as `connectors.base.Access`. Not thread-safe, as the connector that asks."""

    store: int
    given: str = ""
    good_until: dt.datetime = field(default=_NEVER)

    def __call__(self, *, renew: bool = False) -> str:
        """Raises NeedsReauth, Unavailable, Paused."""
        if renew or timezone.now() >= self.good_until:
            credentials = current(self.store, refused=self.given if renew else None)
            self.given, self.good_until = credentials.token, ends_at(credentials) - EARLY
        return self.given


def current(store: int, *, refused: str | None = None) -> Credentials:
    """The credentials whose token opens the store now. `refused`: the token that the store did not take ("": whatever
    it was); another one is given. Raises NeedsReauth, Unavailable, Paused."""
    known = _read(Store.objects.get(pk=store))
    if _usable(known, refused):
        return known
    return _renewed(store, refused)


def _read(row: Store) -> Credentials:
    return Credentials(**(row.credentials or {}))


def _usable(known: Credentials, refused: str | None) -> bool:
    if refused is None:
        return _lasts(known, EARLY)
    return bool(refused) and known.token != refused and _lasts(known, dt.timedelta())


def _renewed(store: int, refused: str | None) -> Credentials:
    with transaction.atomic(durable=True):
        # Rows that name the store may come meanwhile: a webhook has five seconds.
        row = Store.objects.select_for_update(no_key=True).get(pk=store)
        known = _read(row)
        if _usable(known, refused):
            return known
        try:
            new = _asked(row, known)
        except ConnectorError as error:
            failure = error
            if isinstance(error, NeedsReauth):
                _lost(row, error)
        else:
            Store.objects.filter(pk=store).update(credentials=asdict(new))
            return new
    # Outside the block: that the store is marked has to stay.
    if refused is None and not isinstance(failure, NeedsReauth) and _lasts(known, dt.timedelta()):
        return known
    raise failure


def _asked(row: Store, known: Credentials) -> Credentials:
    """One question to the platform. Raises NeedsReauth, or what lets work wait."""
    if not known.token or _moment(known.refresh_expires_at) <= timezone.now():
        raise NeedsReauth
    try:
        exchange = shopify.exchange()
        if known.refresh_token:
            new = exchange.refresh(row.shop, known.refresh_token)
        else:
            new = exchange.migrate(row.shop, known.token)
    except shopify.NotSetUp as error:
        raise Paused(error.message, retry_after_s=LOOK_AGAIN_S) from None
    except Rejected as error:
        raise Paused(error.detail, retry_after_s=LOOK_AGAIN_S) from None
    except OutcomeUnknown as error:
        # The old refresh token is good until its successor is used: it is asked again.
        raise Unavailable(error.detail) from None
    return new if new.scope else replace(new, scope=known.scope)


def _lost(row: Store, error: NeedsReauth) -> None:
    """The store is marked, and said so once. What was refused is forgotten: nobody asks with it again."""
    nothing = Credentials(scope=_read(row).scope)
    Store.objects.filter(pk=row.pk).update(credentials=asdict(nothing))
    marked = Store.objects.filter(pk=row.pk, state=StoreState.CONNECTED).update(
        state=StoreState.BROKEN, problem=error.message[:2000]
    )
    if marked:
        audit.record("store.access_lost", workspace=row.workspace_id, subject=f"store:{row.pk}")


def missing(granted: str) -> tuple[str, ...]:
    """What is needed and not among the rights that were given."""
    return shopify.missing_scopes(granted)
