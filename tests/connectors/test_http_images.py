"""Pictures through the guarded client: where they may move to, what is none, what is cut short."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from connectors.base import Settings
from connectors.errors import ConnectorError, ForbiddenHost, NotFound, NotJson, Rejected, Unavailable
from connectors.http import Http
from tests.connectors.servers import HTML, raw_server


def test_an_image_may_move_on_its_own_host_a_few_times(web: Any, http: Http) -> None:
    web.pages["/a.jpg"] = (302, {"Location": "/b.jpg"}, b"")
    web.pages["/b.jpg"] = (301, {"Location": f"{web.url}/c.jpg"}, b"")
    web.pages["/c.jpg"] = (200, {"Content-Type": "image/jpeg"}, b"pixels")
    assert http.fetch_image(f"{web.url}/a.jpg") == b"pixels"
    assert all("Authorization" not in seen.headers for seen in web.seen)


def test_an_image_that_moves_in_circles_is_given_up(web: Any, http: Http) -> None:
    web.pages["/a.jpg"] = (302, {"Location": "/a.jpg"}, b"")
    with pytest.raises(Rejected):
        http.fetch_image(f"{web.url}/a.jpg")
    assert len(web.seen) == 4


@pytest.mark.parametrize(
    "target", ["http://localhost/b.jpg", "https://169.254.169.254/latest", "file:///etc/passwd"]
)
def test_an_image_that_moves_to_another_host_is_not_followed(web: Any, http: Http, target: str) -> None:
    web.pages["/a.jpg"] = (302, {"Location": target}, b"")
    with pytest.raises(ForbiddenHost):
        http.fetch_image(f"{web.url}/a.jpg")


def test_an_address_that_is_not_called_is_no_news_of_its_host(loopback: Settings) -> None:
    heard: list[object] = []
    client = Http(loopback, heard=lambda error, **more: heard.append(error))
    with pytest.raises(ForbiddenHost):
        client.fetch_image("https://169.254.169.254/a.jpg")
    assert heard == []


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (404, {}, b"", NotFound),
        (403, {}, b"hotlinking", Rejected),
        (403, HTML, b"<title>Attention Required! | Cloudflare</title>", NotJson),
        (500, {}, b"", Unavailable),
        (200, HTML, b"<p>login", NotJson),
        (200, {}, b"", Unavailable),
    ],
)
def test_what_is_no_image_is_told_apart(
    web: Any, http: Http, status: int, headers: dict[str, str], body: bytes, error: type[ConnectorError]
) -> None:
    web.pages["/a.jpg"] = (status, headers, body)
    with pytest.raises(error):
        http.fetch_image(f"{web.url}/a.jpg")


def test_an_image_cut_short_is_not_taken_for_a_whole_one(http: Http) -> None:
    def half(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: image/jpeg\r\n\r\nhalf")

    with raw_server(half) as url, pytest.raises(Unavailable):
        http.fetch_image(f"{url}/a.jpg")
