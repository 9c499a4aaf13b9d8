"""Batches in a merchant's words: their state, which photos they are about, why some are left out, where an estimate is
from."""

from __future__ import annotations

from apps.dashboard import words
from apps.dashboard.words import Said
from apps.jobs.filters import Filter
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
JUDGED = {
    "doubted": "pictures that the quality checks did not pass",
    "waiting": "pictures that wait for a person",
    "rejected": "pictures that were rejected",
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


def meant(only: Filter) -> list[str]:
    """What a filter narrows a batch to, a phrase each; empty for everything."""
    phrases = [
        f"{name} {_either(values)}"
        for name, values in (
            ("in category", only.categories),
            ("tagged", only.tags),
            ("of type", only.types),
            ("by brand", only.vendors),
        )
        if values
    ]
    if only.products:
        phrases.append(f"of {len(only.products)} chosen product{'' if len(only.products) == 1 else 's'}")
    flags = (
        (only.missing_alt, "without alternative text"),
        (only.main_photo_only, "main photos only"),
        (only.never_rendered, "never rendered before"),
        (only.older_than_days is not None, f"not rendered for {only.older_than_days} days"),
        (only.recipe_behind, "made with a version that was replaced since"),
        (only.not_rendered_well, "that failed the last time"),
        (bool(only.judged), JUDGED.get(only.judged, "")),
        (only.of_batch is not None, f"the photos of batch {only.of_batch}"),
    )
    phrases += [phrase for said, phrase in flags if said]
    if only.any:
        phrases.append(" or ".join(" and ".join(meant(one)) for one in only.any))
    return phrases


def _either(values: tuple[str, ...]) -> str:
    quoted = [f"“{value}”" for value in values[:6]]
    rest = len(values) - len(quoted)
    return " or ".join([*quoted, *([f"{rest} more"] if rest else [])])
