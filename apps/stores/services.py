"""Connect, disconnect, and keep the ledger of written media."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import asdict
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.audit import services as audit
from apps.lib import ids
from apps.lib.locks import transaction_lock
from apps.lib.work import Work, WorkState, backoff_s
from apps.stores import presence
from apps.stores.connect import TOKENS_END, NotConnectable, find, open_found, open_store
from apps.stores.models import Store, StoreState, WrittenMedia
from apps.stores.selectors import Caller
from connectors.errors import (
    AuthExpired,
    ConnectorError,
    NeedsReauth,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from connectors.types import Credentials, Found, RemoteWebhook, StoreInfo


def hook_url(store: Store) -> str:
    """Where this store's webhooks go."""
    return f"{settings.PUBLIC_URL}/hooks/{store.hook_token}/"


def connect(workspace: Workspace, *, platform: str, url: str, credentials: Credentials, by: str) -> Store:
    """Find the store behind `url`, in whatever form, check the keys there, keep it, subscribe to its webhooks.

    Connecting the same address again renews the keys of the store that is there. Raises ConnectorError when the
    store says no, and NotConnectable with what to change where it can't be connected as it is: nothing is kept then.
    A store that refuses webhooks is connected and polled.
    """
    found = find(platform, url)
    info = open_found(platform, found, credentials).check()
    store = keep(workspace, platform=platform, found=found, credentials=credentials, info=info, by=by)
    begin_listening(store)
    return store


def keep(
    workspace: Workspace, *, platform: str, found: Found, credentials: Credentials, info: StoreInfo, by: str
) -> Store:
    """The row of a store whose keys were just tried: a new one, or the one that is there with new keys.

    Raises NotConnectable for a shop that belongs to another workspace.
    """
    url = found.url
    known = {
        "name": (info.name or urlsplit(url).netloc)[:200],
        "credentials": asdict(credentials),
        "api_root": found.api_root,
        "can_upload": info.can_upload,
        "about": _about(info, found),
        "shop": shop_of(platform, url),
        "authorised_at": timezone.now(),
    }
    with transaction.atomic():
        _only_here(workspace, platform, str(known["shop"]))
        store, created = Store.objects.update_or_create(
            workspace=workspace,
            platform=platform,
            url=url,
            defaults={**known, "state": StoreState.CONNECTED, "problem": ""},
            create_defaults={**known, "hook_secret": ids.token(32), "region": settings.REGION},
        )
        audit.record(
            "store.connected",
            workspace=workspace.pk,
            actor=by,
            subject=f"store:{store.pk}",
            url=url,
            platform=platform,
            again=not created,
        )
    return store


def shop_of(platform: str, url: str) -> str:
    """What the platform calls a store, where one app of ours serves all its stores; "" elsewhere."""
    return (urlsplit(url).hostname or "") if platform in TOKENS_END else ""


class TakenElsewhere(NotConnectable):
    """This shop is connected to another workspace of this server already. It belongs to one at a time."""


def _only_here(workspace: Workspace, platform: str, shop: str) -> None:
    """One shop belongs to one workspace; of two that try at once the second one waits, and is told."""
    if not shop:
        return
    hold(platform, shop)
    if Store.objects.filter(platform=platform, shop=shop).exclude(workspace=workspace).exists():
        raise TakenElsewhere


def hold(platform: str, shop: str) -> None:
    """Of several who connect a shop at once the others wait until this transaction has ended."""
    transaction_lock(f"shop-{platform}-{shop}")


def give_access(store: Store, credentials: Credentials, *, by: str) -> None:
    """A shop that we know gave us access anew: after an uninstall, a refusal, or with other rights."""
    with transaction.atomic():
        row = Store.objects.select_for_update(no_key=True).get(pk=store.pk)
        Store.objects.filter(pk=row.pk).update(
            credentials=asdict(credentials),
            state=StoreState.CONNECTED,
            problem="",
            authorised_at=timezone.now(),
        )
        audit.record(
            "store.connected",
            workspace=row.workspace_id,
            actor=by,
            subject=f"store:{row.pk}",
            url=row.url,
            platform=row.platform,
            again=True,
        )
    store.refresh_from_db()
    presence.forget(store.pk)


