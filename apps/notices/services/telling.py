"""Note what happened, once, and put it into the mails of those who want to know."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Member
from apps.lib.locks import transaction_lock
from apps.lib.work import WorkState
from apps.notices import selectors
from apps.notices.models import How, Mail, Notice

# What comes up within this time goes in one mail.
FOLD = dt.timedelta(seconds=60)
# Nobody gets more mails than this in an hour; the rest is folded into the next.
MOST_PER_HOUR = 4


@transaction.atomic
def tell(
    workspace: int, kind: str, subject: str, *, title: str, body: str, path: str, lasting: bool = True
) -> Notice | None:
    """Something is so. Returns the notice where it is new, None where it was told before.

    `lasting`: it holds until `over` says otherwise and may then be told anew; else it is told once for ever.
    """
    transaction_lock(f"notices-{workspace}")
    now = timezone.now()
    known = Notice.objects.filter(workspace=workspace, kind=kind, subject=subject)
    if (known.filter(ended_at=None) if lasting else known).update(seen_at=now):
        return None
    notice = Notice.objects.create(
        workspace_id=workspace,
        kind=kind,
        subject=subject,
        ended_at=None if lasting else now,
        title=title[:200],
        body=body[:2000],
        path=path[:200],
    )
    for member, how in selectors.listeners(workspace, kind):
        _waiting_mail(member, daily=how == How.DAILY).notices.add(notice)
    return notice


def over(workspace: int, kind: str, *, still: Collection[str] = ()) -> int:
    """What was told of this kind holds no longer, but for these subjects. Should it come back it is told again."""
    ended = Notice.objects.filter(workspace=workspace, kind=kind, ended_at=None).exclude(
        subject__in=list(still)
    )
    return ended.update(ended_at=timezone.now())


def _waiting_mail(member: Member, *, daily: bool) -> Mail:
    """The mail that waits for this member, locked so that it does not go in the meantime; a new one where none does."""
    waiting = Mail.objects.filter(member=member, daily=daily, work_state=WorkState.WAITING, tries=0)
    there = waiting.select_for_update().first()
    if there is not None:
        return there
    at = _next_morning() if daily else _not_too_often(member)
    mail, _ = Mail.objects.get_or_create(
        member=member,
        daily=daily,
        work_state=WorkState.WAITING,
        tries=0,
        defaults={"uid": uuid.uuid4(), "not_before": at, "hint_after": at},
    )
    return mail


def _not_too_often(member: Member) -> dt.datetime:
    now = timezone.now()
    hour = dt.timedelta(hours=1)
    lately = list(
        Mail.objects.filter(member=member, daily=False, sent_at__gte=now - hour)
        .order_by("-sent_at")
        .values_list("sent_at", flat=True)[:MOST_PER_HOUR]
    )
    if len(lately) == MOST_PER_HOUR and lately[-1] is not None:
        return max(now + FOLD, lately[-1] + hour)
    return now + FOLD


def _next_morning() -> dt.datetime:
    """When daily mails go: at settings.DIGEST_HOUR_UTC."""
    now = timezone.now()
    today = now.replace(hour=settings.DIGEST_HOUR_UTC, minute=0, second=0, microsecond=0)
    return today if today > now else today + dt.timedelta(days=1)
