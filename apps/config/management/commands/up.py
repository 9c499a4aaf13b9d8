"""`manage.py up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import os
import sys
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.config import group
from apps.config.supervisor import Supervisor


class Command(BaseCommand):
    help = "Run database, broker, web, dispatcher, control worker, render worker and scheduler as one group."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=urlsplit(settings.PUBLIC_URL).port or 8000)
        parser.add_argument("--quiet", action="store_true", help="logs to files only")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the addresses as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError(
                "DATABASE_URL is set, so this is no embedded installation. Start the programs of docker/compose.yml."
            )
        with group.only_one():
            group.start_services()
            logs = settings.DATA_ROOT / group.LOGS
            supervisor = Supervisor(group.programs(options["port"]), logs, echo=not options["quiet"])
            address = f"http://127.0.0.1:{options['port']}"

            def tell() -> None:
                if options["as_json"]:
                    self.stdout.write(
                        f'{{"dashboard": "{address}/", "pid": {os.getpid()}, "logs": "{logs}"}}'
                    )
                else:
                    self.stdout.write(f"Vitrine runs at {address}/ — Ctrl-C stops it. Logs are in {logs}")
                self.stdout.flush()

            code = supervisor.run(tell)
        sys.exit(code)
