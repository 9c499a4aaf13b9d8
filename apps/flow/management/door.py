"""What the flow's commands share: --json, the workspace they act in, and errors as one clear line."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import Workspace
from apps.lib.errors import VitrineError
from apps.recipes import selectors as recipes
from apps.recipes.models import RecipeVersion
from apps.stores.models import Store
from connectors.errors import ConnectorError


class Door(BaseCommand, ABC):
    """A command that answers in words, or with --json in one JSON object on the last line."""

    actor = "command"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer, words = self.act(options)
        except (ConnectorError, VitrineError) as error:
            raise CommandError(error.message) from error
        self.stdout.write(json.dumps(answer) if options["as_json"] else words)

    @abstractmethod
    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Do it. Returns the answer for programs and the sentence for people."""


def workspace_from(options: dict[str, Any]) -> Workspace:
    """The workspace named by id or name; the only one, where there is just one."""
    wanted = options.get("workspace")
    found = Workspace.objects.all()
    if wanted:
        found = found.filter(pk=int(wanted)) if wanted.isdigit() else found.filter(name=wanted)
    rows = list(found[:2])
    if len(rows) == 1:
        return rows[0]
    if not rows:
        raise CommandError("There is no such workspace. Run `manage.py createowner` first.")
    raise CommandError("There are several workspaces: say which with --workspace NAME.")


def store_from(wanted: str) -> Store:
    """A store by id, address or name."""
    found = Store.objects.filter(pk=int(wanted)) if wanted.isdigit() else Store.objects.none()
    for match in ({"url": wanted.rstrip("/")}, {"name": wanted}):
        found = found or Store.objects.filter(**match)
    rows = list(found[:2])
    if len(rows) == 1:
        return rows[0]
    known = ", ".join(f"{s.pk} ({s.url})" for s in Store.objects.order_by("pk")[:20]) or "none"
    raise CommandError(f"{'Several stores match' if rows else 'No store matches'} {wanted!r}. Known: {known}")


def recipe_from(workspace: int, name: str) -> RecipeVersion | None:
    return recipes.newest(workspace, name)


def cap_from(text: str | None) -> int | None:
    return amount_from("--cap", text)


def amount_from(option: str, text: str | None) -> int | None:
    """An amount such as 25.00 in micros; None where none was given."""
    if not text:
        return None
    try:
        return round(Decimal(text) * 1_000_000)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise CommandError(f"{option} {text!r} is not an amount such as 25.00.") from error


def share_from(option: str, text: str | None) -> float | None:
    """A part such as 95% as a share of 1; None where none was given."""
    if not text:
        return None
    try:
        return float(text.removesuffix("%")) / 100
    except ValueError as error:
        raise CommandError(f"{option} {text!r} is not a part such as 95%.") from error
