"""The SSRF guard: which addresses the server may call, and that the check holds at the moment of connecting."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from connectors.addresses import AddressGuard, is_public
from connectors.base import Settings
from connectors.errors import ForbiddenHost, Unavailable
from connectors.http import Http


def resolver(*answers: Sequence[str]) -> Any:
    """A name server that gives these answers, one per question, and then the last one for ever."""
    left = list(answers)
    return lambda host, port: left.pop(0) if len(left) > 1 else left[0]


def unreached(*args: Any, **kwargs: Any) -> None:
    raise AssertionError("a socket was opened")


@pytest.mark.parametrize("text", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_open_internet_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "239.1.2.3",
        "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:7f00:1::", "fec0::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_that_lead_into_somebodys_network_are_not_public(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/", "ftp://shop.example/", "file:///etc/passwd", "gopher://shop.example/", "shop.example",
        "", "https://", "https://user@shop.example/", "https://user:pw@shop.example/", "https://@shop.example/",
        "https://shop.example:8443/", "https://shop.example:22/", "https://shop.example:99999/", "https://[::1/",
        "javascript:alert(1)", "//shop.example/",
    ],
)  # fmt: skip
def test_addresses_of_an_odd_form_are_refused_before_any_lookup(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", unreached)
    with pytest.raises(ForbiddenHost):
        AddressGuard(resolve=unreached).check_url(url)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://169.254.169.254/latest/meta-data/", "https://localhost/",
    ],
)  # fmt: skip
def test_every_spelling_of_an_inner_address_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenHost):
        Http(Settings()).request_json("GET", url)


def test_a_name_with_one_inner_address_among_public_ones_is_refused() -> None:
    http = Http(Settings(), resolve=resolver(["93.184.216.34", "10.0.0.7"]))
    with pytest.raises(ForbiddenHost, match=r"10\.0\.0\.7"):
        http.request_json("GET", "https://shop.example/")


def test_a_name_that_turns_inward_between_check_and_use_reaches_nobody(web: Any) -> None:
    """DNS rebinding: the first answer is public, the one at connect is loopback, where a server really listens."""
    port = int(web.url.rpartition(":")[2])
    guard_says_yes_then_inner = resolver(["93.184.216.34"], ["127.0.0.1"])
    http = Http(Settings(allow_private_hosts=frozenset({"lan.example"})), resolve=guard_says_yes_then_inner)
    assert http.guard.addresses("shop.example", 443) == ["93.184.216.34"]
    with pytest.raises(ForbiddenHost):
        http.request_json("GET", "https://shop.example/")
    assert web.seen == []
    assert port


def test_the_checked_address_is_the_one_that_is_dialled(web: Any) -> None:
    """A name that exists only in our resolver is reached at the address it gave, with its own Host header."""
    port = web.url.rpartition(":")[2]
    web.pages["/x"] = (200, {"Content-Type": "application/json"}, b"{}")
    http = Http(Settings(allow_private_hosts=frozenset({"shop.example"})), resolve=resolver(["127.0.0.1"]))
    http.request_json("GET", f"http://shop.example:{port}/x")
    assert web.seen[0].headers["Host"] == f"shop.example:{port}"


@pytest.mark.parametrize(
    ("entry", "url", "through"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8001/", False),
        ("NAS.local.", "http://nas.local:8080/", True),
        ("nas.local", "http://nas.local.evil.example/", False),
        ("[::1]:8000", "http://[::1]:8000/", True),
        ("::1", "http://[::1]:8000/", True),
        ("nas.local:443", "https://nas.local/", True),
    ],
)
def test_the_operator_lets_exactly_the_named_hosts_through(entry: str, url: str, through: bool) -> None:
    guard = AddressGuard([entry])
    if through:
        assert guard.check_url(url)
    else:
        with pytest.raises(ForbiddenHost):
            guard.check_url(url)


def test_a_name_that_does_not_exist_means_try_later() -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(Unavailable, match="no connection"):
        Http(Settings(), resolve=nobody, sleep=lambda s: None).request_json("GET", "https://gone.example/")


def test_proxies_from_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, web: Any, loopback: Settings
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    web.pages["/x"] = (200, {}, b"{}")
    assert Http(loopback).request_json("GET", f"{web.url}/x").status == 200
