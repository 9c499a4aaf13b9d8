"""Each step of a publication and of its undo meets each fault, a killed writer among them: one attachment, the right
list, no orphan.

`make test` takes the faults that lose an answer; `make faults` takes all, and prints the table.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.accounts import services as accounts
from apps.accounts.models import Workspace
from apps.recipes import services as recipes
from apps.recipes.models import RecipeVersion
from apps.stores import connect as opening
from apps.stores import services as stores
from connectors import http
from connectors.sandbox.server import Sandbox
from connectors.sandbox.shopify.server import ShopifySandbox
from connectors.sandbox.shopify.site import Options
from connectors.types import Credentials
from tests.flow import shopifymatrix
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
SHOPIFY = {
    "read the product": " Product$",
    "keep the original": "^GET /s/files/.*/Blue_Mug",
    "ask for a place": " StagedUploadsCreate$",
    "send the file": "^POST /staged/",
    "create the file": " FileCreate$",
    "wait for the file": " Media$",
    "attach it": " FileUpdate$",
    "look at the list": " ProductMedia$",
    "take the variant's photo": " ProductVariantDetachMedia$",
    "give it to the variant": " ProductVariantAppendMedia$",
    "put it in order": " ProductReorderMedia$",
    "wait for the order": " Job$",
    "take the photo off": "2 FileUpdate$",
    "leave the mark": " MetafieldsSet$",
    "load what shoppers get": "^GET /s/files/.*/blue-mug.*-v[0-9]",
}
SHOPIFY_UNDO = {
    "read the product": SHOPIFY["read the product"],
    "attach the original": SHOPIFY["attach it"],
    "look at the list": SHOPIFY["look at the list"],
    "take the variant's picture": SHOPIFY["take the variant's photo"],
    "give the variant the original": SHOPIFY["give it to the variant"],
    "put it back in order": SHOPIFY["put it in order"],
    "wait for the order": SHOPIFY["wait for the order"],
    "take ours off": SHOPIFY["take the photo off"],
    "take the mark away": " MetafieldsDelete$",
    "load the original": SHOPIFY["keep the original"],
}
SHOPIFY_UNDO_BY_UPLOAD = {
    "ask for the original": SHOPIFY["wait for the file"],
    "look for an upload": " Files$",
    "ask for a place": SHOPIFY["ask for a place"],
    "send the original": SHOPIFY["send the file"],
    "create its file": SHOPIFY["create the file"],
    "wait for the file": "2 Media$",
    **{
        step: match
        for step, match in SHOPIFY_UNDO.items()
        if step not in {"read the product", "load the original"}
    },
    "load the original": "^GET /s/files/.*original",
}
WAYS = {
    "media library": STEPS,
    "by address": BY_ADDRESS,
    "undo": UNDO,
    "undo, original deleted": UNDO_BY_UPLOAD,
    "shopify": SHOPIFY,
    "shopify, undo": SHOPIFY_UNDO,
    "shopify, undo, original deleted": SHOPIFY_UNDO_BY_UPLOAD,
}
# Reads, which are repeated at once up to three times.
READS = re.compile(r"^\^GET|^ (Product|ProductMedia|Media|Job|Files)\$$|^\^POST /staged/")
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
CHANGES_THE_STORE += ("create the file", "attach it", "give it to the variant", "take the photo off")
CHANGES_THE_STORE += ("attach the original", "give the variant the original", "take ours off")
CHANGES_THE_STORE += ("create its file", "put it in order")


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
    if way.startswith("shopify"):
        yield from at_shopify(tmp_path, settings)
        return
    options = {"environment": "local", "deliver_to_loopback": True, "webhook_interval_s": None}
    with Sandbox(tmp_path / "front", **options) as sandbox:
        settings.ALLOW_PRIVATE_HOSTS = [sandbox.netloc]
        workspace, version = merchant()
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


def merchant() -> tuple[Workspace, RecipeVersion]:
    _, workspace = accounts.create_owner(
        username="anna", password="a long pass phrase", workspace_name="Anna's shop"
    )
    body = {**recipes.WHITE_PACKSHOT, "publish": {"alt": "{product}"}}
    return workspace, recipes.create(workspace, name="White", body=body, by="test")


def at_shopify(tmp_path: Path, settings: Any) -> Iterator[Ground]:
    """The same with a shop of Shopify's."""
    options = Options(
        shops=(shopifymatrix.NAME,), plan="enterprise", webhook_interval_s=None, media_ready_s=0.0, job_s=0.0
    )
    with ShopifySandbox(tmp_path / "shopify", options) as platform:
        workspace, version = merchant()
        store = shopifymatrix.connect(platform, workspace, settings)
        writer = Writer(
            DATABASE_URL=database_url(),
            STORAGE_URL=settings.STORAGE_URL,
            PUBLIC_URL=settings.PUBLIC_URL,
            **shopifymatrix.surroundings(platform),
        )
        yield shopifymatrix.ShopifyGround(
            platform, store, finished_render(store), version, writer, photo("#2b4a7f")
        )
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
    if "undo" in way:
        case.go_back(original_is_gone=way.endswith("original deleted"))
    orders.log.clear()
    passes = match.startswith("2 ")
    if passes:
        # The second call of this name: the first one goes through.
        match = match.removeprefix("2")
        orders.add(match, "delay", seconds=0)
    if fault.startswith("killed"):
        case.killed(match, how["kind"])
    else:
        # Reads are repeated at once up to three times, so the fault has to last.
        how["times"] = 3 if READS.search(match) else 1
        orders.add(match, how.pop("kind"), **how)
    case.carry_out()
    if how.get("seconds"):
        # What the caller gave up on ends before the product is looked at.
        time.sleep(SLOW_S)
    if sum(bool(entry.fault) for entry in orders.log) <= passes:
        return ["the fault was never met"]
    return case.problems()
