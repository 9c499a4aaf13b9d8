"""`manage.py prices` and `manage.py budget`, in words and in JSON."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.usage.models import Budget, Price
from tests import factories

pytestmark = pytest.mark.django_db


def told(*args: str) -> Any:
    out = io.StringIO()
    call_command(*args, "--json", stdout=out)
    return json.loads(out.getvalue())


def words(*args: str) -> str:
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_an_operator_sees_and_sets_what_an_hour_costs() -> None:
    assert [p["state"] for p in told("prices")["prices"]] == ["default", "default"]
    assert "cuda" in words("prices", "cuda:NVIDIA L4", "--per-hour", "0.70")
    coming = told("prices", "cpu", "--per-hour", "0.05", "--from", "2099-01-01")["prices"]
    assert {
        "device": "cpu",
        "micros_per_hour": 50_000,
        "valid_from": "2099-01-01",
        "state": "coming",
    } in coming
    assert Price.objects.get(device="cuda:NVIDIA L4").micros_per_hour == 700_000
    told("prices", "cpu", "--drop", "--from", "2099-01-01")
    assert not Price.objects.filter(device="cpu").exists()


@pytest.mark.parametrize(
    "args,reason",
    [
        (["cpu", "--per-hour", "cheap"], "not an amount"),
        (["cpu", "--per-hour", "-1"], "nothing or more"),
        (["cpu", "--per-hour", "1", "--from", "2020-01-01"], "today or a later day"),
        (["cpu", "--per-hour", "1", "--from", "May"], "not a day"),
        (["cpu", "--drop"], "--from"),
        (["cpu", "--drop", "--from", "2099-01-01"], "no such price"),
        (["--per-hour", "1"], "name a device"),
        (["cpu"], "name a device"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(args: list[str], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        call_command("prices", *args)


def test_a_budget_from_the_command_line() -> None:
    workspace = factories.WorkspaceFactory(name="Anna's shop")
    assert "Stop: none" in words("budget")
    found = told("budget", "--warn", "20", "--stop", "25.5")
    assert (found["warn_micros"], found["stop_micros"], found["level"]) == (20_000_000, 25_500_000, "")
    assert found["month"] == f"{timezone.now():%Y-%m}" and found["workspace"] == workspace.pk
    assert told("budget", "--stop", "none")["warn_micros"] == 20_000_000, "the other limit stays"
    assert Budget.objects.get().stop_micros is None
    with pytest.raises(CommandError, match="smaller one"):
        call_command("budget", "--stop", "1")
