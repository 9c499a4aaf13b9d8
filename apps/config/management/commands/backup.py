"""`manage.py backup FOLDER`: database, files and, if asked for, keys, while everything goes on running."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.config.backup import keys, making
from apps.config.backup.bars import bars
from apps.flow.management.door import Door
from apps.lib.sizes import human

PASSPHRASE = "BACKUP_PASSPHRASE"  # noqa: S105 - the name of a variable
WITHOUT_KEYS = (
    "The keys are not in it. Keep SECRET_KEY and FIELD_KEYS (here: {where}) somewhere else, or make it with "
    "--keys wrapped; without FIELD_KEYS the stores have to be connected again after a restore."
)
PLAIN = (
    "It holds the keys as they are: whoever reads it can act in your stores. Keep it as you keep a password."
)


class Command(Door):
    help = "Back up database, files and, if asked for, keys into a folder; nothing has to be stopped for it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", type=Path, help="a new or empty folder, best on another disk")
        parser.add_argument(
            "--update",
            action="store_true",
            help="bring an earlier or unfinished backup in this folder up to date; only new files are copied",
        )
        parser.add_argument(
            "--keys",
            choices=[keys.NONE, keys.WRAPPED, keys.PLAIN],
            default=keys.NONE,
            help=f"SECRET_KEY and FIELD_KEYS: left out, wrapped with a passphrase ({PASSPHRASE}, or asked for), plain",
        )

    def act(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        how = options["keys"]
        passphrase = ask_passphrase(twice=True) if how == keys.WRAPPED else ""
        with bars() as progress:
            told, also = making.make(
                options["folder"],
                keys_how=how,
                passphrase=passphrase,
                update=options["update"],
                progress=progress,
            )
        answer = {
            "folder": str(options["folder"]),
            "database_bytes": told.database.size_bytes,
            "files": told.files,
            "files_bytes": told.files_bytes,
            "keys": how,
            "damaged": told.damaged,
            **also,
        }
        return answer, "\n".join(_words(answer))


def _words(answer: dict[str, Any]) -> list[str]:
    lines = [
        f"Backed up into {answer['folder']}: database {human(answer['database_bytes'])}, {answer['files']} files "
        f"({human(answer['files_bytes'])}, {answer['copied']} copied now) in {answer['seconds']} s.",
        f"SHA-256 of its manifest: {answer['manifest_sha256']}. With it `restore --expect` proves that nobody "
        "changed the backup.",
    ]
    if answer["keys"] == keys.NONE:
        from django.conf import settings

        where = settings.DATA_ROOT / "secrets.json" if settings.EMBEDDED else "the environment"
        lines.append(WITHOUT_KEYS.format(where=where))
    if answer["keys"] == keys.PLAIN:
        lines.append(PLAIN)
    if answer["damaged"]:
        lines.append(f"Damaged in storage already, copied as they are: {', '.join(answer['damaged'][:5])}")
    return lines


def ask_passphrase(*, twice: bool = False) -> str:
    """From the environment, else from whoever sits at the terminal. Raises CommandError where nobody can be asked."""
    given = os.environ.get(PASSPHRASE, "")
    if given:
        return given
    if not sys.stdin.isatty():
        raise CommandError(f"Set {PASSPHRASE}: there is no terminal to ask for the passphrase.")
    given = getpass.getpass("Passphrase for the keys: ")
    if twice and getpass.getpass("Once more: ") != given:
        raise CommandError("The two passphrases differ.")
    return given
