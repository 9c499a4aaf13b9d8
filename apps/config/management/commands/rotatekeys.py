"""`manage.py rotatekeys`: every stored secret is encrypted with the first of FIELD_KEYS from now on."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.audit import services as audit
from apps.lib import rotation


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret with the first of FIELD_KEYS. Put a key of `manage.py newkey` first, restart, run "
        "this, then take the older keys out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only count what an older key has to open")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        check: bool = options["check"]
        done = rotation.rotate(dry_run=check)
        if done.renewed and not check:
            audit.record("keys.rotated", workspace=0, actor="command", secrets=done.renewed)
        if options["json"]:
            told = {"secrets": done.secrets, "renewed": done.renewed, "lost": done.lost}
            self.stdout.write(json.dumps(told))
        elif check:
            self.stdout.write(f"{done.secrets} secrets; older keys are needed for {done.renewed} of them.")
        else:
            self.stdout.write(f"{done.secrets} secrets, {done.renewed} of them encrypted anew.")
            if not done.lost:
                self.stdout.write(
                    "Only the first of FIELD_KEYS is needed now; backups made before need the older ones too."
                )
        if done.lost:
            raise CommandError(
                f"No key of FIELD_KEYS opens {', '.join(done.lost[:10])}. Add the key that is missing, or connect "
                "those stores again."
            )
