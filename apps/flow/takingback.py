"""Many pictures out of a store as one action, and unused files of ours out of its media library: what each piece that
has ended sets going."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.flow import hints
from apps.lib.work import WorkState
from apps.publishing.foresight import Ahead, Scope, foresee
from apps.publishing.models import Cleaning, Reversal
from apps.publishing.services import cleaning, reversing
from apps.stores.models import Store


def start(
    scope: Scope, *, key: str, by: str, note: str = "", ahead: Ahead | None = None
) -> tuple[Reversal, bool]:
    """A whole batch, or everything since a moment; the same key, or the same wish while it goes on, is one reversal."""
    row, new = reversing.start(scope, ahead or foresee(scope), key=key, by=by, note=note)
    if new:
        hints.hint("flow.take_back", row.pk)
    return row, new


def go_on(reversal_id: int) -> None:
    """What has ended makes room for the next."""
    for pk in reversing.go_on(reversal_id):
        hints.hint("flow.undo", pk)


def move(row: Reversal, move: Callable[..., Any], *, by: str) -> None:
    """Stop it, let it go on, try again what failed: one of `reversing`'s moves, and what follows begins at once."""
    move(row, by=by)
    hints.hint("flow.take_back", row.pk)


def clean(store: Store, *, by: str) -> tuple[Cleaning, bool]:
    row, new = cleaning.start(store, by=by)
    if new:
        hints.hint("flow.clean", row.pk)
    return row, new


def cleaned(cleaning_id: int) -> None:
    row = cleaning.work(cleaning_id)
    if row and row.work_state == WorkState.WAITING and not row.error:
        hints.hint("flow.clean", row.pk)
