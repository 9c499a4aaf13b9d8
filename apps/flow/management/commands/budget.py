"""`manage.py budget [--warn AMOUNT] [--stop AMOUNT]`: what a workspace may spend in a month, and what it has spent."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.flow.management.door import Door, amount_from, workspace_from
from apps.usage import selectors, services
from apps.usage.selectors import Standing

NONE = "none"


class Command(Door):
    help = "Show how a workspace stands against its month's budget, or set where it warns and where it stops."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--workspace", help="id or name; needed where there are several")
        parser.add_argument("--warn", metavar="AMOUNT", help="warn from this on, such as 20.00, or `none`")
        parser.add_argument("--stop", metavar="AMOUNT", help="nothing is rendered beyond this, or `none`")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        workspace = workspace_from(options)
        was = selectors.standing(workspace.pk)
        if options["warn"] or options["stop"]:
            services.set_budget(
                workspace,
                warn_micros=_limit("--warn", options["warn"], was.warn_micros),
                stop_micros=_limit("--stop", options["stop"], was.stop_micros),
                by=self.actor,
            )
        found = selectors.standing(workspace.pk)
        names = ("booked_micros", "reserved_micros", "warn_micros", "stop_micros", "left_micros", "level")
        told = {"workspace": workspace.pk, "month": f"{found.month:%Y-%m}"}
        return {**told, **{name: getattr(found, name) for name in names}}, _words(workspace.name, found)


def _limit(option: str, text: str | None, was: int | None) -> int | None:
    if not text:
        return was
    return None if text == NONE else amount_from(option, text)


def _words(name: str, found: Standing) -> str:
    def said(micros: int | None) -> str:
        return "none" if micros is None else f"{micros / 1e6:.4f}"

    words = f"{name} spent {said(found.booked_micros)} in {found.month:%Y-%m}; {said(found.reserved_micros)} more is"
    words += f" under way. Warning: {said(found.warn_micros)}. Stop: {said(found.stop_micros)}."
    return words + {"stop": " Rendering has stopped.", "warn": " It runs low.", "": ""}[found.level]
