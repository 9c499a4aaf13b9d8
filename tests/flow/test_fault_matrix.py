"""Each step of a publication and of its undo meets each fault, a killed writer among them: one attachment, the right
list, no orphan.

`make test` takes the faults that lose an answer; `make faults` takes all, and prints the table.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.accounts import services as accounts
from apps.recipes import services as recipes
from apps.stores import connect as opening
from apps.stores import services as stores
from connectors import http
from connectors.sandbox.server import Sandbox
from connectors.types import Credentials
from tests.flow.faultmatrix import Ground, Writer, database_url, finished_render
from tests.shopkeeping import photo

ALL = os.environ.get("VITRINE_FAULTS") == "all"
# Seconds that a slow answer takes, and how long we wait for one. By default both are a small part of the real ones; where
# seconds are named we wait as long as in earnest, and only slow answers are met.
DELAY_S = float(os.environ.get("VITRINE_FAULT_DELAY_S", "0"))
SLOW_S, READ_S, WRITE_S = (DELAY_S, 20.0, 90.0) if DELAY_S else (2.5, 1.2, 1.2)

MEDIA = "/wp-json/wp/v2/media"
PRODUCT = "/wp-json/wc/v3/products/[0-9]+"
STEPS = {
    "read the product": f"^GET {PRODUCT}$",
    "keep the original": "^GET /wp-content/uploads/.*/Blue-Mug",
    "upload": f"^POST {MEDIA}$",
    "describe": f"^POST {MEDIA}/[0-9]+$",
    "write the list": f"^PUT {PRODUCT}$",
    "write the variation": f"^PUT {PRODUCT}/variations/[0-9]+$",
    "list the sizes": f"^GET {MEDIA}/[0-9]+",
    "load what shoppers get": "^GET /wp-content/uploads/.*/blue-mug(-[0-9]+)?-v",
}
UNDO = {
    "read the product": STEPS["read the product"],
    "put the list back": STEPS["write the list"],
    "put the variation back": STEPS["write the variation"],
    "load the original": STEPS["keep the original"],
}
# Where somebody deleted the original from the library, its bytes go up again.
UNDO_BY_UPLOAD = {
    "look for an upload": f"^GET {MEDIA}[?].*search",
    "upload the original": STEPS["upload"],
    "describe it": STEPS["describe"],
    "put the list back": STEPS["write the list"],
    "put the variation back": STEPS["write the variation"],
    "load the original": "^GET /wp-content/uploads/.*original",
}
# Without an application password the store downloads the picture as it writes the list.
BY_ADDRESS = {s: m for s, m in STEPS.items() if s not in {"upload", "describe", "list the sizes"}}
WAYS = {
    "media library": STEPS,
    "by address": BY_ADDRESS,
    "undo": UNDO,
    "undo, original deleted": UNDO_BY_UPLOAD,
}
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"kind": "rate_limited", "retry_after_s": 0},
    "503": {"kind": "unavailable", "retry_after_s": 0},
    "maintenance page": {"kind": "html"},
    "page with status 200": {"kind": "html", "page": "plain"},
    "page of a firewall": {"kind": "html", "page": "cloudflare"},
    "cut before": {"kind": "close_before"},
    "cut after": {"kind": "close_after"},
    "half an answer": {"kind": "truncate"},
    "answer comes late": {"kind": "late", "seconds": SLOW_S},
    "work is done late": {"kind": "delay", "seconds": SLOW_S},
    "killed before": {"kind": "close_before"},
    "killed after": {"kind": "close_after"},
}
# What `make test` meets: at each step that changes the store a fault that loses its answer, another one in each way.
LOSES_THE_ANSWER = ("killed after", "work is done late", "cut after")
CHANGES_THE_STORE = ("upload", "write the list", "write the variation", "put the variation back")
CHANGES_THE_STORE += ("put the list back", "upload the original")


def cases() -> Iterator[Any]:
    """Pairs of a step and a fault: all of a step in one test, or the few of a way."""
    met = [name for name, how in FAULTS.items() if not DELAY_S or "seconds" in how]
    for nth, (way, steps) in enumerate(WAYS.items()):
        if ALL:
            for step in steps:
                yield pytest.param(way, [(step, fault) for fault in met], id=f"{way}, {step}")
        else:
            faults = itertools.cycle(LOSES_THE_ANSWER[nth % 3 :] + LOSES_THE_ANSWER[: nth % 3])
            changing = [step for step in steps if step in CHANGES_THE_STORE]
            yield pytest.param(way, list(zip(changing, faults, strict=False)), id=way)


@pytest.fixture
def ground(
    transactional_db: None,
    redis_url: str,
    storage_root: Path,
    tmp_path: Path,
    live_server: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Ground]:
    """A connected sandbox store whose answers are waited for not quite as long as real ones are."""
    way = request.node.callspec.params["way"]
    settings.PUBLIC_URL = live_server.url
    settings.BACKOFF_CAP_S = 2 * SLOW_S if DELAY_S else 3.0
    settings.STORE_AWAY_AFTER_S = 3600
    monkeypatch.setattr(http, "FIRST_PAUSE_S", 0.01)
    usual = opening.connector_settings
    monkeypatch.setattr(
        opening,
        "connector_settings",
        lambda: replace(usual(), read_timeout_s=READ_S, write_timeout_s=WRITE_S),
    )
    options = {"environment": "local", "deliver_to_loopback": True, "webhook_interval_s": None}
    with Sandbox(tmp_path / "front", **options) as sandbox:
        settings.ALLOW_PRIVATE_HOSTS = [sandbox.netloc]
        _, workspace = accounts.create_owner(
            username="anna", password="a long pass phrase", workspace_name="Anna's shop"
        )
        body = {**recipes.WHITE_PACKSHOT, "publish": {"alt": "{product}"}}
        version = recipes.create(workspace, name="White", body=body, by="test")
        keys = sandbox.credentials
        if way == "by address":
            keys = Credentials(key=keys.key, secret=keys.secret)
        store = stores.connect(
            workspace, platform="woocommerce", url=sandbox.url, credentials=keys, by="test"
        )
        assert store.can_upload == (way != "by address")
        writer = Writer(
            DATABASE_URL=database_url(),
            STORAGE_URL=settings.STORAGE_URL,
            PUBLIC_URL=settings.PUBLIC_URL,
            ALLOW_PRIVATE_HOSTS=sandbox.netloc,
        )
        yield Ground(sandbox, store, finished_render(store), version, writer, photo("#2b4a7f"))
        writer.close()


@pytest.mark.timeout(1200 if ALL else 240)
@pytest.mark.parametrize(("way", "pairs"), list(cases()))
def test_each_step_meets_each_fault(
    ground: Ground,
    way: str,
    pairs: list[tuple[str, str]],
    subtests: pytest.Subtests,
    record_property: Any,
) -> None:
    for step, fault in pairs:
        with subtests.test(f"{step}, {fault}"):
            problems = meet(ground, way, step, fault)
            record_property("fault_matrix", (way, step, fault, "FAIL" if problems else "pass"))
            assert problems == []


def meet(ground: Ground, way: str, step: str, fault: str) -> list[str]:
    """A publication, or its undo, that meets the fault at the step, carried out to its end; what is wrong then."""
    orders, match = ground.sandbox.faults, WAYS[way][step]
    orders.clear()
    case, how = ground.case(), dict(FAULTS[fault])
    if way.startswith("undo"):
        case.go_back(original_is_gone=way == "undo, original deleted")
    orders.log.clear()
    if fault.startswith("killed"):
        case.killed(match, how["kind"])
    else:
        # Reads are repeated at once up to three times, so the fault has to last.
        how["times"] = 3 if match.startswith("^GET") else 1
        orders.add(match, how.pop("kind"), **how)
    case.carry_out()
    if how.get("seconds"):
        # What the caller gave up on ends before the product is looked at.
        time.sleep(SLOW_S)
    if not any(entry.fault for entry in orders.log):
        return ["the fault was never met"]
    return case.problems()
