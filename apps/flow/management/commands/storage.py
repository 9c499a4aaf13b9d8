"""`manage.py storage`: how full it is, whether all named files are there, and the sweep of what nobody names."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.flow.management.door import Door, workspace_from
from apps.lib.sizes import human, parsed
from apps.storage import selectors
from apps.storage.services import keeping, survey


class Command(Door):
    help = (
        "Storage: `count` and levels, `check` for missing and unnamed files, `sweep`, a workspace's `budget`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("action", choices=["count", "check", "sweep", "budget"])
        parser.add_argument("--dry-run", action="store_true", help="sweep: only say what would be deleted")
        parser.add_argument(
            "--grace-hours", type=float, help="sweep: files that nobody named for so long (STORAGE_GRACE_H)"
        )
        parser.add_argument("--workspace", help="budget: of which workspace (id or name)")
        parser.add_argument(
            "--bytes", help="budget: what its files may take up, such as 50GB; none for no limit"
        )

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        action = options["action"]
        if action == "budget":
            return self._budget(options)
        hours = options["grace_hours"]
        report = survey.survey(
            delete=action == "sweep" and not options["dry_run"],
            look_for_missing=action == "check",
            grace=None if hours is None else dt.timedelta(hours=hours),
            progress=self._progress,
        )
        if sys.stderr.isatty():
            self.stderr.write("")
        self.ok = report.ok
        answer = {**asdict(report), "ok": report.ok, **_levels()}
        return answer, "\n".join(_words(action, report, answer))

    def handle(self, *args: Any, **options: Any) -> None:
        self.ok = True
        super().handle(*args, **options)
        if not self.ok:
            sys.exit(1)

    def _budget(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        workspace = workspace_from(options)
        if options["bytes"]:
            try:
                size = None if options["bytes"] == "none" else parsed(options["bytes"])
            except ValueError as error:
                raise CommandError(f"--bytes: {error}") from error
            keeping.change(workspace, {"budget_bytes": size}, by=self.actor)
        budget = selectors.keeping_of(workspace.pk).budget_bytes
        level = selectors.level(workspace.pk)
        said = human(budget) if budget else "as much as there is room for"
        answer = {"workspace": workspace.pk, "budget_bytes": budget, "level": level.state}
        return answer, f"The files of {workspace.name} may take up {said}. {level.sentence}".strip()

    def _progress(self, what: str, count: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{what}: {count}", ending="")


def _levels() -> dict[str, Any]:
    level = selectors.fill().everywhere()
    return {
        "level": level.state,
        "sentence": level.sentence,
        "free_bytes": selectors.free_bytes(),
        "holdings": [
            {"workspace": h.workspace, "kind": h.kind, "files": h.files, "size_bytes": h.size_bytes}
            for h in selectors.holdings()
        ],
    }


def _words(action: str, report: survey.Report, answer: dict[str, Any]) -> list[str]:
    words = [f"{report.files} files, {human(report.size_bytes)}. {report.unnamed} of them nobody names."]
    words += [
        f"  workspace {h['workspace']}: {h['files']} {h['kind']}, {human(h['size_bytes'])}"
        for h in answer["holdings"]
    ]
    if report.undeclared:
        kinds = ", ".join(f"{files} {kind}" for kind, files in report.undeclared.items())
        words.append(f"Kinds that nobody has declared, never deleted: {kinds}")
    if action == "sweep":
        words.append(f"{report.due} are due, {report.deleted} deleted ({human(report.deleted_bytes)}).")
        if report.left_for_later:
            words.append("The rest waits: a backup is being made, or files are wanted again.")
    if action == "check":
        words += [f"missing: {one['key']} ({one['row']})" for one in report.missing_told]
        words.append(
            f"{report.missing} named files are missing." if report.missing else "No named file is missing."
        )
    return [*words, answer["sentence"]] if answer["sentence"] else words
