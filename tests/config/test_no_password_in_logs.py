"""A password that a store hands over in an address stands in no log: not in the web server's, not in ours."""

from __future__ import annotations

import ast
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
import structlog
from django.test import Client
from django.urls import reverse

from apps.stores.models import Approval
from tests import factories
from tests.dashboard.merchants import log_in, person

CHECKOUT = Path(__file__).resolve().parents[2]
PLANTED = "xyzzy-QWER-plugh-1234"
TOKEN = "the-token-of-this-approval"


def brought(**changes: str) -> str:
    """The query with which WordPress sends a browser back to us."""
    given = {
        "state": TOKEN,
        "site_url": "https://asked.example.com",
        "user_login": "admin",
        "password": PLANTED,
    }
    return urlencode(given | changes)


@pytest.fixture
def server(transactional_db: None, app_database_url: str, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The web server exactly as its image starts it, access log included; its address, and the file of all it says."""
    told = re.search(r"^CMD (\[.*?\])", (CHECKOUT / "docker/web.Dockerfile").read_text(), re.M | re.S)
    assert told
    argv = ast.literal_eval(told.group(1).replace("\\\n", ""))
    assert argv[0] == "gunicorn" and "--access-logfile" in argv
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv[argv.index("0.0.0.0:8000")] = f"127.0.0.1:{port}"
    argv[argv.index("--workers") + 1] = "1"
    said = tmp_path / "web.log"
    address = f"http://127.0.0.1:{port}"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *argv, "--capture-output", "--log-level", "debug"],
            cwd=CHECKOUT,
            env={**os.environ, "DATABASE_URL": app_database_url, "LOG_LEVEL": "DEBUG", "LOG_JSON": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(f"{address}/healthz")
            yield address, said
        finally:
            process.terminate()
            process.wait(timeout=60)


def wait_for(url: str) -> None:
    for _ in range(600):
        try:
            requests.get(url, timeout=60)
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the web server did not start")


@pytest.fixture
def asked(transactional_db: None) -> tuple[Client, Approval]:
    """An owner who was sent to their store half a minute ago."""
    workspace = factories.WorkspaceFactory()
    owner = log_in(workspace, "owner")
    row = factories.ApprovalFactory(
        token=TOKEN,
        workspace=workspace,
        way="password",
        url="https://asked.example.com",
        asked_by=f"user:{person(owner).pk}",
    )
    return owner, row


@pytest.mark.django_db(transaction=True)
def test_the_web_servers_log_tells_the_path_and_no_password(
    asked: tuple[Client, Approval], server: tuple[str, Path]
) -> None:
    owner, row = asked
    (address, said), there = server, reverse("dashboard:password-back")
    cookies = {"sessionid": owner.cookies["sessionid"].value}
    statuses = [
        requests.get(f"{address}{there}?{query}", cookies=sent, timeout=30, allow_redirects=False).status_code
        for query, sent in (
            (brought(), {}),
            (brought(state="guessed"), cookies),
            (brought(), cookies),
            (brought(password="another " + PLANTED), cookies),
        )
    ]
    assert statuses == [302, 404, 303, 303]
    requests.post(f"{address}{there}?{brought()}", cookies=cookies, timeout=30, allow_redirects=False)
    requests.get(f"{address}/healthz?shown=in-the-log", timeout=30)
    row.refresh_from_db()
    assert row.credentials["app_password"] == PLANTED
    text = said.read_text()
    assert "GET /healthz?shown=in-the-log" in text, "other queries are logged, so this log could tell"
    assert text.count(f"GET {there} ") >= 4
    for secret in (PLANTED, PLANTED.split("-")[0], TOKEN):
        assert secret not in text


@pytest.mark.django_db(transaction=True)
def test_our_own_log_of_requests_tells_no_password_even_when_it_tells_all(
    asked: tuple[Client, Approval], caplog: pytest.LogCaptureFixture
) -> None:
    owner, _ = asked
    logger = logging.getLogger("django_structlog")
    before, logger.level = logger.level, logging.DEBUG
    structlog.reset_defaults()
    try:
        from apps.config import logs

        logs.configure()
        with caplog.at_level(logging.DEBUG):
            for query in (brought(state="guessed"), brought()):
                owner.get(f"{reverse('dashboard:password-back')}?{query}")
            owner.get("/stores/?shown=in-the-log")
    finally:
        logger.level = before
    told = "\n".join(str(record.msg) for record in caplog.records)
    assert "request_started" in told and "shown=in-the-log" in told
    assert PLANTED not in told and TOKEN not in told


@pytest.mark.django_db(transaction=True)
def test_a_failure_in_our_own_house_shows_no_password_either(
    asked: tuple[Client, Approval], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _ = asked
    owner.raise_request_exception = False

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the database is gone")

    monkeypatch.setattr("apps.stores.approving.returned", broken)
    answer = owner.get(f"{reverse('dashboard:password-back')}?{brought()}")
    assert answer.status_code == 500 and answer["Referrer-Policy"] == "no-referrer"
    assert "the database is gone" in caplog.text and PLANTED not in caplog.text
