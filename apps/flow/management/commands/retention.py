"""`manage.py retention`: let go what the workspaces keep no longer, or say what that would be."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from apps.flow import retention
from apps.flow.management.door import Door, workspace_from
from apps.lib.sizes import human

SAID = {
    "rejected": "rejected pictures",
    "unused": "pictures that nobody uses",
    "gone": "originals of products that are gone",
}


class Command(Door):
    help = "Let go of files that a workspace keeps no longer; `storage sweep` then deletes them."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--workspace", help="only this one (id or name)")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be let go")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        only = workspace_from(options).pk if options["workspace"] else None
        told = retention.tidy(only, dry_run=options["dry_run"], progress=self._progress)
        if sys.stderr.isatty():
            self.stderr.write("")
        answer = {
            "dry_run": options["dry_run"],
            "rows": sum(one.rows for one in told),
            "size_bytes": sum(one.size_bytes for one in told),
            "rules": [one.as_json() for one in told],
        }
        verb = "would let go" if options["dry_run"] else "let go"
        words = [
            f"workspace {one.workspace}: {verb} {one.rows} {SAID[one.rule]}, up to {human(one.size_bytes)}"
            for one in told
        ]
        return answer, "\n".join(words or ["Nothing is kept longer than it should be."])

    def _progress(self, rule: str, rows: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{SAID[rule]}: {rows}", ending="")
