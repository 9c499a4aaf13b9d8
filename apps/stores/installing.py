"""A browser goes to a shop to have access approved, and comes back: once, soon, the same browser, for the same shop."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from apps.lib import ids
from apps.lib.errors import NotAllowed
from apps.stores.models import Install

GOOD_FOR = dt.timedelta(minutes=10)
FORGOTTEN_AFTER = dt.timedelta(days=1)


class NotThisBrowser(NotAllowed):
    """Nobody asked for this from here, it was used before, or it came too late. Please start again."""


@dataclass(frozen=True)
class Sent:
    """`state` goes along in the address, `browser` stays in a cookie. Both are random and prove nothing elsewhere."""

    state: str
    browser: str


def begin(platform: str, shop: str, *, workspace: int | None = None, by: str = "") -> Sent:
    """Remember that this browser goes to that shop. `workspace` and `by`: who asked from inside."""
    sent = Sent(ids.token(32), ids.token(32))
    Install.objects.create(
        platform=platform,
        shop=shop,
        state_sha256=_hash(sent.state),
        browser_sha256=_hash(sent.browser),
        workspace_id=workspace,
        asked_by=by,
        expires_at=timezone.now() + GOOD_FOR,
    )
    return sent


def came_back(platform: str, shop: str, *, state: str, browser: str, by: str = "") -> Install:
    """The row is used up; the row count is the lock. `by`: who is logged in, which is whoever asked from inside. Raises
    NotThisBrowser, and then nothing is used up."""
    now = timezone.now()
    mine = Install.objects.filter(
        platform=platform,
        shop=shop,
        state_sha256=_hash(state),
        browser_sha256=_hash(browser),
        asked_by__in={"", by},
        used_at=None,
        expires_at__gt=now,
    )
    row = mine.first()
    if row is None or not mine.filter(pk=row.pk).update(used_at=now):
        raise NotThisBrowser
    return row


def _hash(word: str) -> str:
    return ids.sha256_hex(word.encode("utf-8", "replace"))


def forget() -> int:
    """Rows of yesterday. Returns how many."""
    return Install.objects.filter(created_at__lt=timezone.now() - FORGOTTEN_AFTER).delete()[0]
