"""Commands that need the database start the private servers for their own duration, where nothing else runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

APPS = Path(__file__).resolve().parents[1]
# `up` and `demo` bring up a whole house of their own, of which `dispatcher` is a part; `newkey` needs no database.
BY_THEMSELVES = frozenset({"up", "demo", "dispatcher", "newkey"})
COMMANDS = frozenset(
    {"shell", *(file.stem for file in APPS.glob("*/management/commands/[!_]*.py"))} - BY_THEMSELVES
)


@contextmanager
def servers(argv: Sequence[str]) -> Iterator[None]:
    """Around one command line. Servers that ran before go on running; those started here are stopped again.

    Does nothing in production (DATABASE_URL is set) and for commands that need no database.
    """
    if os.environ.get("DATABASE_URL") or len(argv) < 2 or argv[1] not in COMMANDS or "--help" in argv:
        yield
        return
    import django

    django.setup()
    from apps.config import group

    # What is restored brings its tables along.
    services, _ = group.start_services(migrate=argv[1] != "restore")
    try:
        yield
    finally:
        services.__exit__(None, None, None)
