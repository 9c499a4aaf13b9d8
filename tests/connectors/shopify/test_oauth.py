"""How a shop gives access: its name, signed queries in every way they can be wrong, and the token endpoint."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from connectors.base import Settings
from connectors.errors import ForbiddenHost, NeedsReauth, NotJson, OutcomeUnknown, Rejected, Unavailable
from connectors.http import Http
from connectors.shopify import oauth, shops, webhooks
from tests.connectors.conftest import Web

SECRET = "shpss_0123456789abcdef0123456789abcdef"
OLD_SECRET = "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"
NOW = dt.datetime(2026, 11, 26, 12, 0, 0, tzinfo=dt.UTC)
AT = int(NOW.timestamp())
SHOP = "good-shop.myshopify.com"
FIELDS = {
    "code": "0907a61c0c8d55e99db179b68161bc00",
    "host": "YWRtaW4uc2hvcGlmeS5jb20vc3RvcmUvZ29vZC1zaG9w",
    "shop": SHOP,
    "state": "a1b2c3",
    "timestamp": str(AT),
}
Query = list[tuple[str, str]]


def signature(message: str, secret: str = SECRET) -> str:
    """Written out here on its own, not taken from the code under test."""
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def query(secret: str = SECRET, **changed: str) -> Query:
    fields = {**FIELDS, **changed}
    message = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    return [*fields.items(), ("hmac", signature(message, secret))]


def altered(**changed: str) -> Query:
    return [(name, changed.get(name, value)) for name, value in query()]


def is_signed(given: Any, now: dt.datetime = NOW, secrets: Any = (SECRET,)) -> bool:
    return oauth.query_is_signed(given, list(secrets), now=now)


# -- the query ------------------------------------------------------------------------------------------------

WRONG: dict[str, Callable[[], Any]] = {
    "nothing": list,
    "no signature": lambda: list(FIELDS.items()),
    "an empty signature": lambda: altered(hmac=""),
    "another secret": lambda: query("shpss_00000000000000000000000000000000"),
    "the old secret after the change": lambda: query(OLD_SECRET),
    "no secret": lambda: query(""),
    "another shop": lambda: altered(shop="evil.myshopify.com"),
    "another code": lambda: altered(code="x"),
    "another state": lambda: altered(state="x"),
    "another time": lambda: altered(timestamp=str(AT + 1)),
    "one field more": lambda: [*query(), ("embedded", "1")],
    "one field less": lambda: [pair for pair in query() if pair[0] != "host"],
    "a field that comes twice": lambda: [*query(), ("shop", "evil.myshopify.com")],
    "a signature that comes twice": lambda: [*query(), ("hmac", "x")],
    "the end of one field moved into the next": lambda: altered(code=f"{FIELDS['code']}&host=x"),
    "in base64": lambda: altered(hmac="CfT8j1nVNXnHZ0Qp5Qw8PzC9F8S2lV2h6q4w3s2k1A0="),
    "in capitals": lambda: [(n, v.upper() if n == "hmac" else v) for n, v in query()],
    "a signature with letters that are none": lambda: altered(hmac="ü" * 64),
    "half a signature": lambda: [(n, v[:32] if n == "hmac" else v) for n, v in query()],
    "two minutes old": lambda: query(timestamp=str(AT - 120)),
    "two minutes early": lambda: query(timestamp=str(AT + 120)),
    "no time": lambda: query(timestamp=""),
    "a time in words": lambda: query(timestamp="now"),
    "a time beyond all calendars": lambda: query(timestamp="9" * 40),
    "a value that is no text": lambda: {**dict(query()), "state": 7},
    "the webhooks' kind of signature": lambda: altered(hmac=webhooks.sign(b"", SECRET)),
}


@pytest.mark.parametrize("way", WRONG)
def test_a_query_that_shopify_did_not_sign_just_now_is_not_signed(way: str) -> None:
    assert not is_signed(WRONG[way]())


def test_a_signed_query_is_known_in_any_order_and_as_a_mapping() -> None:
    assert len(WRONG) >= 25
    assert is_signed(query())
    assert is_signed(list(reversed(query())))
    assert is_signed(dict(query()))
    assert is_signed([*query(), ("signature", "of older days")])


class Kept(dict[str, str]):
    """A mapping that shows the last value of each name and keeps them all."""

    def __init__(self, pairs: Query) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    def lists(self) -> list[tuple[str, list[str]]]:
        return [(name, [v for n, v in self.pairs if n == name]) for name in self]


def test_a_name_that_comes_twice_is_seen_in_what_web_frameworks_have() -> None:
    assert is_signed(Kept(query()))
    assert not is_signed(Kept([("shop", "evil.myshopify.com"), *query()]))


def test_a_signed_query_is_good_for_a_minute_and_a_half() -> None:
    assert is_signed(query(), NOW + dt.timedelta(seconds=90))
    assert not is_signed(query(), NOW + dt.timedelta(seconds=91))


def test_while_the_secret_is_rotated_both_sign() -> None:
    assert is_signed(query(OLD_SECRET), secrets=(SECRET, OLD_SECRET))
    assert is_signed(query(), secrets=(SECRET, OLD_SECRET))
    assert not is_signed(query(""), secrets=("", SECRET))


def test_values_with_signs_in_them_are_signed_as_they_travel() -> None:
    fields = {"shop": SHOP, "timestamp": str(AT), "q": "a b&c=d/ü"}
    message = f"q=a+b%26c%3Dd%2F%C3%BC&shop={SHOP}&timestamp={AT}"
    assert is_signed([*fields.items(), ("hmac", signature(message))])
    assert oauth.sign_query(fields, SECRET) == signature(message)


# -- names and addresses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "name"),
    [(SHOP, SHOP), ("Good-Shop.MyShopify.com", SHOP), ("a_1.myshopify.com", "a_1.myshopify.com")],
)
def test_a_shop_has_one_name(typed: str, name: str) -> None:
    assert oauth.shop_name(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "good-shop",
        ".myshopify.com",
        "myshopify.com",
        "-x.myshopify.com",
        "a.b.myshopify.com",
        "good-shop.myshopify.com.evil.example",
        "evil.example/good-shop.myshopify.com",
        "good-shop.myshopify.com/",
        "good-shop.myshopify.com:443",
        "x@good-shop.myshopify.com",
        "good-shop.myshopify.com\n",
        " good-shop.myshopify.com",
        "https://good-shop.myshopify.com",
        "good-shop.myshopify.io",
        "ſhop.myshopify.com",
        "İ.myshopify.com",
        f"{'a' * 64}.myshopify.com",
        None,
    ],
)
def test_what_is_no_shop_goes_into_no_address(typed: Any) -> None:
    with pytest.raises(Rejected):
        oauth.shop_name(typed)
    with pytest.raises(Rejected):
        oauth.authorize_url(
            typed, client_id="c", scopes=oauth.SCOPES, redirect_url="https://a.example/", state="s"
        )


def test_the_page_that_asks_is_the_shops_own() -> None:
    url = oauth.authorize_url(
        SHOP, client_id="c-1", scopes=oauth.SCOPES, redirect_url="https://app.example/cb/?a=1", state="s&t"
    )
    assert url.partition("?")[0] == f"https://{SHOP}/admin/oauth/authorize"
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["c-1"],
        "scope": ["write_products,write_files"],
        "redirect_uri": ["https://app.example/cb/?a=1"],
        "state": ["s&t"],
    }


def test_an_api_elsewhere_is_told_by_its_root() -> None:
    assert shops.admin_root(SHOP) == f"https://{SHOP}/admin/"
    assert shops.admin_root(SHOP, "http://127.0.0.1:9/admin") == "http://127.0.0.1:9/admin/"
    assert shops.admin_root(SHOP, "http://127.0.0.1:9/{shop}/admin/") == f"http://127.0.0.1:9/{SHOP}/admin/"
    with pytest.raises(Rejected):
        shops.admin_root("../x", "http://127.0.0.1:9/{shop}/admin/")


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ("write_products,write_files", ()),
        ("write_files, write_products ,read_orders", ()),
        ("read_products,write_files", ("write_products",)),
        ("", ("write_products", "write_files")),
    ],
)
def test_scopes_that_are_missing_are_named(granted: str, missing: tuple[str, ...]) -> None:
    assert oauth.missing_scopes(granted) == missing


def test_who_may_write_may_read() -> None:
    assert oauth.missing_scopes("write_products", ["read_products"]) == ()
    assert oauth.missing_scopes("read_products", ["write_products"]) == ("write_products",)


# -- the token endpoint -------------------------------------------------------------------------------------------

TOLD = {
    "access_token": "shpat_access",
    "scope": "write_products,write_files",
    "expires_in": 3600,
    "refresh_token": "shprt_refresh",
    "refresh_token_expires_in": 7776000,
}
PATH = "/admin/oauth/access_token"


@pytest.fixture
def exchange(web: Web, http: Http, loopback: Settings) -> oauth.Exchange:
    answers(web, TOLD)
    return oauth.Exchange(loopback, client_id="c-1", secret=SECRET, api_root=f"{web.url}/admin/", http=http)


def answers(web: Web, told: Any, status: int = 200, **headers: str) -> None:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    web.pages[PATH] = (status, {"Content-Type": "application/json", **headers}, body)


def asked(web: Web) -> dict[str, str]:
    """What was sent, without what is the same each time."""
    [seen] = web.hooks()
    assert seen.path == PATH
    body: dict[str, str] = json.loads(seen.body)
    assert (body.pop("client_id"), body.pop("client_secret")) == ("c-1", SECRET)
    return body


def test_a_code_is_exchanged_for_tokens_that_end(web: Web, exchange: oauth.Exchange) -> None:
    before = dt.datetime.now(dt.UTC)
    got = exchange.code(SHOP, "the-code")
    assert asked(web) == {"code": "the-code", "expiring": "1"}
    assert (got.token, got.refresh_token, got.scope) == (
        "shpat_access",
        "shprt_refresh",
        "write_products,write_files",
    )
    ends, refresh_ends = (
        dt.datetime.fromisoformat(at) - before for at in (got.expires_at, got.refresh_expires_at)
    )
    assert dt.timedelta(seconds=3598) < ends <= dt.timedelta(hours=1)
    assert dt.timedelta(days=89) < refresh_ends <= dt.timedelta(days=90)


def test_a_session_token_is_exchanged_for_the_shops_own_access(web: Web, exchange: oauth.Exchange) -> None:
    exchange.session(SHOP, "a.session.token")
    assert asked(web) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "a.session.token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "requested_token_type": "urn:shopify:params:oauth:token-type:offline-access-token",
        "expiring": "1",
    }


def test_a_refresh_token_brings_the_next_pair(web: Web, exchange: oauth.Exchange) -> None:
    assert exchange.refresh(SHOP, "shprt_old").refresh_token == "shprt_refresh"
    assert asked(web) == {"grant_type": "refresh_token", "refresh_token": "shprt_old"}


def test_a_token_that_never_ends_is_exchanged_for_a_pair(web: Web, exchange: oauth.Exchange) -> None:
    exchange.migrate(SHOP, "shpat_for_ever")
    kind = "urn:shopify:params:oauth:token-type:offline-access-token"
    assert asked(web) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "shpat_for_ever",
        "subject_token_type": kind,
        "requested_token_type": kind,
        "expiring": "1",
    }


def test_a_token_without_an_end_has_none(web: Web, exchange: oauth.Exchange) -> None:
    answers(web, {"access_token": "shpat_x", "scope": "write_products"})
    got = exchange.code(SHOP, "the-code")
    assert (got.expires_at, got.refresh_token, got.refresh_expires_at) == ("", "", "")


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_subject_token"])
def test_what_is_worth_nothing_any_more_has_to_be_given_anew(
    web: Web, exchange: oauth.Exchange, code: str
) -> None:
    answers(web, {"error": code, "error_description": "This token has been revoked"}, 400)
    for call in (exchange.refresh, exchange.session):
        with pytest.raises(NeedsReauth, match="has been revoked"):
            call(SHOP, "shprt_old")


def test_an_app_that_shopify_does_not_know_is_the_operators_to_put_right(
    web: Web, exchange: oauth.Exchange
) -> None:
    for status, told in ((401, {"error": "invalid_client"}), (400, {"error": "invalid_client"}), (403, {})):
        answers(web, told, status)
        with pytest.raises(Rejected, match="client id and secret"):
            exchange.refresh(SHOP, "shprt_old")


def test_another_refusal_carries_its_code_and_words(web: Web, exchange: oauth.Exchange) -> None:
    answers(
        web, {"error": "invalid_request", "error_description": "The authorization code was not found"}, 400
    )
    with pytest.raises(Rejected, match="was not found") as caught:
        exchange.code(SHOP, "the-code")
    assert caught.value.code == "invalid_request"


def test_what_may_be_asked_again_is_and_a_code_is_not(web: Web, exchange: oauth.Exchange) -> None:
    answers(web, {}, 503, **{"Retry-After": "1"})
    for call, times in (
        (exchange.refresh, 3),
        (exchange.session, 3),
        (exchange.code, 1),
        (exchange.migrate, 1),
    ):
        web.seen.clear()
        with pytest.raises(Unavailable):
            call(SHOP, "something")
        assert len(web.seen) == times
    answers(web, {}, 502)
    with pytest.raises(OutcomeUnknown):
        exchange.code(SHOP, "the-code")


@pytest.mark.parametrize("told", [{}, [], {"access_token": 7}, {"access_token": "x", "refresh_token": 7}])
def test_an_answer_without_a_token_is_none(web: Web, exchange: oauth.Exchange, told: Any) -> None:
    answers(web, told)
    with pytest.raises(NotJson):
        exchange.code(SHOP, "the-code")


def test_no_secret_stands_in_an_error(web: Web, loopback: Settings) -> None:
    answers(web, {"error": "invalid_request", "error_description": f"{SECRET} and the-code are wrong"}, 400)
    own = oauth.Exchange(loopback, client_id="c-1", secret=SECRET, api_root=f"{web.url}/admin/")
    with pytest.raises(Rejected) as caught:
        own.code(SHOP, "the-code")
    assert SECRET not in caught.value.message
    assert "the-code" not in caught.value.message


def test_only_public_addresses_are_called(loopback: Settings) -> None:
    elsewhere = oauth.Exchange(Settings(), client_id="c", secret=SECRET, api_root="http://127.0.0.1:9/admin/")
    with pytest.raises(ForbiddenHost):
        elsewhere.refresh(SHOP, "x")
    with pytest.raises(Rejected):
        oauth.Exchange(loopback, client_id="c", secret=SECRET).refresh("evil.example", "x")


def test_the_query_of_a_real_address_is_read_as_it_comes() -> None:
    [*_, (_, digest)] = query()
    address = f"https://app.example/cb/?code={FIELDS['code']}&hmac={digest}&host={FIELDS['host']}&shop={SHOP}"
    address += f"&state={FIELDS['state']}&timestamp={AT}"
    assert is_signed(parse_qsl(urlsplit(address).query, keep_blank_values=True))
