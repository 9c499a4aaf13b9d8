"""The look for secrets finds them in each spelling: a search that finds nothing must have been able to find something."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import pytest

from tests import secrecy

CHECKOUT = Path(__file__).resolve().parents[2]
SECRET = "cs_plan+ted/secret of ours é!"


@pytest.mark.parametrize(
    "written",
    [
        f"log line: {SECRET} and more",
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        urlencode({"consumer_secret": SECRET}),
        json.dumps({"secret": SECRET}),
        SECRET.encode().hex(),
        *(
            base64.b64encode(f"{'u' * n}:{SECRET}{'z' * m}".encode()).decode()
            for n in range(4)
            for m in range(3)
        ),
        base64.urlsafe_b64encode(f"user:{SECRET}".encode()).decode(),
        "Authorization: Basic " + base64.b64encode(f"ck_1:{SECRET}".encode()).decode(),
    ],
)
def test_a_secret_is_found_however_it_is_written(written: str) -> None:
    assert secrecy.shown([SECRET], f"before {written} after") == {"cs_pla…"}


def test_other_texts_hold_none() -> None:
    assert secrecy.shown([SECRET], "cs_plan+ted/secret of others é!") == set()
    assert secrecy.given_out("cs_" + "a" * 39) == set()
    assert secrecy.given_out("cs_" + "a1" * 20) == {"cs_a1a1a1…"}
    assert secrecy.given_out("shpat_1 and shpss_" + "b2" * 16) == {"shpss_b2b…"}
    assert secrecy.given_out("?token=shpat_" + "c3" * 16 + "&refresh=shprt_" + "d4" * 24) == {
        "shpat_c3c…",
        "shprt_d4d…",
    }


TESTS = """
import logging

def test_prints():
    print("Authorization: Basic ZmFrZS1rZXk6ZmFrZS1zZWNyZXQ=")

def test_logs():
    logging.getLogger("x").warning("called https://shop.example/?consumer_secret=cs_%s", "a1" * 20)

def test_says_nothing():
    print("consumer_secret=***")
"""


def test_a_test_that_logs_a_secret_fails_although_it_passed(tmp_path: Path) -> None:
    """The hook of tests/conftest.py, on tests that print and log what they must not."""
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_runtest_makereport\n")
    (tmp_path / "test_loud.py").write_text(TESTS)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:django", "-p", "no:cacheprovider", "-n0", "test_loud.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 failed, 1 passed" in ran.stdout
    assert "test_logs passed, but what it printed or logged holds secrets: ['cs_a1a1a1…']" in ran.stdout


def test_log_files_are_searched(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log").write_text("GET /?consumer_secret=cs_" + "b2" * 20)
    (tmp_path / "logs" / "control.log").write_text("nothing")
    assert secrecy.leaked_into(tmp_path) == {"web.log": {"cs_b2b2b2…"}}
