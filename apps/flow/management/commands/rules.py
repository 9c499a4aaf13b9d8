"""`manage.py rules STORE`: what a store does by itself: list, add, change, switch, delete."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.automation import selectors, words
from apps.automation.models import Rule
from apps.automation.services import ruling
from apps.flow.management.door import Door, store_from
from apps.stores.models import Store


class Command(Door):
    help = "List a store's automation rules, or change them: add, change, on, off, up, delete, restore."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("store", help="id, address or name")
        parser.add_argument(
            "what",
            nargs="?",
            default="list",
            choices=["list", "add", "change", "on", "off", "up", "delete", "restore"],
        )
        parser.add_argument("rule", nargs="?", type=int, help="number of the rule; `list` shows them")
        parser.add_argument(
            "--values",
            default="{}",
            help='JSON such as {"name": "Summer", "events": ["new_photo"], "filter": {"tags": ["summer"]}, '
            '"recipe": "White studio", "calm_s": 30, "daily_cap": 200, "quiet_from": "22:00", "quiet_until": "07:00"}',
        )

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        store = store_from(options["store"])
        what = options["what"]
        if what == "add":
            ruling.create(store, _values(options["values"]), by=self.actor)
        elif what != "list":
            self._change(what, _rule(store, options["rule"]), options["values"])
        rows = ruling.of_store(store)
        counts = selectors.counts(store.workspace_id, [r.pk for r in rows])
        answer = [
            {
                "rule": r.pk,
                "on": r.on,
                **selectors.same_shape(r),
                "waiting": counts[r.pk].waits,
                "today": counts[r.pk].today,
            }
            for r in rows
        ]
        lines = [f"{r.pk} {'on ' if r.on else 'off'} {r.name}: {words.sentence(r)}" for r in rows]
        return {"store": store.pk, "rules": answer}, "\n".join(
            lines
        ) or "No rules: nothing happens by itself."

    def _change(self, what: str, rule: Rule, values: str) -> None:
        match what:
            case "change":
                ruling.change(rule, _values(values), by=self.actor)
            case "on" | "off":
                ruling.switch(rule, on=what == "on", by=self.actor)
            case "up":
                ruling.move_up(rule, by=self.actor)
            case "delete":
                ruling.delete(rule, by=self.actor)
            case "restore":
                ruling.restore(rule, by=self.actor)


def _rule(store: Store, wanted: int | None) -> Rule:
    found = Rule.objects.filter(store=store, pk=wanted or 0).select_related("store", "recipe").first()
    if found is None:
        raise CommandError(f"{store.name} has no rule {wanted}. `manage.py rules {store.pk}` lists them.")
    return found


def _values(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise CommandError(f"--values is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise CommandError("--values is an object with fields.")
    return data
