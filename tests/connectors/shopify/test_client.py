"""Calls to the Admin API: tokens, points, and what every kind of no means."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.base import Budget
from connectors.errors import (
    AuthExpired,
    ConnectorError,
    NeedsReauth,
    NotFound,
    NotJson,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    StillWorking,
    Unavailable,
    Unsupported,
)
from connectors.shopify.client import UNKNOWN_POINTS, AdminClient
from connectors.shopify.connector import ShopifyConnector
from connectors.shopify.judging import THROTTLED_WAIT_S, user_error
from tests.connectors.shopify.conftest import COST, SHOP, TOKEN, Admin, Reply

Open = Callable[..., ShopifyConnector]
READ, WRITE = "product", "bulk_start"
ID = {"id": "gid://shopify/Product/7"}
QUERY = {"query": "{products{edges{node{id}}}}"}


@pytest.fixture(autouse=True)
def nothing_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AdminClient, "_costs", {})


def answers(admin: Admin, told: Any) -> None:
    """The same to the read and to the write."""
    admin.answers["Product"] = admin.answers["BulkStart"] = told if callable(told) else lambda variables: told


def read(open_shop: Open, **more: Any) -> Any:
    return open_shop(**more).client.run(READ, ID)


def write(open_shop: Open, **more: Any) -> Any:
    return open_shop(**more).client.run(WRITE, QUERY)


def error(code: str = "", message: str = "no", **extensions: Any) -> Reply:
    told = {"message": message, "extensions": {"code": code, **extensions} if code else {}}
    return Reply({"errors": [told], "extensions": {"cost": COST}})


# -- what is sent --------------------------------------------------------------------------------------------------


def test_a_document_goes_to_the_shop_with_its_token_and_in_the_pinned_version(
    admin: Admin, open_shop: Open
) -> None:
    answers(admin, {"product": {"id": "gid://shopify/Product/7"}})
    assert read(open_shop) == {"product": {"id": "gid://shopify/Product/7"}}
    [call] = admin.calls
    assert call.path == f"/{SHOP}/admin/api/2026-10/graphql.json"
    assert (call.name, call.token, call.variables) == ("Product", TOKEN, ID)


def test_without_another_root_the_shops_own_administration_is_asked(opening: Any) -> None:
    opening.api_root = ""
    assert AdminClient(opening).address == f"https://{SHOP}/admin/api/2026-10/graphql.json"


def test_what_is_no_shop_of_shopifys_is_never_asked(opening: Any) -> None:
    opening.url = "https://good-shop.myshopify.com.evil.example"
    with pytest.raises(Rejected):
        AdminClient(opening)


# -- points ----------------------------------------------------------------------------------------------------------


def test_points_are_asked_for_before_and_told_after_and_learned(admin: Admin, open_shop: Open) -> None:
    answers(admin, {"product": {}})
    asked: list[float] = []
    told: list[tuple[float, Budget | None, str]] = []
    more = {
        "throttle": lambda *, images=False, points=0.0: asked.append(points),
        "heard": lambda error, *, points=0.0, budget=None, call="", **rest: told.append(
            (points, budget, call)
        ),
    }
    for _ in range(2):
        read(open_shop, **more)
    assert asked == [UNKNOWN_POINTS, 42]
    assert told[1] == (42, Budget(cost=12, available=1988, most=2000, per_s=100), "admin:product")


@pytest.mark.parametrize(("last", "points"), [(10, 90), (95, 95)], ids=["as foreseen", "more than foreseen"])
def test_what_a_document_costs_at_most_is_what_it_cost_at_most(
    admin: Admin, open_shop: Open, last: int, points: int
) -> None:
    for requested, actual in ((42, 12), (90, 12), (10, last)):
        cost = {**COST, "requestedQueryCost": requested, "actualQueryCost": actual}
        answers(admin, Reply({"data": {"product": {}}, "extensions": {"cost": cost}}))
        read(open_shop)
    assert open_shop().client.points(READ) == points
    assert open_shop().client.points(WRITE) == UNKNOWN_POINTS


def throttled(requested: float = 500, available: float = 100) -> Reply:
    left = {"maximumAvailable": 2000.0, "currentlyAvailable": available, "restoreRate": 100.0}
    cost = {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": left}
    told = {
        "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
        "extensions": {"cost": cost},
    }
    return Reply(told)


def test_a_read_without_points_waits_as_long_as_they_take_to_come_back(
    admin: Admin, open_shop: Open, waits: list[float]
) -> None:
    replies = iter([throttled(), Reply({"data": {"product": {"id": "x"}}})])
    answers(admin, lambda variables: next(replies))
    heard: list[Any] = []
    read(open_shop, heard=lambda error, *, budget=None, **more: heard.append((type(error), budget)))
    assert waits == [4.0]
    assert heard[0] == (RateLimited, Budget(cost=0, available=100, most=2000, per_s=100))


def test_a_longer_wait_and_every_write_are_handed_back(
    admin: Admin, open_shop: Open, waits: list[float]
) -> None:
    answers(admin, throttled(requested=1900))
    for call in (read, write):
        with pytest.raises(RateLimited) as caught:
            call(open_shop)
        assert caught.value.retry_after_s == 18.0
    assert waits == []
    assert admin.names() == ["Product", "BulkStart"]


def test_status_429_waits_for_the_points_too_where_they_are_told(admin: Admin, open_shop: Open) -> None:
    told = throttled(requested=1900)
    answers(admin, Reply(told.told, 429))
    with pytest.raises(RateLimited) as caught:
        write(open_shop)
    assert caught.value.retry_after_s == 18.0
    answers(admin, Reply({"errors": "Too many"}, 429, {"Retry-After": "7"}))
    with pytest.raises(RateLimited) as caught:
        write(open_shop)
    assert caught.value.retry_after_s == 7.0


def test_a_shop_that_does_not_say_how_many_points_are_left_is_asked_a_little_later(
    admin: Admin, open_shop: Open
) -> None:
    answers(admin, Reply({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}))
    with pytest.raises(RateLimited) as caught:
        write(open_shop)
    assert caught.value.retry_after_s == THROTTLED_WAIT_S


# -- tokens ----------------------------------------------------------------------------------------------------------

UNAUTHORISED = Reply({"errors": "[API] Invalid API key or access token"}, 401)


class Tokens:
    """Gives out one token after another."""

    def __init__(self, *tokens: str) -> None:
        self.tokens, self.renewed = list(tokens), 0

    def __call__(self, *, renew: bool = False) -> str:
        if renew:
            self.renewed += 1
            self.tokens.pop(0)
        if not self.tokens:
            raise NeedsReauth("the merchant has to help")
        return self.tokens[0]


@pytest.mark.parametrize("call", [read, write])
def test_a_token_that_has_just_ended_is_renewed_and_the_call_made_once_more(
    admin: Admin, open_shop: Open, call: Any
) -> None:
    answers(admin, lambda v: {"product": {}} if admin.calls[-1].token == "shpat_new" else UNAUTHORISED)
    tokens = Tokens("shpat_old", "shpat_new")
    call(open_shop, access=tokens)
    assert [c.token for c in admin.calls] == ["shpat_old", "shpat_new"]
    assert tokens.renewed == 1


def test_a_page_with_status_401_is_a_refusal_too(admin: Admin, open_shop: Open) -> None:
    answers(
        admin, lambda v: {"product": {}} if admin.calls[-1].token == "shpat_new" else Reply(b"<html>", 401)
    )
    read(open_shop, access=Tokens("shpat_old", "shpat_new"))


@pytest.mark.parametrize("call", [read, write])
def test_a_store_that_refuses_the_new_token_too_has_to_be_opened_anew(
    admin: Admin, open_shop: Open, call: Any
) -> None:
    answers(admin, UNAUTHORISED)
    with pytest.raises(NeedsReauth):
        call(open_shop, access=Tokens("shpat_old", "shpat_new", "shpat_third"))
    assert len(admin.calls) == 2


def test_where_no_other_token_can_be_had_the_merchant_is_asked(admin: Admin, open_shop: Open) -> None:
    answers(admin, UNAUTHORISED)
    with pytest.raises(NeedsReauth, match="merchant has to help"):
        read(open_shop, access=Tokens("shpat_old"))
    with pytest.raises(NeedsReauth):
        read(open_shop)
    assert len(admin.calls) == 2


def test_without_any_token_nothing_is_asked(admin: Admin, open_shop: Open) -> None:
    from connectors.types import Credentials

    with pytest.raises(NeedsReauth, match="no token"):
        read(open_shop, credentials=Credentials())
    assert admin.calls == []


def test_no_token_stands_in_an_error(admin: Admin, opening: Any) -> None:
    opening.access = Tokens("shpat_planted")
    answers(admin, Reply({"errors": "shpat_planted is not good"}, 403))
    with pytest.raises(AuthExpired) as caught:
        AdminClient(opening).run(READ, ID)
    assert "planted" not in caught.value.message


# -- what a no means -------------------------------------------------------------------------------------------------


def test_a_scope_that_the_merchant_did_not_give_is_named(admin: Admin, open_shop: Open) -> None:
    words = "Access denied for productUpdate field. Required access: `write_products` access scope."
    answers(admin, error("ACCESS_DENIED", words, requiredAccess="`write_products` access scope."))
    for call in (read, write):
        with pytest.raises(AuthExpired, match="write_products") as caught:
            call(open_shop)
        assert not isinstance(caught.value, NeedsReauth)
    answers(admin, error("ACCESS_DENIED", words))
    with pytest.raises(AuthExpired, match=r"missing: write_products\)?$"):
        read(open_shop)
    assert admin.names() == ["Product", "BulkStart", "Product"], "asking again would not help"


def test_an_answer_in_another_version_is_not_trusted(admin: Admin, open_shop: Open) -> None:
    answers(admin, Reply({"data": {"product": {}}}, 200, {"X-Shopify-API-Version": "2027-01"}))
    with pytest.raises(Unsupported, match="2027-01"):
        read(open_shop)
    with pytest.raises(OutcomeUnknown):
        write(open_shop)


STATUSES = [
    (402, Rejected, "shop_frozen"),
    (423, Unavailable, "shop_locked"),
    (430, Unavailable, ""),
    (404, Unavailable, ""),
    (403, AuthExpired, ""),
    (400, Rejected, ""),
]


@pytest.mark.parametrize(("status", "kind", "code"), STATUSES)
@pytest.mark.parametrize("page", [b'{"errors":"No"}', b"<html>No</html>"])
def test_a_status_says_what_is_with_the_shop(
    admin: Admin, open_shop: Open, status: int, kind: type[ConnectorError], code: str, page: bytes
) -> None:
    answers(admin, Reply(page, status))
    if page.startswith(b"<") and status in {400, 403}:
        kind = NotJson  # somebody in between
    for call in (read, write):
        with pytest.raises(kind) as caught:
            call(open_shop)
        assert not isinstance(caught.value, NotFound)
        assert caught.value.code == code
    assert len(admin.calls) == 2


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_read_is_repeated_and_a_write_never(admin: Admin, open_shop: Open, status: int) -> None:
    answers(admin, Reply(b"{}", status))
    with pytest.raises(Unavailable):
        read(open_shop)
    assert len(admin.calls) == 3
    with pytest.raises(OutcomeUnknown if status != 503 else Unavailable):
        write(open_shop)
    assert len(admin.calls) == 4


def test_a_write_whose_answer_was_lost_may_have_been_done(admin: Admin, open_shop: Open) -> None:
    admin.cuts_after = 5
    answers(admin, {"bulkOperationRunQuery": {"userErrors": []}})
    with pytest.raises(OutcomeUnknown):
        write(open_shop)
    assert len(admin.calls) == 1


@pytest.mark.parametrize(
    ("reply", "of_a_read", "of_a_write"),
    [
        (error("INTERNAL_SERVER_ERROR"), Unavailable, OutcomeUnknown),
        (error("TIMEOUT"), Unavailable, OutcomeUnknown),
        (error("MAX_COST_EXCEEDED"), Rejected, Rejected),
        (error("SHOP_INACTIVE"), Rejected, Rejected),
        (error("undefinedField"), Rejected, Rejected),
        (error(), Rejected, Rejected),
        (Reply({"errors": "in words"}), Rejected, Rejected),
        (Reply({"errors": []}), NotJson, OutcomeUnknown),
        (Reply({}), NotJson, OutcomeUnknown),
        (Reply([]), NotJson, OutcomeUnknown),
        (Reply({"data": None}), NotJson, OutcomeUnknown),
        (Reply({"data": {"a": None}, "errors": [{"message": "x", "path": ["a"]}]}), Rejected, OutcomeUnknown),
        (Reply(b"<html>", 200), NotJson, OutcomeUnknown),
    ],
)
def test_errors_that_come_with_status_200(
    admin: Admin,
    open_shop: Open,
    reply: Reply,
    of_a_read: type[ConnectorError],
    of_a_write: type[ConnectorError],
) -> None:
    answers(admin, reply)
    with pytest.raises(of_a_read):
        read(open_shop)
    with pytest.raises(of_a_write):
        write(open_shop)
    assert admin.names().count("BulkStart") == 1


# -- what a mutation says of what it was given ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("NON_READY_STATE", StillWorking),
        ("FILE_LOCKED", StillWorking),
        ("MEDIA_CANNOT_BE_MODIFIED", StillWorking),
        ("NON_READY_MEDIA", StillWorking),
        ("LIMIT_REACHED", StillWorking),
        ("OPERATION_IN_PROGRESS", StillWorking),
        ("PRODUCT_DOES_NOT_EXIST", NotFound),
        ("FILE_DOES_NOT_EXIST", NotFound),
        ("MEDIA_DOES_NOT_EXIST", NotFound),
        ("PRODUCT_MEDIA_LIMIT_EXCEEDED", Rejected),
        ("FILE_STORAGE_LIMIT_EXCEEDED", Rejected),
        ("INVALID_IMAGE_RESOLUTION", Rejected),
        ("SOMETHING_OF_NEXT_YEAR", Rejected),
        (None, Rejected),
    ],
)
def test_each_code_says_retry_or_stop(code: str | None, kind: type[ConnectorError]) -> None:
    found = user_error([{"field": ["id"], "message": "It is so", "code": code}])
    assert type(found) is kind
    assert "It is so" in found.detail
    assert found.code == (code or "user_error")


def test_of_several_the_one_that_can_not_be_waited_for_counts() -> None:
    found = user_error([{"message": "a", "code": "FILE_LOCKED"}, {"message": "b", "code": "INVALID"}])
    assert isinstance(found, Rejected)
    assert (found.code, found.detail) == ("INVALID", "a; b")
    assert user_error([]) is None
    assert user_error(None) is None


@pytest.mark.parametrize("name", ["userErrors", "mediaUserErrors"])
def test_a_refused_mutation_is_an_error(admin: Admin, open_shop: Open, name: str) -> None:
    answers(
        admin,
        {"bulkOperationRunQuery": {"bulkOperation": None, name: [{"message": "No", "code": "INVALID"}]}},
    )
    with pytest.raises(Rejected, match="No"):
        write(open_shop)


def test_what_is_told_of_a_call_is_the_last_word_on_it(admin: Admin, open_shop: Open) -> None:
    """Who counts how a store is doing hears of a frozen shop, not of a number."""
    answers(admin, Reply(json.dumps({"errors": "Payment required"}).encode(), 402))
    heard: list[Any] = []
    with pytest.raises(Rejected):
        read(open_shop, heard=lambda error, **more: heard.append(error.code))
    assert heard == ["shop_frozen"]
