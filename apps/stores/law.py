"""What the law has a platform hand on, taken in: who is told of, or forgotten. Names and addresses stay outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.audit import services as audit
from apps.audit.models import Event
from apps.lib import ids
from apps.lib.locks import transaction_lock
from apps.stores.models import LegalKind, LegalRequest, Store
from connectors.types import Kind, WebhookEvent

KINDS = {
    Kind.DATA_REQUEST: LegalKind.DATA_REQUEST,
    Kind.CUSTOMER_REDACT: LegalKind.CUSTOMER_REDACT,
    Kind.SHOP_REDACT: LegalKind.SHOP_REDACT,
}


def taken(platform: str, event: WebhookEvent) -> tuple[int | None, bool]:
    """Keep what was asked. Returns the request, None where we never had that shop, and whether it was there before.

    To be called in a transaction. Of a shop that we do not know nothing is held: the trail says that we were asked.
    """
    store = Store.objects.filter(platform=platform, shop=event.shop).first()
    if store is None:
        return None, _noted(event)
    row, new = LegalRequest.objects.get_or_create(
        store=store,
        webhook_id=event.webhook_id[:100],
        defaults={
            "kind": KINDS[event.kind],
            "customer": _number(event.raw.get("customer")),
            "request": _number(event.raw.get("data_request")),
            "triggered_at": event.triggered_at,
        },
    )
    return row.pk, not new


def _noted(event: WebhookEvent) -> bool:
    """An entry without any name, once per message."""
    subject = f"message:{ids.sha256_hex(f'{event.shop} {event.webhook_id}'.encode())[:40]}"
    transaction_lock(subject)
    if Event.objects.filter(workspace=0, subject=subject).exists():
        return True
    audit.record(f"law.{KINDS[event.kind]}", workspace=0, subject=subject)
    return False


def _number(about: object) -> str:
    """The id in ``{"id": 191167, "email": …}``; nothing else of it."""
    told: Any = about.get("id") if isinstance(about, Mapping) else None
    return str(told)[:40] if isinstance(told, int) and not isinstance(told, bool) else ""
