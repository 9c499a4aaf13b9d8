"""What the law has a platform hand on, carried out: tell what we hold of a customer, forget a customer, forget a shop.

https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance. Our rights open products and files and nothing of
customers, so of those there is nothing to tell or to forget but the request itself. Of a shop everything goes, rows and
files; what stays is the skeleton of the trail: that something happened, and when, without any name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import Member, Workspace
from apps.audit import services as audit
from apps.flow import erasing
from apps.jobs.models import LIVE_ATTEMPTS, Attempt
from apps.jobs.services import renders
from apps.lib import blobs
from apps.lib.errors import StorageAway, StorageFull
from apps.lib.work import backoff_s
from apps.storage.models import Holding, Orphan
from apps.stores import points, presence, throttle
from apps.stores import services as stores
from apps.stores.models import Approval, Install, LegalKind, LegalRequest, Store
from apps.usage import services as usage

BY = "law"
HELD = (
    "Vitrine holds no data of customers: its rights open products and files of the shop only. Nothing of this person "
    "was found because nothing of that kind is kept."
)
FORGOTTEN = "Vitrine held nothing of this person but the number in earlier requests, which is gone now."


def answer(pk: int) -> None:
    """Carry out one request; one that was interrupted goes on where it was."""
    row = LegalRequest.claim(pk)
    if row is None:
        return
    try:
        DUTIES[LegalKind(row.kind)](row)
    except (StorageAway, StorageFull) as error:
        row.later(backoff_s(row.tries), error.message, a_try=False)


def _tell(row: LegalRequest) -> None:
    """The record that an owner hands on: what was asked, what is held."""
    _done(
        row,
        {
            "shop": row.store.shop,
            "asked": "data_request",
            "request": row.request,
            "customer": row.customer,
            "asked_at": _iso(row.triggered_at or row.created_at),
            "held": {"customers": [], "orders": [], "addresses": [], "messages": []},
            "says": HELD,
        },
    )


def _forget_customer(row: LegalRequest) -> None:
    with transaction.atomic():
        if row.customer:
            named = LegalRequest.objects.filter(store=row.store_id, customer=row.customer).exclude(pk=row.pk)
            for earlier in named.select_for_update():
                earlier.customer, earlier.answer = "", {**earlier.answer, "customer": ""}
                earlier.save(update_fields=["customer", "answer"])
        _done(
            row,
            {
                "shop": row.store.shop,
                "asked": "customer_redact",
                "asked_at": _iso(row.triggered_at or row.created_at),
                "says": FORGOTTEN,
            },
            customer="",
        )


def _iso(at: dt.datetime) -> str:
    return at.isoformat(timespec="seconds")


@transaction.atomic
def _done(row: LegalRequest, told: dict[str, object], **changes: object) -> None:
    now = timezone.now()
    row.finish(done_at=now, answer={**told, "answered_at": _iso(now)}, **changes)
    audit.record(
        f"law.{row.kind}",
        workspace=row.store.workspace_id,
        subject=f"store:{row.store_id}",
        refs={"request": row.pk},
    )


# -- forget the shop -------------------------------------------------------------------------------------------


def _forget_shop(row: LegalRequest) -> None:
    """Unless it came late: a shop that gave us access since is a customer again."""
    store = row.store
    if row.triggered_at and store.authorised_at and store.authorised_at > row.triggered_at:
        _done(
            row,
            {
                "shop": store.shop,
                "asked": "shop_redact",
                "says": "The shop was connected again after this was asked, so nothing was deleted.",
            },
        )
        return
    stores.shut(store)  # so that nothing of it begins any more
    workspace = store.workspace
    row.renew()
    renders.hand_over(workspace.pk, store.pk)
    row.renew()
    blobs.wipe(workspace.pk, store.pk, keep_on=row.renew)
    under_way = Attempt.objects.filter(job__store=store, state__in=LIVE_ATTEMPTS)
    usage.forget_store(workspace.pk, store.pk, attempts=under_way.values_list("pk", flat=True))
    erasing.erase(Store, store.pk, workspace=workspace.pk, by=BY, keep_on=row.renew, leave=(LegalRequest,))
    _loose_ends(store)
    row.renew()
    blobs.wipe(workspace.pk, store.pk, keep_on=row.renew)  # what was on its way
    people = accounts.forget_shop(store.platform, store.shop)
    _log_out(people)
    _last(row, store, workspace)


def _loose_ends(store: Store) -> None:
    """What names the store without a foreign key."""
    usage.forget_store(store.workspace_id, store.pk)
    Orphan.objects.filter(key__startswith=f"{store.workspace_id}/{store.pk}/").delete()
    Install.objects.filter(platform=store.platform, shop=store.shop).delete()
    asked = Approval.objects.filter(workspace=store.workspace_id, url=store.url)
    ids = list(asked.values_list("pk", flat=True))
    erasing.forget_words(store.workspace_id, [f"approval:{pk}" for pk in ids], by=BY)
    asked.delete()
    presence.forget(store.pk)
    throttle.forget(store.pk)
    points.forget(store.pk)


def _log_out(people: Iterable[int]) -> None:
    gone = {str(pk) for pk in people}
    if not gone:
        return
    for session in Session.objects.iterator():
        if str(session.get_decoded().get("_auth_user_id")) in gone:
            session.delete()


def _last(row: LegalRequest, store: Store, workspace: Workspace) -> None:
    """The store's own row, the request, and a workspace in which nothing and nobody is left, in one step with the word
    of it in the trail."""
    emptied = not (
        Store.objects.filter(workspace=workspace).exclude(pk=store.pk).exists()
        or Member.objects.filter(workspace=workspace).exists()
    )
    if emptied:
        erasing.erase(
            Workspace,
            workspace.pk,
            workspace=workspace.pk,
            by=BY,
            keep_on=row.renew,
            leave=(Store, LegalRequest),
        )
        Holding.objects.filter(workspace=workspace.pk).delete()
    with transaction.atomic():
        row.renew()
        erasing.forget_words(workspace.pk, [f"store:{store.pk}"], by=BY)
        if emptied:
            audit.redact_all(workspace.pk, None, by=BY)
        elif workspace.name == store.name:  # it was named after the shop
            Workspace.objects.filter(pk=workspace.pk).update(name=f"Workspace {workspace.pk}")
            audit.redact_all(workspace.pk, [""], by=BY)
        LegalRequest.objects.filter(store=store.pk).delete()
        Store.objects.filter(pk=store.pk).delete()
        if emptied:
            Workspace.objects.filter(pk=workspace.pk).delete()
        audit.record("law.shop_redact", workspace=workspace.pk, actor=BY, subject=f"store:{store.pk}")


DUTIES = {
    LegalKind.DATA_REQUEST: _tell,
    LegalKind.CUSTOMER_REDACT: _forget_customer,
    LegalKind.SHOP_REDACT: _forget_shop,
}
