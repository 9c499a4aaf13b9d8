"""Writes and undos of one product take turns; what went wrong decides whether they try again."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from apps.audit import services as audit
from apps.catalog.models import Product
from apps.lib.errors import StorageAway, StorageFull, VitrineError
from apps.lib.work import WorkState, backoff_s
from apps.publishing.models import Publication, Undo
from apps.stores import services as stores
from connectors.errors import ConnectorError, OutcomeUnknown

MAX_TRIES = 8
# A store that gave no answer may still be at work: looking at once would not see what it does yet.
UNSURE_WAIT_S = 30.0
# A full storage, or one that is away, is nobody's failure: it is tried again so often until there is room.
WAIT_FOR_ROOM_S = 60.0
# What writing a publication reads.
_WRITTEN_WITH = ("store", "product", "photo", "render", "item__job__recipe_version", "snapshot")
# What taking it back reads.
_UNDONE_WITH = tuple(f"publication__{name}" for name in ("store", "product", "photo", "snapshot"))


def busy(product: int) -> bool:
    """A write or an undo of this product is under way."""
    return _either(
        """
        SELECT FROM publishing_publication
        WHERE product_id = %(product)s AND work_state = 'running' AND lease_until >= %(now)s
        """,
        """
        SELECT FROM publishing_undo u JOIN publishing_publication p ON p.id = u.publication_id
        WHERE p.product_id = %(product)s AND u.work_state = 'running' AND u.lease_until >= %(now)s
        """,
        product=product,
        now=timezone.now(),
    )


def open_for(store: int, external_id: str) -> bool:
    """Something of ours for this product has not ended: what its webhooks say is not settled yet."""
    return _either(
        """
        SELECT FROM publishing_publication p JOIN catalog_product c ON c.id = p.product_id
        WHERE c.store_id = %(store)s AND c.external_id = %(id)s AND p.work_state IN ('waiting', 'running')
        """,
        """
        SELECT FROM publishing_undo u JOIN publishing_publication p ON p.id = u.publication_id
        JOIN catalog_product c ON c.id = p.product_id
        WHERE c.store_id = %(store)s AND c.external_id = %(id)s AND u.work_state IN ('waiting', 'running')
        """,
        store=store,
        id=external_id,
    )


def _either(publications: str, undos: str, **told: Any) -> bool:
    """Whether one of two queries finds a row: one statement, since each delivery and each write asks this."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({publications}) OR EXISTS ({undos})", told)
        return bool(cursor.fetchone()[0])


@transaction.atomic
def take_publications(pk: int) -> list[Publication]:
    """Claim this publication and all that wait for the same product, so that they go in one write."""
    publication = Publication.objects.filter(pk=pk).first()
    if publication is None or not _my_turn(publication.product_id):
        return []
    return Publication.claim_all(Q(product=publication.product_id), *_WRITTEN_WITH)


@transaction.atomic
def take_undos(pk: int) -> list[Undo]:
    """Claim this undo and all that wait for the same product, so that they go in one write: the latest picture first,
    since what an earlier one replaced is what it stood upon."""
    undo = Undo.objects.select_related("publication").filter(pk=pk).first()
    if undo is None or not _my_turn(undo.publication.product_id):
        return []
    taken = Undo.claim_all(Q(publication__product=undo.publication.product_id), *_UNDONE_WITH)
    return sorted(taken, key=lambda row: row.publication_id, reverse=True)


def _my_turn(product: int) -> bool:
    Product.objects.select_for_update().only("pk").get(pk=product)
    return not busy(product)


def waiting_for(product: int) -> tuple[list[int], list[int]]:
    """One publication and one undo of this product that may go now: each takes those that wait beside it along."""
    return (
        list(
            Publication.objects.filter(Publication.free(), product=product).values_list("pk", flat=True)[:1]
        ),
        list(Undo.objects.filter(Undo.free(), publication__product=product).values_list("pk", flat=True)[:1]),
    )


def stumbled(work: Publication | Undo, error: ConnectorError | VitrineError) -> None:
    """Put a claimed row where the error says: later, or failed with the sentence that the merchant reads."""
    publication = work.publication if isinstance(work, Undo) else work
    if isinstance(error, StorageAway | StorageFull):
        work.later(backoff_s(work.tries), error.message, a_try=False)
        return
    if isinstance(error, ConnectorError):
        stores.note_error(publication.store, error)
        if stores.put_off(work, error, store=publication.store_id, most_tries=MAX_TRIES):
            if isinstance(error, OutcomeUnknown):
                _give_it_time(work)
            return
    elif error.retry and work.tries < MAX_TRIES:
        work.later(backoff_s(work.tries), error.message)
        return
    with transaction.atomic():
        work.give_up(error.message)
        audit.record(
            "undo.failed" if isinstance(work, Undo) else "publication.failed",
            workspace=publication.workspace_id,
            subject=f"publication:{publication.pk}",
            refs={"product": publication.product_id},
            error=error.message,
        )


def _give_it_time(work: Publication | Undo) -> None:
    at = timezone.now() + dt.timedelta(seconds=min(UNSURE_WAIT_S, settings.BACKOFF_CAP_S))
    mine = type(work).objects.filter(pk=work.pk, work_state=WorkState.WAITING, not_before__lt=at)
    mine.update(not_before=at, hint_after=at)
