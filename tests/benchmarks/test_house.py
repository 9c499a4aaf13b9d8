"""The parts that need a whole house, at toy size: they run, every figure has its agreed name, nothing is lost.

What they measure here means nothing; that they still measure is what this file is for. They take some minutes, so they
run with LONG=1 in the environment only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.house import load

ROOT = Path(__file__).resolve().parents[2]
# Three servers' starts and a process per measurement, on cores that other tests keep busy.
LONG_S = 1500
IN_THE_FRAME = [
    "home",
    "review",
    "products",
    "product",
    "review_item",
    "batches",
    "publications",
    "usage",
    "stores",
]
AGREED = {
    "intake": {
        *("intake.ratio_to_bare_view", "intake.per_second", "intake.repeats_per_second"),
        *("intake.p50_ms_at_500", "intake.p99_ms_at_500", "intake.rate_reached"),
        *("intake.storm_wrong_rows", "intake.storm_per_second"),
    },
    "batch": {
        *("batch.preflight_100k_s", "batch.preflight_100k_mib", "batch.create_100k_s", "cache.hit_ms"),
        *("dispatch.ms_per_job", "dispatch.claim_ms_per_job", "dispatch.accept_ms_per_job"),
        "dispatch.judge_ms_per_job",
        *("dispatch.growth_exponent", "urgent.start_s"),
        *("batch.small_beside_large_ratio", "batch.small_beside_large_s"),
    },
    "burst": {
        *("burst.products_500_s", "burst.received_500_s", "burst.asked_per_s"),
        *("burst.deliveries", "burst.looks"),
        *("burst.lost", "burst.doubled", "burst.jobs_of_echoes"),
    },
    "shopify": {
        *("shopify.sync_600_s", "shopify.sync_600_mib"),
        *("shopify.sync_600_file_s", "shopify.sync_600_cpu_s", "shopify.cpu_growth_exponent"),
        *("shopify.sync_100000_s", "shopify.sync_100000_mib"),
        *("shopify.sync_100000_file_s", "shopify.sync_100000_cpu_s", "shopify.growth_exponent"),
        *("shopify.resumed_lost", "shopify.resumed_doubled", "shopify.resumed_files"),
        *("shopify.resumed_read_twice", "shopify.resumed_idle_s", "shopify.resumed_s"),
        *("shopify.throttled", "shopify.points_used_share", "shopify.questions_s"),
        *("shopify.writes_throttled", "shopify.writes_points_used_share", "shopify.writes_s"),
        "shopify.pictures_per_min",
        *("shopify.ended_token_calls", "shopify.ended_token_failed", "shopify.ended_token_given"),
        *("shopify.refused_token_calls", "shopify.refused_token_failed", "shopify.refused_token_given"),
    },
    "embedded": {
        *("embedded.lcp_p75_ms", "embedded.cls_worst", "embedded.inp_ms", "embedded.interactions"),
        "embedded.script_kib",
        *(f"embedded.{page}.{figure}" for page in IN_THE_FRAME for figure in ("lcp_ms", "cls")),
    },
}
# At toy size the others are named after toy sizes.
OF_READING = {
    *(
        "catalog.sync_5000_s",
        "catalog.sync_5000_mib",
        "catalog.sync_5000_cpu_s",
        "catalog.sync_5000_waited_s",
    ),
    *("catalog.sync_again_5000_s", "catalog.growth_exponent"),
}
PAGES = (
    "home",
    "products",
    "product",
    "review",
    "batches",
    "batch",
    "jobs",
    "job",
    "stores",
    "audit",
    "rendering",
)


PARTS = ("intake", "batch", "pages", "catalog", "burst", "shopify", "embedded")
LONG = bool(os.environ.get("LONG"))
only_long = pytest.mark.skipif(not LONG, reason="three minutes; LONG=1 runs it")


@pytest.fixture(scope="module")
def figures() -> dict[str, dict]:
    """name → line, of all parts in one run: they share their servers."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *PARTS, "--quick"],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k not in {"VITRINE_DATA", "DJANGO_SETTINGS_MODULE"}},
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len({line["name"] for line in lines})
    return {line["name"]: line for line in lines}


@only_long
@pytest.mark.slow
@pytest.mark.timeout(LONG_S)
@pytest.mark.parametrize("part", AGREED)
def test_every_figure_has_its_agreed_name(figures: dict[str, dict], part: str) -> None:
    prefixes = {"batch": ("batch.", "dispatch.", "urgent.", "cache.")}.get(part, (f"{part}.",))
    assert {name for name in figures if name.startswith(prefixes)} == AGREED[part]


@only_long
@pytest.mark.slow
@pytest.mark.timeout(LONG_S)
def test_each_page_is_told_with_its_statements_and_its_time(figures: dict[str, dict]) -> None:
    for page in PAGES:
        assert 0 < figures[f"pages.{page}.queries"]["value"] <= 30, page
        assert figures[f"pages.{page}.p95_ms"]["value"] > 0


@only_long
@pytest.mark.slow
@pytest.mark.timeout(LONG_S)
def test_reading_a_catalogue_and_a_burst_lose_nothing(figures: dict[str, dict]) -> None:
    assert figures.keys() >= OF_READING
    for name in ("lost", "doubled", "jobs_of_echoes"):
        assert figures[f"burst.{name}"]["value"] == 0, name


@only_long
@pytest.mark.slow
@pytest.mark.timeout(LONG_S)
def test_a_shopify_reading_survives_a_kill_and_nobody_is_refused(figures: dict[str, dict]) -> None:
    for name in (
        "resumed_lost",
        "resumed_doubled",
        "throttled",
        "writes_throttled",
        "ended_token_failed",
        "refused_token_failed",
    ):
        assert figures[f"shopify.{name}"]["value"] == 0, name
    for name in ("resumed_files", "ended_token_calls", "ended_token_given", "refused_token_calls"):
        assert figures[f"shopify.{name}"]["value"] == 1, name


@only_long
@pytest.mark.slow
@pytest.mark.timeout(LONG_S)
def test_a_storm_leaves_exactly_the_right_rows(figures: dict[str, dict]) -> None:
    assert figures["intake.storm_wrong_rows"]["value"] == 0


@pytest.mark.parametrize(
    ("heard", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", 0),
        (b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 401),
        (b"HTTP/1.1 200 OK\r\nContent-Le", 0),
    ],
    ids=["whole", "not yet", "in chunks", "half a head"],
)
def test_an_answer_counts_when_it_has_come_completely(heard: bytes, status: int) -> None:
    assert load.whole(heard) == status
