"""Access that a merchant approves on a page of the store: ask, take in what comes, try it, connect.

The token in the address is all that the store and the browser bring back. It is random, good once and for half an hour,
kept as a hash, and means one address: what is given is tried there, whatever else the message says, and thrown away
where it does not open that store.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Protocol
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.audit import services as audit
from apps.lib import ids
from apps.lib.errors import VitrineError
from apps.lib.work import WorkState, backoff_s
from apps.stores import services
from apps.stores.connect import NotConnectable, find, inbound, open_found, ways
from apps.stores.models import Approval, ApprovalState, Store
from connectors.errors import ConnectorError, Rejected
from connectors.types import Asking, Credentials, Finding, Found, Handed, StoreInfo

APP_NAME = "Vitrine"
GOOD_FOR = dt.timedelta(minutes=30)
# A store that is slow at first has this many chances to show that what it gave works.
MOST_TRIES = 5
FORGOTTEN_AFTER = dt.timedelta(days=90)


class UnknownToken(VitrineError):
    """Nobody was asked for this, or it was somebody else."""


class TokenUsed(VitrineError):
    """That approval was used before, or its time is over."""

    def __init__(self, approval: Approval) -> None:
        self.approval = approval
        super().__init__()


class WayClosed(NotConnectable):
    """The store can't be connected in this way."""


@dataclass(frozen=True)
class Returns:
    """Where the store brings the merchant back to, and where it calls us with the keys."""

    browser: str
    callback: str


def ask(workspace: Workspace, *, platform: str, typed: str, way: str, returns: Returns, by: str) -> str:
    """The address of the store's page on which the merchant approves. Raises NotConnectable, with what is in the
    way."""
    found = find(platform, typed)
    chosen = next((one for one in ways(platform, found) if one.code == way), None)
    if chosen is None or not chosen.possible:
        raise WayClosed(" ".join(chosen.why_not) if chosen else "")
    token = ids.token(32)
    asking = Asking(APP_NAME, token, returns.browser, returns.callback)
    page = inbound(platform).approval_page(found, way, asking)
    expires_at = timezone.now() + GOOD_FOR
    with transaction.atomic():
        approval = Approval.objects.create(
            workspace=workspace,
            platform=platform,
            way=way,
            asked_by=by,
            token_sha256=_hash(token),
            url=found.url,
            api_root=found.api_root,
            name=found.name[:200],
            also=found.also[:400],
            notes=[finding.sentence for finding in found.findings],
            expires_at=expires_at,
            not_before=expires_at,
            hint_after=expires_at,
        )
        _tell("approval.asked", approval, by=by)
    return page


def _hash(token: str) -> str:
    return ids.sha256_hex(token.encode())


def _tell(verb: str, approval: Approval, *, by: str, problem: str = "") -> None:
    audit.record(
        verb,
        workspace=approval.workspace_id,
        actor=by,
        subject=f"approval:{approval.pk}",
        url=approval.url,
        way=approval.way,
        problem=problem,
    )


def deliver(platform: str, way: str, given: Mapping[str, object]) -> Approval:
    """The store calls with keys: keep them sealed until they were tried. Once per token, however many call together.

    Raises Rejected for what is no such call, UnknownToken, TokenUsed. Asks nothing of the store, which is waiting.
    """
    handed = inbound(platform).handed_over(way, given)
    if handed.credentials is None:
        raise Rejected("there are no keys in it", code="bad_handover")
    approval = Approval.objects.filter(token_sha256=_hash(handed.token), platform=platform, way=way).first()
    if approval is None:
        raise UnknownToken
    _take(approval, handed.credentials)
    return approval


def _take(approval: Approval, credentials: Credentials) -> None:
    """The row count is the lock: of several callers one wins."""
    now = timezone.now()
    taken = _live(approval, now).update(
        state=ApprovalState.GIVEN,
        used_at=now,
        credentials=asdict(credentials),
        not_before=now,
        hint_after=now,
    )
    if not taken:
        raise TokenUsed(approval)


def _live(approval: Approval, now: dt.datetime) -> QuerySet[Approval]:
    """The row, as long as its token is good."""
    return Approval.objects.filter(
        pk=approval.pk, state=ApprovalState.ASKED, work_state=WorkState.WAITING, expires_at__gt=now
    )