def let_in(store: Store, *, everybody: bool, by: str) -> bool:
    """Whether people of the shop are let in from its administration by themselves; who is in already stays. Whether
    that is new."""
    with transaction.atomic():
        if not Store.objects.filter(pk=store.pk, open_to_shop=not everybody).update(open_to_shop=everybody):
            return False
        verb = "store.people_let_in" if everybody else "store.people_kept_out"
        audit.record(verb, workspace=store.workspace_id, actor=by, subject=f"store:{store.pk}")
    return True


def opened(store: Store, *, at: dt.datetime) -> None:
    """Somebody had our app open in the shop's administration then, so it was there."""
    mine = Store.objects.filter(pk=store.pk)
    mine.filter(Q(opened_at=None) | Q(opened_at__lt=at)).update(opened_at=at)


def opened_since(store: Store, at: dt.datetime) -> bool:
    return Store.objects.filter(pk=store.pk, opened_at__gt=at).exists()


def uninstalled(store: Store, *, at: dt.datetime | None) -> bool:
    """The shop took the app off at this time: its token is dead. False where access was given since, so that the word
    of it is an old one. Photos, renders and the trail stay until the shop asks for more."""
    mine = Store.objects.filter(pk=store.pk).exclude(state=StoreState.DISCONNECTED)
    if at is not None:
        mine = mine.filter(Q(authorised_at=None) | Q(authorised_at__lte=at))
    with transaction.atomic():
        if not mine.update(
            state=StoreState.DISCONNECTED,
            credentials=_encrypted_nothing(),
            watermark=None,
            problem="",
        ):
            return False
        audit.record("store.uninstalled", workspace=store.workspace_id, subject=f"store:{store.pk}")
    return True


def shut(store: Store) -> None:
    """Nothing of this store begins any more; for one that is about to be deleted."""
    Store.objects.filter(pk=store.pk).update(
        state=StoreState.DISCONNECTED, credentials=_encrypted_nothing(), watermark=None
    )


def begin_listening(store: Store) -> None:
    """Subscribe to the webhooks of a store that was just connected; one that refuses them is polled, and says so."""
    presence.forget(store.pk)  # it has just answered
    try:
        listen(store)
    except ConnectorError as error:
        note_problem(
            store, f"Webhooks could not be set up, so the store is polled: {error.message}", broken=False
        )


def probe(store: Store) -> None:
    """Try again what our keys may do; a store whose keys work again is in order again.

    Raises ConnectorError; keys that open nothing any more mark the store.
    """
    presence.forget(store.pk)  # a person asks: whether it is away is to be seen now
    try:
        info = open_store(store).check()
    except ConnectorError as error:
        note_error(store, error)
        raise
    store.about = {**store.about, **_tried(info)}
    store.can_upload = info.can_upload
    mine = Store.objects.filter(pk=store.pk)
    mine.update(about=store.about, can_upload=store.can_upload)
    mine.filter(state=StoreState.BROKEN).update(state=StoreState.CONNECTED, problem="")


def _about(info: StoreInfo, found: Found) -> dict[str, object]:
    return {**_tried(info), "notes": [finding.sentence for finding in found.findings]}


def _tried(info: StoreInfo) -> dict[str, object]:
    return {
        "version": info.platform_version,
        "can_read": info.can_read,
        "can_write": info.can_write,
        "can_webhook": info.can_webhook,
    }


def listen(store: Store) -> list[RemoteWebhook]:
    """Make sure the store delivers to us; a webhook it disabled is made anew."""
    return open_store(store).subscribe(delivery_url=hook_url(store), secret=store.hook_secret)


def disconnect(store: Store, *, by: str) -> None:
    """Stop listening and forget the keys. Photos, renders and the trail stay; undo needs a new connection."""
    presence.forget(store.pk)  # a person asks: whether it is away is to be seen now
    try:
        open_store(store).unsubscribe(delivery_url=hook_url(store))
    except ConnectorError as error:
        note_problem(store, f"Our webhooks may still be in the store: {error.message}", broken=False)
    with transaction.atomic():
        Store.objects.filter(pk=store.pk).update(
            state=StoreState.DISCONNECTED, credentials=_encrypted_nothing(), watermark=None
        )
        audit.record(
            "store.disconnected", workspace=store.workspace_id, actor=by, subject=f"store:{store.pk}"
        )


