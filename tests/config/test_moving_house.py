"""The doors as an operator uses them: a backup on one machine, as the app's own role, and a restore on another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from apps.config import embedded
from tests import installed

CHECKOUT = Path(__file__).resolve().parents[2]
OURS = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SECRET_KEY", "FIELD_KEYS", "DJANGO_SETTINGS_MODULE")


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in environment.items() if k not in OURS}
    argv = [sys.executable, "manage.py", *words]
    return subprocess.run(
        argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def other_root() -> Iterator[Path]:
    place = Path(tempfile.gettempdir()) / f"vitrine-root-{os.urandom(4).hex()}"
    yield place
    embedded.Services(place).forget()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_installation_moves_to_another_machine_with_its_keys(
    root: Path, other_root: Path, environment: dict[str, str], tmp_path: Path, django_db_setup: None
) -> None:
    installed.set_up(root)
    here = {**environment, "BACKUP_PASSPHRASE": "correct horse battery"}
    there = {**here, "VITRINE_DATA": str(other_root)}
    folder = str(tmp_path / "backup")
    assert run(here, "createowner", "anna", "--password", "a long pass phrase").returncode == 0
    made = run(here, "backup", folder, "--keys", "wrapped", "--json")
    assert made.returncode == 0, made.stderr
    back = run(there, "restore", folder, "--with-keys", "--json")
    assert back.returncode == 0, back.stderr
    told = json.loads(back.stdout.strip().splitlines()[-1])
    assert told["ok"] and told["credentials_open"] and told["keys"] == str(other_root / "secrets.json")
    assert embedded.secrets(other_root)["SECRET_KEY"] == embedded.secrets(root)["SECRET_KEY"]
    verified = run(there, "audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    with embedded.Services(other_root):
        # The app's role may read and write what the owner restored, and owns none of it.
        with psycopg.connect(embedded.urls(other_root).database_url) as app:
            assert app.execute("SELECT username FROM accounts_user").fetchall() == [("anna",)]
            app.execute("UPDATE accounts_user SET first_name = 'Anna'")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute("DROP TABLE accounts_user CASCADE")
        refused = run(there, "restore", folder)
        assert refused.returncode == 1 and "not empty" in refused.stderr
