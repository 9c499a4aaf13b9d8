"""Batches in a merchant's words: their state, which photos they are about, why some are left out, where an estimate is
from."""

from __future__ import annotations

from apps.dashboard import words
from apps.dashboard.words import Said
from apps.jobs.meaning import meant as meant
from apps.jobs.models import Batch, BatchState
from apps.jobs.progress import Counts, at_cap

LEFT_OUT = {
    "disconnected": "the store is disconnected",
    "no_original": "the original can't be had any more",
    "under_way": "already under way with this recipe",
    "publication": "being written into the store, or taken back, just now",
}
BASIS = {
    "version": "measured with this recipe",
    "recipe": "measured with an earlier version of this recipe",
    "pipeline": "measured with other recipes of this kind",
    "guess": "a first guess, nothing was measured yet",
}


def batch(row: Batch, counted: Counts | None = None) -> Said:
    """Where it stands. With its counts, an ended or capped one says so."""
    if row.state == BatchState.CANCELLED:
        return Said("quiet", "Cancelled")
    if counted is not None and not counted.open:
        return Said("warn", f"Done, {counted.failed:,} failed") if counted.failed else Said("good", "Done")
    if row.state == BatchState.HELD:
        return Said("warn", "Waiting for its pilot")
    if row.state == BatchState.PAUSED:
        return Said("warn", "Paused")
    if counted is not None and at_cap(row, counted):
        return Said("warn", "Stopped at its cap")
    return Said("busy", "Running", moving=True)


def left_out(skipped: dict[str, int]) -> list[tuple[str, int]]:
    return [(LEFT_OUT.get(code, code.replace("_", " ")), n) for code, n in skipped.items()]


def problem(code: str) -> str:
    return words.PROBLEMS.get(code, code.replace("_", " ").capitalize() or "Unknown")
