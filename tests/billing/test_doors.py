"""What a store pays, over HTTP, in the administration and from the command line."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Role
from apps.billing.models import Plan
from apps.billing.services import plans
from connectors.errors import ConnectorError
from tests import factories
from tests.api.test_rest import with_key
from tests.billing.paying import Payer
from tests.dashboard.merchants import log_in
from tests.shopkeeping import Shop


def told(*args: str) -> Any:
    out = io.StringIO()
    call_command(*args, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_programs_see_what_is_paid_and_left(payer: Payer) -> None:
    client = with_key(payer.shop, Role.VIEWER)
    (before,) = client.get("/api/v1/plans/").json()
    assert (before["state"], before["stopped"], before["cap_micros"]) == ("", "none", None)
    payer.agree()
    payer.finish(2)
    (after,) = client.get("/api/v1/plans/").json()
    assert (after["plan"], after["state"], after["currency"]) == ("Studio", "active", "USD")
    assert (after["used_micros"], after["coming_micros"], after["left_micros"]) == (100_000, 100_000, 900_000)
    assert after["store"] == payer.store.pk and after["stopped"] == ""


def test_nobody_sees_what_others_pay(payer: Payer, shop: Shop) -> None:
    client = with_key(shop, Role.OWNER)
    assert client.get("/api/v1/plans/").json() == []
    stranger = log_in(shop.workspace, Role.OWNER)
    for name in ("plan-ask", "plan-cap", "plan-cancel"):
        answer = stranger.post(reverse(f"dashboard:{name}", args=[payer.store.pk]), {"cap": "5"})
        assert answer.status_code == 404, name
    assert stranger.get(reverse("dashboard:plan-back", args=[payer.store.pk])).status_code == 404


def test_the_way_back_believes_shopify_and_not_its_own_address(payer: Payer) -> None:
    owner = log_in(payer.shop.workspace, Role.OWNER)
    asked = owner.post(reverse("dashboard:plan-ask", args=[payer.store.pk]))
    assert asked.status_code == 302 and asked["Location"].startswith(payer.platform.url)
    back = reverse("dashboard:plan-back", args=[payer.store.pk])
    page = owner.get(f"{back}?charge_id=1", follow=True).content.decode()
    assert "nobody agreed to it yet" in page and payer.standing().holds is None
    payer.press(asked["Location"], "agree")
    assert "is active." in owner.get(back, follow=True).content.decode()


def test_where_shopify_does_not_answer_the_page_says_so(payer: Payer, monkeypatch: Any) -> None:
    owner = log_in(payer.shop.workspace, Role.OWNER)

    def away(*_: Any, **__: Any) -> Any:
        raise ConnectorError("it does not answer")

    monkeypatch.setattr(plans, "open_billing", away)
    for answer in (
        owner.post(reverse("dashboard:plan-ask", args=[payer.store.pk]), follow=True),
        owner.get(reverse("dashboard:plan-back", args=[payer.store.pk]), follow=True),
    ):
        assert "it does not answer" in answer.content.decode().lower()


def test_the_first_page_and_the_usage_page_say_why_nothing_is_rendered(payer: Payer) -> None:
    owner = log_in(payer.shop.workspace, Role.OWNER)
    for name in ("home", "usage"):
        assert "it has no plan" in owner.get(reverse(f"dashboard:{name}")).content.decode(), name
    payer.agree()
    for name in ("home", "usage"):
        assert "it has no plan" not in owner.get(reverse(f"dashboard:{name}")).content.decode(), name


def test_where_nobody_pays_no_page_speaks_of_plans(payer: Payer, settings: Any) -> None:
    settings.BILLING = "none"
    owner = log_in(payer.shop.workspace, Role.OWNER)
    for name in ("home", "usage"):
        assert reverse("dashboard:plan") not in owner.get(reverse(f"dashboard:{name}")).content.decode(), name
    assert "Nothing is billed here" in owner.get(reverse("dashboard:plan")).content.decode()


def test_an_operator_offers_a_plan(db: None) -> None:
    assert told("plan") == {"plan": None}
    args = ("plan", "Studio", "--monthly", "19", "--picture", "0.05", "--cap", "100", "--trial", "14")
    assert told(*args)["plan"]["picture_micros"] == 50_000
    out = io.StringIO()
    call_command("plan", stdout=out)
    assert "0.05 USD for each finished picture. At most 100.00 USD" in out.getvalue()
    for wrong in (("plan", "Studio"), ("plan", "--cap", "5"), ("plan", "Studio", "--cap", "0.001")):
        with pytest.raises(CommandError):
            call_command(*wrong)


def test_the_administration_adds_plans_and_changes_none(admin_client: Client) -> None:
    address = reverse("admin:billing_plan_add")
    given: dict[str, Any] = {"name": "Studio", "currency": "USD", "monthly_micros": 0, "trial_days": 0}
    given |= {"picture_micros": 50_000, "cap_micros": 5_000_000}
    refused = admin_client.post(address, given | {"picture_micros": 5})
    assert "whole cents" in refused.content.decode() and not Plan.objects.exists()
    admin_client.post(address, given)
    row = Plan.objects.get()
    assert admin_client.post(reverse("admin:billing_plan_change", args=[row.pk]), given).status_code == 403


def test_the_look_ahead_of_a_batch_says_what_the_plan_pays_for(payer: Payer) -> None:
    for _ in range(12):
        factories.PhotoFactory(product__store=payer.store)
    owner = log_in(payer.shop.workspace, Role.OWNER)
    address = reverse("dashboard:regenerate", args=[payer.store.pk])
    assert "plan pays for none of them now" in owner.get(address).content.decode()
    payer.agree()
    assert "plan pays for" not in owner.get(address).content.decode(), "for all of them"
    payer.finish(12)
    assert "plan pays for 8 of them before its limit" in owner.get(address).content.decode()
