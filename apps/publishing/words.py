"""What taking many publications back comes to, in sentences for people."""

from __future__ import annotations

import datetime as dt

from apps.publishing.foresight import Ahead
from apps.publishing.models import Reversal


def foreseen(ahead: Ahead) -> list[str]:
    """What else there is to know before it begins."""
    told = []
    for n, one, many in (
        (
            ahead.cancelled_jobs,
            "One photo of the batch is still to be done. The batch is cancelled first.",
            "{} photos of the batch are still to be done. The batch is cancelled first.",
        ),
        (
            ahead.waiting,
            "One picture waits to be written and will not be.",
            "{} pictures wait to be written and will not be.",
        ),
        (
            ahead.under_way,
            "One picture is being written just now and follows when that has ended.",
            "{} pictures are being written just now and follow when that has ended.",
        ),
        (
            ahead.changed,
            "The pictures of one product were changed by somebody else meanwhile, as far as we know; that stays.",
            "The pictures of {} products were changed by somebody else meanwhile, as far as we know; that stays.",
        ),
        (
            ahead.covered,
            "One picture lies under a newer one of ours, which stays.",
            "{} pictures lie under newer ones of ours, which stay.",
        ),
        (ahead.undone, "One was taken back before.", "{} were taken back before."),
        (
            ahead.gone,
            "One can't be taken back: its product is deleted or in the trash.",
            "{} can't be taken back: their products are deleted or in the trash.",
        ),
        (
            ahead.in_review,
            "One picture of the batch waits for review and stays there; approving it would write it.",
            "{} pictures of the batch wait for review and stay there; approving them would write them.",
        ),
    ):
        if n:
            told.append(one if n == 1 else many.format(f"{n:,}"))
    if ahead.going_on:
        names = ", ".join(f"“{name}”" for name in ahead.going_on)
        told.append(f"Still going on, and writing more: {names}. Pause or cancel what should not.")
    return told


def counted(n: int, what: str) -> str:
    """``1 picture``, ``2,400 pictures``"""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def about(row: Reversal, zone: dt.tzinfo = dt.UTC) -> str:
    """What is taken back: the heading of its page."""
    if row.batch is not None:
        return f"The batch “{row.batch.name}”"
    since = row.since.astimezone(zone) if row.since else row.until
    text = f"Everything since {since:%d %B %Y, %H:%M} {since.tzname() or ''}".strip()
    return f"{text}, made with {row.recipe.name}" if row.recipe else text
