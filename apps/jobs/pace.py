"""Look at paces: what is set for a workspace or a store, and what that means right now, in words."""

from __future__ import annotations

from django.utils import timezone

from apps.jobs import windows
from apps.jobs.models import StorePace, WorkspacePace
from apps.jobs.pacing import Pace


def of_workspace(workspace: int) -> WorkspacePace:
    """The row, or what holds where there is none; not saved."""
    return WorkspacePace.objects.filter(workspace=workspace).first() or WorkspacePace(workspace_id=workspace)


def of_store(store: int) -> StorePace:
    return StorePace.objects.filter(store=store).first() or StorePace(store_id=store)


def of_stores(workspace: int) -> dict[int, StorePace]:
    """By store; those with a row only."""
    return {p.store_id: p for p in StorePace.objects.filter(store__workspace=workspace)}


def bulk_open(of: WorkspacePace) -> bool:
    """Whether the off-peak window is open now."""
    return windows.is_open(timezone.now(), time_zone=of.time_zone, start=of.bulk_from, end=of.bulk_until)


def said(of: Pace) -> str:
    """What holds, as one sentence without its full stop."""
    parts = ["rendering is paused" if of.paused_at else "rendering goes on"]
    parts.append(f"at most {of.max_live} at once" if of.max_live else "as many at once as there is room for")
    if isinstance(of, WorkspacePace):
        if of.bulk_from is not None and of.bulk_until is not None:
            now = "open now" if bulk_open(of) else "closed now"
            parts.append(
                f"bulk work from {of.bulk_from:%H:%M} to {of.bulk_until:%H:%M} in {of.time_zone} ({now})"
            )
        parts.append(f"weight {of.weight}")
    return ", ".join(parts)
