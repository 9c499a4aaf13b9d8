"""Parts of files, reads that travel as POST, and answers that a platform has the last word on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.base import Budget, Settings
from connectors.errors import (
    AuthExpired,
    ForbiddenHost,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.http import Http
from connectors.parts import Part, Wanted
from tests.connectors.conftest import Web

FILE = bytes(range(256)) * 4


def page(web: Web, status: int, data: bytes = b"", **headers: str) -> None:
    web.pages["/file"] = (status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def test_a_part_is_asked_for_by_its_bytes(web: Web, http: Http) -> None:
    page(web, 206, FILE[100:110], Content_Range="bytes 100-109/1024")
    assert http.fetch_part(f"{web.url}/file", 100, 10) == Part(FILE[100:110], 1024)
    [seen] = web.seen
    assert (seen.headers["Range"], seen.headers["Accept-Encoding"]) == ("bytes=100-109", "identity")


def test_of_a_whole_file_the_part_is_taken(web: Web, http: Http) -> None:
    page(web, 200, FILE)
    for start, most in ((0, 10), (100, 10), (1020, 10), (1024, 10), (5000, 10), (0, 2000)):
        assert http.fetch_part(f"{web.url}/file", start, most) == Part(FILE[start : start + most], 1024)


def test_behind_the_end_there_is_nothing(web: Web, http: Http) -> None:
    page(web, 416, b"<no>", Content_Range="bytes */1024")
    assert http.fetch_part(f"{web.url}/file", 1024, 10) == Part(b"", 1024)


def test_a_server_that_does_not_say_how_long_the_file_is(web: Web, http: Http) -> None:
    page(web, 206, b"abc", Content_Range="bytes 0-2/*")
    assert http.fetch_part(f"{web.url}/file", 0, 3) == Part(b"abc", None)


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (404, {}, NotFound),
        (410, {}, NotFound),
        (403, {}, NotFound),
        (400, {}, NotFound),
        (500, {}, Unavailable),
        (503, {}, Unavailable),
        (429, {"Retry_After": "60"}, RateLimited),
        (302, {"Location": "/other"}, Rejected),
        (206, {"Content_Range": "bytes 0-9/1024"}, Unavailable),
    ],
)
def test_what_is_no_part_is_an_error_about_where_pictures_lie(
    web: Web, http: Http, status: int, headers: dict[str, str], kind: type[Exception]
) -> None:
    page(web, status, b"x", **headers)
    with pytest.raises(kind) as caught:
        http.fetch_part(f"{web.url}/file", 100, 10)
    assert caught.value.images  # type: ignore[attr-defined]


def test_parts_come_from_public_addresses_only(web: Web) -> None:
    with pytest.raises(ForbiddenHost):
        Http(Settings()).fetch_part(f"{web.url}/file", 0, 10)


@pytest.mark.parametrize("sizes", [[1], [3], [7, 1, 300], [1024], [5000]])
@pytest.mark.parametrize(("start", "most"), [(0, 1), (0, 1024), (10, 20), (1000, 100), (2000, 5)])
def test_however_the_bytes_come_the_part_is_the_same(sizes: list[int], start: int, most: int) -> None:
    chunks, left = [], FILE
    while left:
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(left[:size])
        left = left[size:]
    assert b"".join(Wanted(start, most).out_of(chunks, 200)) == FILE[start : start + most]
    assert b"".join(Wanted(start, most).out_of(chunks, 206)) == FILE[:most]


# -- a read that travels as POST -----------------------------------------------------------------------------------


def test_a_post_that_changes_nothing_is_repeated(web: Web, http: Http, waits: list[float]) -> None:
    page(web, 502, b"{}")
    with pytest.raises(Unavailable):
        http.request_json("POST", f"{web.url}/file", json={}, repeats=True)
    assert (len(web.seen), len(waits)) == (3, 2)
    with pytest.raises(OutcomeUnknown):
        http.request_json("POST", f"{web.url}/file", json={})
    assert len(web.seen) == 4


def told(loopback: Settings) -> tuple[Http, list[Any]]:
    heard: list[Any] = []

    def hear(error: Any, *, seconds: float = 0.0, call: str = "", **more: Any) -> None:
        heard.append((type(error).__name__, call, seconds > 0, more["points"], more["budget"]))

    return Http(loopback, heard=hear, sleep=lambda s: None), heard


BUDGET = Budget(cost=1, available=99, most=100, per_s=10)
Answering = Callable[[Any, Any], tuple[Any, Any]]


def test_points_and_budget_are_told_with_the_kind_of_question(web: Web, loopback: Settings) -> None:
    page(web, 200, b"{}")
    http, heard = told(loopback)
    judge: Answering = lambda answer, error: (error, BUDGET)  # noqa: E731
    http.request_json("POST", f"{web.url}/file", json={}, repeats=True, call="q", points=7, judge=judge)
    http.request_json("POST", f"{web.url}/file", json={}, call="w", points=8, judge=judge)
    http.look(f"{web.url}/file")
    assert heard == [
        ("NoneType", "q", True, 7, BUDGET),
        ("NoneType", "", False, 8, BUDGET),
        ("NoneType", "", False, 0.0, None),
    ]


def test_a_platform_has_the_last_word_on_what_an_answer_means(web: Web, loopback: Settings) -> None:
    http, heard = told(loopback)
    page(web, 200, b"{}")
    with pytest.raises(AuthExpired):
        http.request_json("GET", f"{web.url}/file", judge=lambda answer, error: (AuthExpired("no"), BUDGET))
    page(web, 404, b"{}")
    seen: list[Any] = []

    def forgives(answer: Any, error: Any) -> tuple[Any, Any]:
        seen.append(type(error))
        return None, None

    assert http.request_json("GET", f"{web.url}/file", judge=forgives).status == 404
    assert seen == [NotFound]
    assert [entry[0] for entry in heard] == ["AuthExpired", "NoneType"]


def test_an_error_in_the_words_of_another_platform_keeps_them(web: Web, http: Http) -> None:
    for body in (b'{"error":"code","error_description":"words"}', b'{"code":"code","message":"words"}'):
        page(web, 400, body)
        with pytest.raises(Rejected, match="words") as caught:
            http.request_json("GET", f"{web.url}/file")
        assert caught.value.code == "code"
    page(web, 400, b'{"errors":"words"}')
    with pytest.raises(Rejected, match="words"):
        http.request_json("GET", f"{web.url}/file")
    page(web, 400, b'{"message":{"a":1},"errors":{"b":2}}')
    with pytest.raises(Rejected):
        http.request_json("GET", f"{web.url}/file")
