"""`manage.py restore FOLDER`: a backup back into an empty database and storage, checked before and after."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apps.config import group
from apps.config.backup import keys, manifest, restoring
from apps.config.backup.bars import bars
from apps.config.management.commands.backup import ask_passphrase
from apps.flow.management.door import Door

CLOSED = (
    "The stores' credentials can't be opened with the keys of this installation. Set FIELD_KEYS to the keys that it "
    "had then, or connect each store again."
)


class Command(Door):
    help = "Restore a backup: it is checked first, and nothing is changed where it is not whole."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", type=Path)
        parser.add_argument("--check", action="store_true", help="only check the backup, change nothing")
        parser.add_argument("--replace", action="store_true", help="delete what the database holds now")
        parser.add_argument("--expect", default="", help="SHA-256 of the manifest, as backup printed it")
        parser.add_argument(
            "--with-keys",
            action="store_true",
            help="bring back the keys too: into this installation, or into --keys-to",
        )
        parser.add_argument("--keys-to", type=Path, help="a file for SECRET_KEY and FIELD_KEYS (JSON)")

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        folder = options["folder"]
        told = manifest.read(folder, expect=options["expect"])
        sizes = sum(part.size_bytes for part in told.parts()) + told.files_bytes
        with bars({"checked": sizes, "files": told.files_bytes}) as progress:
            told = restoring.check(folder, expect=options["expect"], progress=progress)
            if options["check"]:
                answer = {"ok": True, "made_at": told.made_at, "files": told.files, "keys": told.keys_how}
                return answer, f"The backup of {told.made_at} is whole: database and {told.files} files."
            with group.only_one() if settings.EMBEDDED else contextlib.nullcontext():
                done = restoring.restore(
                    folder,
                    told,
                    replace=options["replace"],
                    passphrase=ask_passphrase() if self._wrapped(options, told) else None,
                    keys_to=self._keys_to(options),
                    progress=progress,
                )
        if not done.ok:
            self.stdout.write("\n".join(done.audit_broken))
            self.stderr.write(f"{done.missing} named files are missing.") if done.missing else None
        return self._answer(done)

    def _wrapped(self, options: dict[str, Any], told: manifest.Manifest) -> bool:
        return self._keys_to(options) is not None and told.keys_how == keys.WRAPPED

    def _keys_to(self, options: dict[str, Any]) -> Path | None:
        if options["keys_to"]:
            return options["keys_to"]
        if not options["with_keys"]:
            return None
        if not settings.EMBEDDED:
            raise CommandError("Keys come from the environment here: name a file for them with --keys-to.")
        return settings.DATA_ROOT / "secrets.json"

    def _answer(self, done: restoring.Restored) -> tuple[dict[str, Any], str]:
        self.done = done
        words = [
            f"The backup of {done.made_at} is back: {done.files} files, {done.copied} copied. "
            f"Audit trail {'ok' if done.audit_ok else 'BROKEN'}, {done.missing} files missing."
        ]
        if done.keys != keys.NONE:
            words.append(f"The keys are in {done.keys}.")
        if not done.credentials_open:
            words.append(CLOSED)
        return done.as_json(), "\n".join(words)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        done = getattr(self, "done", None)
        if done is not None and not done.ok:
            sys.exit(1)
