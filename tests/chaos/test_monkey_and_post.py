"""The monkey's plan is its seed's; the post delivers what stores send, more often and later than they think."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from chaos.monkey import ALL, plan
from chaos.post import LATEST_S, MOST_COPIES, Post


def test_the_same_seed_is_the_same_plan_and_another_is_another() -> None:
    first = plan(7, acts=60, pace_s=2.0, stores=2)
    assert first == plan(7, acts=60, pace_s=2.0, stores=2)
    assert first[:30] == plan(7, acts=30, pace_s=2.0, stores=2), (
        "a shorter run is the beginning of a longer one"
    )
    assert [a.kind for a in first] != [a.kind for a in plan(8, acts=60, pace_s=2.0, stores=2)]


def test_every_kind_of_trouble_comes_in_the_first_round() -> None:
    for seed in range(20):
        assert {act.kind for act in plan(seed, acts=len(ALL) + 2, pace_s=1.0)} == set(ALL)


class House:
    """Takes webhooks; says what it is told to say."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.status = 200
        house = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["X-WC-Webhook-Topic"] == "product.created"
                house.got.append(body)
                self.send_response(house.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.server.shutdown()
    house.server.server_close()


def send(post: Post, body: bytes) -> int:
    headers = {"X-WC-Webhook-Topic": "product.created", "Content-Type": "application/json"}
    return requests.post(
        f"http://127.0.0.1:{post.port}/hooks/x/", data=body, headers=headers, timeout=10
    ).status_code


def test_each_webhook_arrives_one_to_five_times_and_not_in_order(house: House) -> None:
    sent = [b"%d" % number for number in range(30)]
    with Post(seed=1) as post:
        post.deliver_to(house.server.server_port)
        assert {send(post, body) for body in sent} == {200}
        until = time.monotonic() + LATEST_S + 30
        while post.waiting() and time.monotonic() < until:
            time.sleep(0.05)
    times = Counter(house.got)
    assert set(times) == set(sent)
    assert set(times.values()) <= set(range(1, MOST_COPIES + 1)) and len(set(times.values())) > 1
    firsts = list(dict.fromkeys(house.got))
    assert firsts != sent
    assert post.delivered == len(house.got)


def test_a_store_hears_of_a_house_that_refuses(house: House) -> None:
    house.status = 503
    with Post(seed=1) as post:
        post.deliver_to(house.server.server_port)
        assert {send(post, b"%d" % number) for number in range(20)} == {200, 503}
