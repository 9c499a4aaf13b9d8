"""Rules of the house that import-linter can't see."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class

from apps.flow import tasks

ROOT = Path(__file__).resolve().parents[2]
ORDER = [
    *("dashboard", "api", "flow", "publishing", "review", "automation", "jobs"),
    *(
        "catalog",
        "recipes",
        "ingest",
        "billing",
        "stores",
        "usage",
        "notices",
        "storage",
        "accounts",
        "audit",
    ),
]
SIDE_BY_SIDE = {"catalog", "recipes", "ingest"}
OURS = [model for model in apps.get_models() if model._meta.app_label in ORDER]


@pytest.mark.parametrize("model", OURS, ids=lambda m: m._meta.label)
def test_foreign_keys_point_down(model: type) -> None:
    here = model._meta.app_label
    for field in model._meta.get_fields():
        if not (field.is_relation and field.concrete) or field.related_model is None:
            continue
        there = field.related_model._meta.app_label
        if there not in ORDER or there == here:
            continue
        assert ORDER.index(there) > ORDER.index(here), f"{model.__name__}.{field.name} points up to {there}"
        assert not {here, there} <= SIDE_BY_SIDE, f"{model.__name__}.{field.name} points sideways"


def test_tasks_are_thin() -> None:
    tree = ast.parse(inspect.getsource(tasks))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            assert (node.end_lineno or 0) - node.lineno < 10, f"{node.name} decides something"


def test_the_flow_is_short_enough_to_be_read_in_one_go() -> None:
    assert len((ROOT / "apps/flow/flow.py").read_text().splitlines()) < 250


def test_nobody_connects_signals() -> None:
    for file in (ROOT / "apps").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"signals|receiver\(|(?<!\.)\bpre_save\b|\bpost_save\b", text), file


def test_every_package_says_what_lives_there() -> None:
    for folder in ("apps", "connectors", "gpu_worker"):
        for file in (ROOT / folder).rglob("*.py"):
            if "migrations" in file.parts and file.name[0] == "0":
                continue
            assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), f"{file} has no docstring"


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "demo",
        "dispatcher",
        "createowner",
        "connect",
        "sync",
        "regenerate",
        "batch",
        "approve",
        "publish",
        "undo",
        "audit",
        "pace",
        "release",
        "backup",
        "restore",
        "retention",
        "storage",
        "notices",
        "rules",
        "shopifyapp",
    ],
)
def test_every_door_is_there_and_explains_itself(command: str) -> None:
    found = load_command_class(get_commands()[command], command)
    assert found.help


def test_no_external_call_lacks_a_timeout() -> None:
    """`requests` has none by default, so each direct use must name one."""
    for folder in ("apps", "connectors", "gpu_worker"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id == "requests"
                    and node.func.attr in {"get", "post", "put", "delete", "head", "request"}
                ):
                    assert any(k.arg == "timeout" for k in node.keywords), f"{file}:{node.lineno}"
