"""A way from a page inside a shop's administration, which has no cookies, to a tab of its own, which has: good once,
for a minute."""

from __future__ import annotations

from typing import cast

from apps.lib import ids
from apps.lib.wire import client

GOOD_FOR_S = 60
_KEY = "vitrine:ticket:{}"


def give(member: int) -> str:
    """A word that lets this member in. Raises WireError where it can't be kept."""
    ticket = ids.token(32)
    client().set(_name(ticket), str(member), ex=GOOD_FOR_S)
    return ticket


def take(ticket: str) -> int | None:
    """The member that a ticket is for; it is used up, however many come with it at once. Raises WireError."""
    found = cast("bytes | None", client().getdel(_name(ticket)))
    return int(found) if found else None


def _name(ticket: str) -> str:
    return _KEY.format(ids.sha256_hex(ticket.encode("utf-8", "replace")))
