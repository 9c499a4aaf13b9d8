"""The address that WooCommerce brings keys to: 200 once for a token that waits, and for nothing else."""

from __future__ import annotations

import datetime as dt
import json
import threading
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.lib.work import WorkState
from apps.stores.models import Approval, ApprovalState
from tests import factories

TOKEN = "the-token-of-this-approval"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What control workers were asked to do."""
    from apps.flow import hints

    told: list[tuple[str, Any]] = []
    monkeypatch.setattr(hints, "hint", lambda task, *args: told.append((task, args[0])))
    return told


@pytest.fixture
def approval(db: None, sent: list[tuple[str, Any]]) -> Approval:
    return factories.ApprovalFactory(token=TOKEN)


def keys(**changes: Any) -> dict[str, Any]:
    body = {
        "key_id": 7,
        "user_id": TOKEN,
        "consumer_key": "ck_1",
        "consumer_secret": "cs_1",
        "key_permissions": "read_write",
    }
    return body | changes


def bring(body: Any, content_type: str = "application/json;charset=utf-8") -> int:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    strict = Client(enforce_csrf_checks=True)
    return strict.post(reverse("woocommerce-keys"), text, content_type=content_type).status_code


def test_keys_are_taken_once_with_exactly_200_and_tried_afterwards(
    approval: Approval, sent: list[tuple[str, Any]]
) -> None:
    assert bring(keys()) == 200
    assert sent == [("flow.approve", approval.pk)]
    approval.refresh_from_db()
    assert (approval.state, approval.credentials["key"]) == (ApprovalState.GIVEN, "ck_1")
    assert approval.used_at is not None


def test_the_same_link_approved_twice_leaves_the_first_keys_and_refuses_the_second(
    approval: Approval,
) -> None:
    assert bring(keys()) == 200
    assert bring(keys(consumer_key="ck_2", consumer_secret="cs_2")) == 410
    approval.refresh_from_db()
    assert approval.credentials["key"] == "ck_1"


def test_keys_that_come_too_late_are_refused(approval: Approval) -> None:
    Approval.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    assert bring(keys()) == 410
    approval.refresh_from_db()
    assert approval.credentials is None


@pytest.mark.parametrize("state", ["refused", "failed", "expired", "connected"])
def test_an_approval_that_ended_takes_nothing_more(state: str, approval: Approval) -> None:
    Approval.objects.update(state=state, work_state=WorkState.DONE)
    assert bring(keys()) == 410


def test_a_token_that_nobody_has_is_refused(approval: Approval) -> None:
    assert bring(keys(user_id="guessed")) == 403
    assert bring(keys(user_id=approval.token_sha256)) == 403, "the hash that is kept opens nothing"


def test_a_token_for_another_way_is_refused(approval: Approval) -> None:
    Approval.objects.update(way="password")
    assert bring(keys()) == 403


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"\xff\xfe",
        "[]",
        "null",
        '"text"',
        "[" * 5000,
        "{}",
        {"user_id": TOKEN},
        keys(consumer_key=""),
        keys(consumer_secret=None),
        keys(consumer_secret=["cs_1"]),
        keys(consumer_key="ck_" + "x" * 400),
        keys(consumer_key="ck_1\r\nX-Evil: 1"),
        keys(user_id=7),
        keys(user_id=""),
        keys(success="1"),
        keys(success="0"),
    ],
)
def test_what_is_no_such_call_is_refused_and_changes_nothing(body: Any, approval: Approval) -> None:
    assert bring(body) == 400
    approval.refresh_from_db()
    assert (approval.state, approval.credentials) == (ApprovalState.ASKED, None)


def test_a_form_is_no_json(approval: Approval) -> None:
    assert bring("user_id=x", "application/x-www-form-urlencoded") == 415
    assert bring(json.dumps(keys()), "text/plain") == 415


def test_a_huge_body_is_refused_before_it_is_read(approval: Approval) -> None:
    assert bring(keys(padding="x" * 20_000)) == 413
    approval.refresh_from_db()
    assert approval.credentials is None


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch"])
def test_nothing_but_a_post_is_taken(method: str, approval: Approval) -> None:
    assert getattr(Client(), method)(reverse("woocommerce-keys")).status_code == 405


def test_no_answer_is_ever_a_success_but_200(approval: Approval) -> None:
    """WooCommerce takes 201 for a failure, and would keep keys that we threw away if we said 200."""
    statuses = [bring(body) for body in (keys(user_id="x"), {}, keys(), keys(), "no")]
    assert statuses == [403, 400, 200, 410, 400]


@pytest.mark.django_db(transaction=True)
def test_of_many_calls_at_once_one_is_taken(sent: list[tuple[str, Any]]) -> None:
    approval = factories.ApprovalFactory(token=TOKEN)
    ready, statuses = threading.Barrier(6), []

    def call(number: int) -> None:
        ready.wait()
        try:
            statuses.append((bring(keys(consumer_key=f"ck_{number}")), f"ck_{number}"))
        finally:
            connections.close_all()

    callers = [threading.Thread(target=call, args=[number]) for number in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(status for status, _ in statuses) == [200, 410, 410, 410, 410, 410]
    approval.refresh_from_db()
    assert approval.credentials["key"] == dict(statuses)[200]
    assert sent == [("flow.approve", approval.pk)]