def returned(workspace: int, *, platform: str, way: str, given: Mapping[str, object], by: str) -> Approval:
    """The browser of whoever asked is back, with a refusal, or with a password in the address, which is taken in.

    Raises Rejected for what no store sends, UnknownToken where somebody else asked, TokenUsed; nothing is kept then.
    """
    handed = inbound(platform).handed_over(way, given)
    approval = Approval.objects.filter(
        token_sha256=_hash(handed.token), workspace=workspace, asked_by=by, platform=platform, way=way
    ).first()
    if approval is None:
        raise UnknownToken
    if handed.refused:
        _refuse(approval, by=by)
    elif handed.credentials is not None:
        _accept(approval, handed, by=by)
    return approval


def _refuse(approval: Approval, *, by: str) -> None:
    """A second refusal, or one that comes when the time is over, changes nothing."""
    with transaction.atomic():
        if _end(approval, ApprovalState.REFUSED, ""):
            _tell("approval.refused", approval, by=by)


def _accept(approval: Approval, handed: Handed, *, by: str) -> None:
    if not _same_site(handed.site_url, approval):
        told = _shown(handed.site_url)
        words = f"The store that answered calls itself {told}, but {approval.url} was asked. What it gave was not kept."
        with transaction.atomic():
            if not _end(approval, ApprovalState.FAILED, words):
                raise TokenUsed(approval)
            _tell("approval.failed", approval, by=by, problem=words)
        return
    assert handed.credentials is not None
    _take(approval, handed.credentials)


def _end(approval: Approval, state: ApprovalState, words: str) -> bool:
    """An approval that waits for the store ends without anything given. False where it does not wait any more."""
    now = timezone.now()
    return bool(
        _live(approval, now).update(
            state=state,
            work_state=WorkState.DONE,
            error=words,
            used_at=now,
            credentials=None,
        )
    )


def _same_site(told: str, approval: Approval) -> bool:
    return bool(told) and _plain(told) in {_plain(url) for url in (approval.url, approval.also) if url}


def _plain(address: str) -> tuple[str, int | None, str]:
    """An address without what people write in different ways: scheme, www, a slash at the end."""
    try:
        parts = urlsplit(address.strip() if "://" in address else f"https://{address.strip()}")
        port = parts.port
    except ValueError:
        return ("", None, address)
    host = (parts.hostname or "").rstrip(".").removeprefix("www.")
    return host, None if port in {80, 443} else port, parts.path.rstrip("/")


def _shown(address: str) -> str:
    """As much of a foreign address as is fit to be shown."""
    host, port, path = _plain(address)
    return f"{host}{f':{port}' if port else ''}{path}"[:200] or "nothing that could be read"


class Then(Protocol):
    """What follows when a store was connected; called in the transaction that connects it."""

    def __call__(self, store: Store, *, by: str) -> None: ...


def settle(approval_id: int, *, then: Then) -> None:
    """Try what was given at the address that was asked, and connect the store; or end an approval nobody answered."""
    approval = Approval.claim(approval_id)
    if approval is None:
        return
    if approval.state == ApprovalState.ASKED:
        approval.give_up("The store did not answer in time.", state=ApprovalState.EXPIRED)
        return
    found = Found(
        approval.url,
        approval.api_root,
        approval.name,
        findings=tuple(Finding("noted", sentence) for sentence in approval.notes),
    )
    credentials = Credentials(**(approval.credentials or {}))
    try:
        info = open_found(approval.platform, found, credentials).check()
    except ConnectorError as error:
        _not_now(approval, error)
        return
    store = _connected(approval, found, credentials, info, then)
    services.begin_listening(store)


def _not_now(approval: Approval, error: ConnectorError) -> None:
    if error.retry and approval.tries < MOST_TRIES:
        approval.later(backoff_s(approval.tries), error.message)
        return
    told = f"It said: {error.detail}" if error.detail else error.message
    words = f"What was handed over does not open {approval.url}, so it was thrown away. {told}"
    with transaction.atomic():
        approval.give_up(words, state=ApprovalState.FAILED, credentials=None)
        _tell("approval.failed", approval, by=approval.asked_by, problem=words)


def _connected(
    approval: Approval,
    found: Found,
    credentials: Credentials,
    info: StoreInfo,
    then: Then,
) -> Store:
    with transaction.atomic():
        store = services.keep(
            approval.workspace,
            platform=approval.platform,
            found=found,
            credentials=credentials,
            info=info,
            by=approval.asked_by,
        )
        approval.finish(state=ApprovalState.CONNECTED, credentials=None, store_id=store.pk)
        then(store, by=approval.asked_by)
    return store


def forget() -> int:
    """Approvals that ended long ago. Returns how many."""
    ended = Approval.objects.exclude(work_state__in=[WorkState.WAITING, WorkState.RUNNING])
    return ended.filter(created_at__lt=timezone.now() - FORGOTTEN_AFTER).delete()[0]
