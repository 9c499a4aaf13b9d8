"""The database out and in, by PostgreSQL's own programs: from the embedded server's wheel or the PATH."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from apps.config import embedded
from apps.config.backup.manifest import PIECE, Part
from apps.config.servers.postgres import wheel_binaries
from apps.lib.errors import BadRequest

# What libpq understands of Django's connection parameters.
_LIBPQ = ("host", "port", "dbname", "user", "sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout")
# Tables that a fresh `migrate` fills by itself.
_FILLED_BY_MIGRATE = ("django_migrations", "django_content_type", "auth_permission")


def server_major() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def tool(name: str) -> Path:
    """pg_dump, pg_restore or psql, at least as new as the server: an older one can't read what a newer server has.

    Raises BadRequest with what to install.
    """
    needed, found = server_major(), []
    wheel = wheel_binaries()
    for place in (str(wheel / name) if wheel else None, shutil.which(name)):
        if place is None or not Path(place).exists():
            continue
        said = subprocess.run([place, "--version"], capture_output=True, text=True, timeout=30, check=False)
        version = re.search(r"(\d+)(?:\.\d+)?", said.stdout)
        if version and int(version.group(1)) >= needed:
            return Path(place)
        found.append(f"{place} is of PostgreSQL {version.group(1) if version else 'unknown'}")
    raise BadRequest(
        f"No {name} of PostgreSQL {needed} or newer is here{': ' + ', '.join(found) if found else ''}. "
        f"Install postgresql-client-{needed}, or `pip install -e '.[embedded]'`, which brings one."
    )


def dump(target: Path, *, progress: Callable[[int], None]) -> Part:
    """One snapshot of the database, compressed; nobody waits for it. Raises BadRequest with pg_dump's words."""
    argv = [str(tool("pg_dump")), "--format=custom", "--no-owner", "--no-privileges", "--no-password"]
    digest, size = hashlib.sha256(), 0
    with tempfile.TemporaryFile() as words, target.open("wb") as out:
        with _client([*argv, "--dbname", conninfo()], stdout=subprocess.PIPE, stderr=words) as process:
            assert process.stdout is not None
            while piece := process.stdout.read(PIECE):
                out.write(piece)
                digest.update(piece)
                size += len(piece)
                progress(len(piece))
        out.flush()
        os.fsync(out.fileno())
        if process.returncode:
            raise BadRequest(f"pg_dump failed: {_words(words)}")
    return Part(target.name, digest.hexdigest(), size)


# Drops our tables, sequences and functions. The schema stays: default privileges hang on it.
_WIPE = """
SET client_min_messages = warning;
DO $$ DECLARE r record; BEGIN
  FOR r IN SELECT format('DROP TABLE IF EXISTS public.%I CASCADE', tablename) AS what
           FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE r.what; END LOOP;
  FOR r IN SELECT format('DROP SEQUENCE IF EXISTS public.%I CASCADE', sequencename) AS what
           FROM pg_sequences WHERE schemaname = 'public' LOOP EXECUTE r.what; END LOOP;
  FOR r IN SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) AS what FROM pg_proc p
           WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS
             (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP EXECUTE r.what; END LOOP;
END $$;
"""


def replace(source: Path) -> None:
    """The dump takes the place of what is there, in one transaction: where it fails, everything is as it was.

    pg_restore alone can't do that: its --clean drops only what the dump knows. So it writes what psql then does after
    our own clearing. Raises BadRequest with the words of the one that failed.
    """
    reader = [str(tool("pg_restore")), "--file=-", "--no-owner", "--no-privileges", str(source)]
    writer = [str(tool("psql")), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
    writer += ["--single-transaction", "--file=-", "--dbname", conninfo()]
    connection.close()
    with (
        tempfile.TemporaryFile() as told,
        tempfile.TemporaryFile() as answered,
        _client(writer, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=answered) as into,
        _client(reader, stdout=subprocess.PIPE, stderr=told) as out,
    ):
        assert into.stdin is not None and out.stdout is not None
        with suppress(BrokenPipeError):  # it refused a line; its words are read below
            into.stdin.write(_WIPE.encode())
            shutil.copyfileobj(out.stdout, into.stdin, PIECE)
        out.stdout.close()
        refused = into.poll() is not None
        if out.wait() and not refused:
            into.kill()  # before its input ends, which it would take for the end of the work
            raise BadRequest(f"pg_restore failed, so nothing was changed: {_words(told)}")
        with suppress(BrokenPipeError):
            into.stdin.close()
        if into.wait():
            raise BadRequest(f"The database refused the backup, so nothing was changed: {_words(answered)}")


def _words(stream: IO[bytes]) -> str:
    """The end of what a program wrote."""
    stream.seek(0)
    return stream.read().decode(errors="replace").strip()[-2000:]


def check_readable(source: Path) -> None:
    """Whether pg_restore understands the dump. Raises BadRequest."""
    argv = [str(tool("pg_restore")), "--list", str(source)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    if said.returncode:
        raise BadRequest(f"{source.name} can't be read by pg_restore: {said.stderr.strip()[-500:]}")


def filled_tables() -> list[str]:
    """Tables with rows that `migrate` alone would not have made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        names = [name for (name,) in cursor.fetchall() if name not in _FILLED_BY_MIGRATE]
        filled = []
        for name in names:
            cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(name)))
            if cursor.fetchone()[0]:
                filled.append(name)
    return filled


def check_owner() -> None:
    """Raises BadRequest unless this role may drop and make tables here."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_schema_privilege('public', 'CREATE'), NOT EXISTS (SELECT FROM pg_tables"
            " WHERE schemaname = 'public' AND NOT pg_has_role(tableowner, 'MEMBER'))"
        )
        if cursor.fetchone() != (True, True):
            raise BadRequest(
                "This role may not make or drop tables. Run restore with DATABASE_URL naming the role that owns them, "
                "as for `manage.py migrate`."
            )


@contextmanager
def as_owner() -> Iterator[None]:
    """In an embedded installation: as the role that owns the tables. Elsewhere DATABASE_URL says who we are."""
    if not settings.EMBEDDED:
        yield
        return
    before = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = embedded.OWNER
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = before


def conninfo() -> str:
    """Where the database is, for libpq; without the password."""
    given = connection.get_connection_params()
    return make_conninfo(**{name: given[name] for name in _LIBPQ if given.get(name)})


@contextmanager
def _client(argv: list[str], **streams: object) -> Iterator[subprocess.Popen[bytes]]:
    """A client program of PostgreSQL; the password goes by environment, where no process list shows it."""
    password = connection.get_connection_params().get("password")
    env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    env |= {"PGPASSWORD": str(password)} if password else {}
    with subprocess.Popen(argv, env=env, **streams) as process:  # type: ignore[call-overload]
        try:
            yield process
        except BaseException:
            process.kill()
            raise
