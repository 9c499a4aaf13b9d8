"""Set a workspace's or a store's pace: pause and resume, how many at once, off-peak window, share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.audit import services as audit
from apps.jobs import windows
from apps.jobs.models import StorePace, WorkspacePace
from apps.lib import wire
from apps.lib.errors import BadRequest
from apps.stores.models import Store

MOST_WEIGHT = 1000


def _of(place: Workspace | Store) -> WorkspacePace | StorePace:
    """The row, made where there is none, and locked until the transaction ends."""
    if isinstance(place, Store):
        StorePace.objects.get_or_create(store=place)
        return StorePace.objects.select_for_update().get(store=place)
    WorkspacePace.objects.get_or_create(workspace=place)
    return WorkspacePace.objects.select_for_update().get(workspace=place)


def _record(verb: str, place: Workspace | Store, by: str, **detail: Any) -> None:
    if isinstance(place, Store):
        audit.record(
            verb,
            workspace=place.workspace_id,
            actor=by,
            subject=f"store:{place.pk}",
            name=place.name,
            **detail,
        )
    else:
        audit.record(
            verb, workspace=place.pk, actor=by, subject=f"workspace:{place.pk}", name=place.name, **detail
        )


@transaction.atomic
def pause(place: Workspace | Store, *, by: str) -> bool:
    """Hand out nothing more for it. What is at a worker is finished. False where it was paused already."""
    row = _of(place)
    if row.paused_at is not None:
        return False
    row.paused_at, row.paused_by = timezone.now(), by
    row.save(update_fields=["paused_at", "paused_by"])
    _record("rendering.paused", place, by)
    return True


@transaction.atomic
def resume(place: Workspace | Store, *, by: str) -> bool:
    """Go on where it was left. False where it was not paused."""
    row = _of(place)
    if row.paused_at is None:
        return False
    row.paused_at, row.paused_by = None, ""
    row.save(update_fields=["paused_at", "paused_by"])
    _record("rendering.resumed", place, by)
    transaction.on_commit(wire.wake_dispatcher)
    return True


@transaction.atomic
def change(place: Workspace | Store, values: Mapping[str, Any], *, by: str) -> bool:
    """Set some of: max_live; for a workspace also weight, time_zone, bulk_from and bulk_until.

    Raises BadRequest with a sentence for the person. False where nothing is different.
    """
    row = _of(place)
    before = {name: getattr(row, name) for name in values}
    changed = {name: value for name, value in values.items() if before[name] != value}
    if not changed:
        return False
    for name, value in changed.items():
        setattr(row, name, value)
    _check(row)
    try:
        row.full_clean()
    except ValidationError as error:
        raise BadRequest(" ".join(error.messages)) from error
    row.save(update_fields=list(changed))
    said = ", ".join(f"{name.replace('_', ' ')} {_said(value)}" for name, value in changed.items())
    _record("rendering.settings", place, by, changed=said)
    transaction.on_commit(wire.wake_dispatcher)
    return True


def _said(value: Any) -> str:
    return "none" if value is None else f"{value:%H:%M}" if hasattr(value, "hour") else str(value)


def _check(row: WorkspacePace | StorePace) -> None:
    if row.max_live is not None and row.max_live < 1:
        raise BadRequest("At least one job at once; to stop rendering, pause it.")
    if isinstance(row, StorePace):
        return
    if not 1 <= row.weight <= MOST_WEIGHT:
        raise BadRequest(f"A share has a weight from 1 to {MOST_WEIGHT}.")
    if row.time_zone not in windows.zones():
        raise BadRequest(
            f"There is no time zone {row.time_zone!r}. Write it as Europe/Berlin or America/New_York."
        )
    if (row.bulk_from is None) != (row.bulk_until is None):
        raise BadRequest("An off-peak window has a beginning and an end: give both or none.")
