"""`manage.py audit verify`: is the trail as it was written? Exit code 1 names what is not."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.audit import selectors, services


class Command(BaseCommand):
    help = "Verify the audit trail: every row is as it was written, none is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify"])
        parser.add_argument("--workspace", type=int, help="only this workspace (a number)")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        services.seal()
        report = selectors.verify(options["workspace"])
        if options["as_json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "ok": report.ok,
                        "events": report.events,
                        "sealed": report.sealed,
                        "unsealed": report.unsealed,
                        "redacted": report.redacted,
                        "heads": report.heads,
                        "broken": report.broken,
                    }
                )
            )
        elif report.ok:
            self.stdout.write(
                f"ok: {report.sealed} of {report.events} events chained, {report.unsealed} not sealed yet, "
                f"{report.redacted} redacted"
            )
        else:
            for line in report.broken:
                self.stdout.write(line)
            self.stdout.write(f"broken: {len(report.broken)} rows do not fit")
        if not report.ok:
            sys.exit(1)
