"""`manage.py pace`: whose work goes how fast: pause, limits, off-peak window, share."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apps.accounts.models import Workspace
from apps.flow.management.door import Door, store_from, workspace_from
from apps.jobs import pace as reading
from apps.jobs.pacing import Tier
from apps.jobs.services import pacing
from apps.stores.models import Store

NONE = "none"


class Command(Door):
    help = (
        "Show or set the pace of a workspace, or of one store with --store: pause and resume, jobs at once, the "
        "off-peak window for bulk work, the share of workers (weight or tier)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--workspace", help="id or name; needed where there are several")
        parser.add_argument("--store", help="id, address or name: set that store's pause and limit instead")
        turn = parser.add_mutually_exclusive_group()
        turn.add_argument(
            "--pause", action="store_true", help="hand out nothing more; running jobs are finished"
        )
        turn.add_argument("--resume", action="store_true", help="go on")
        parser.add_argument("--at-once", metavar="N", help="most jobs at the same time, or `none`")
        parser.add_argument("--off-peak", metavar="HH:MM-HH:MM", help="bulk work only then, or `none`")
        parser.add_argument("--time-zone", help="of the window, such as Europe/Berlin")
        share = parser.add_mutually_exclusive_group()
        share.add_argument("--weight", type=int, help="share of the workers against other workspaces")
        share.add_argument("--tier", choices=[t.label for t in Tier], help="a named weight")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        place = store_from(options["store"]) if options["store"] else workspace_from(options)
        values = _values(options)
        if isinstance(place, Store) and values.keys() - {"max_live"}:
            raise CommandError("Window and share belong to the workspace; a store has a pause and --at-once.")
        if values:
            pacing.change(place, values, by=self.actor)
        if options["pause"]:
            pacing.pause(place, by=self.actor)
        if options["resume"]:
            pacing.resume(place, by=self.actor)
        return _answer(place)


def _answer(place: Workspace | Store) -> tuple[dict[str, Any], str]:
    if isinstance(place, Store):
        of_store = reading.of_store(place.pk)
        return (
            {"store": place.pk, "paused": of_store.paused_at is not None, "at_once": of_store.max_live},
            f"{place.name}: {reading.said(of_store)}.",
        )
    of = reading.of_workspace(place.pk)
    window = [f"{t:%H:%M}" for t in (of.bulk_from, of.bulk_until) if t is not None]
    answer = {
        "workspace": place.pk,
        "paused": of.paused_at is not None,
        "at_once": of.max_live,
        "weight": of.weight,
        "time_zone": of.time_zone,
        "off_peak": "-".join(window) or None,
        "open_for_bulk": reading.bulk_open(of),
        "lane_floor": settings.LANE_FLOOR,
    }
    return answer, f"{place.name}: {reading.said(of)}."


def _values(options: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if options["at_once"]:
        values["max_live"] = _number(options["at_once"])
    if options["off_peak"]:
        values["bulk_from"], values["bulk_until"] = _window(options["off_peak"])
    if options["time_zone"]:
        values["time_zone"] = options["time_zone"]
    if options["weight"] is not None:
        values["weight"] = options["weight"]
    if options["tier"]:
        values["weight"] = next(t.value for t in Tier if t.label == options["tier"])
    return values


def _number(text: str) -> int | None:
    if text == NONE:
        return None
    if not text.isdigit():
        raise CommandError("--at-once takes a number, or `none`.")
    return int(text)


def _window(text: str) -> tuple[dt.time | None, dt.time | None]:
    if text == NONE:
        return None, None
    try:
        start, end = (dt.time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError as error:
        raise CommandError("--off-peak takes two times, such as 22:00-06:00, or `none`.") from error
    return start, end