def _encrypted_nothing() -> dict[str, str]:
    return asdict(Credentials())


def note_problem(store: Store, problem: str, *, broken: bool = True) -> None:
    """Tell the merchant on the store's page. `broken` stops work for it until it is connected again."""
    changes: dict[str, object] = {"problem": problem[:2000]}
    if broken:
        changes["state"] = StoreState.BROKEN
    Store.objects.filter(pk=store.pk).update(**changes)


def note_error(store: Store, error: ConnectorError) -> None:
    """Keys that stopped working mark the store; anything else passes by itself.

    Of access that was lost only where none was given since: the error may be older than what the row says by now.
    """
    if isinstance(error, NeedsReauth):
        Store.objects.filter(
            pk=store.pk, state=StoreState.CONNECTED, authorised_at=store.authorised_at
        ).update(state=StoreState.BROKEN, problem=error.message[:2000])
    elif isinstance(error, AuthExpired):
        note_problem(store, error.message)


def heard(store: Caller, *, at: dt.datetime, every: dt.timedelta) -> None:
    """A delivery came. Of many that come at once one writes it down; the others need not wait for it, nor for whoever
    renews the store's token."""
    due = Store.objects.filter(Q(last_delivery_at=None) | Q(last_delivery_at__lt=at - every), pk=store.pk)
    with transaction.atomic():
        if due.select_for_update(no_key=True, skip_locked=True).only("pk").exists():
            Store.objects.filter(pk=store.pk).update(last_delivery_at=at)


# Work of a store that took our access back: whoever gives it anew wakes it.
WAIT_FOR_ACCESS_S = 1800.0
# By whether it is about pictures only: those may lie on a host that is gone for good while the shop is well.
PATIENCE = {False: dt.timedelta(days=7), True: dt.timedelta(days=1)}


def put_off(work: Work, error: ConnectorError, *, store: int, most_tries: int) -> bool:
    """Let claimed work wait as the store's error says. False where that can't help, or was tried often enough.

    Being asked to slow down is no try: a busy store may say so for hours. Nor is an outage of the whole store, which
    may last for days, nor that it wants to be asked for access anew: the work goes on when it ends.
    """
    if isinstance(error, NeedsReauth):
        work.later(WAIT_FOR_ACCESS_S * random.uniform(0.8, 1.2), error.message, a_try=False)  # noqa: S311
        _unless_given(work, store)
        return True
    if isinstance(error, RateLimited):
        work.later(error.retry_after_s, error.message, a_try=False)
        return True
    if isinstance(error, Unavailable | OutcomeUnknown):
        since = presence.away_since([store], images=error.images).get(store)
        if since is not None and timezone.now() - since < PATIENCE[error.images]:
            work.later(presence.wait_s(since), error.message, a_try=False)
            return True
    if error.retry and work.tries < most_tries:
        work.later(backoff_s(work.tries), error.message)
        return True
    return False


def _unless_given(work: Work, store: int) -> None:
    """Access may have been given while the work was at it, and then nobody wakes it any more."""
    if Store.objects.filter(pk=store, state=StoreState.CONNECTED).exists():
        now = timezone.now()
        mine = type(work)._default_manager.filter(pk=work.pk, work_state=WorkState.WAITING)
        mine.update(not_before=now, hint_after=now)


def refused(store: Caller, reason: str) -> None:
    """Count a delivery that was not accepted, so that the store's page can say so."""
    Store.objects.filter(pk=store.pk).update(
        refused_deliveries=F("refused_deliveries") + 1,
        last_refusal=reason[:200],
        last_refused_at=timezone.now(),
    )


def wrote(
    store: Store, *, media_id: str, stem: str, sha256: str, publication: int, photo: int | None = None
) -> None:
    """Enter what we wrote into the ledger, before a product shows it."""
    told = {"stem": stem, "sha256": sha256, "publication": publication, "photo": photo}
    WrittenMedia.objects.bulk_create(
        [WrittenMedia(store=store, media_id=media_id, **told)],
        update_conflicts=True,
        unique_fields=["store", "media_id"],
        update_fields=list(told),
    )
