"""A merchant agrees to a plan on Shopify's page, changes it, ends it, or does not; and what is rendered meanwhile."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apps.billing import selectors
from apps.billing.models import Charge, Charged, Plan, Subscription
from apps.billing.services import plans
from apps.flow import noticing, paying
from apps.lib.errors import BadRequest
from apps.notices.models import Notice
from apps.stores.models import StoreState
from connectors.errors import ConnectorError, Unavailable
from tests.billing.paying import BACK, Payer, offer
from tests.shopkeeping import Shop, photo


def sell(payer: Payer, *colours: str) -> None:
    for number, colour in enumerate(colours):
        photos = [(f"cup-{number}.jpg", photo(colour))]
        payer.platform.site.catalogue.create(payer.name, {"title": f"Cup {number}"}, photos)


def read(payer: Payer) -> None:
    """What is new in the shop is read, and rendered as far as somebody pays for it."""
    from apps.catalog import services as catalog
    from apps.flow import flow

    sync, _ = catalog.ask_sync(payer.store, by="test", start_work=True)
    flow.synced(sync.pk)
    payer.shop.work()


def made(payer: Payer) -> int:
    return sum(job.state == "done" for job in payer.shop.jobs())


def notices(payer: Payer) -> list[str]:
    noticing.look()
    return list(
        Notice.objects.filter(workspace=payer.shop.workspace, kind="billing", ended_at=None).values_list(
            "title", flat=True
        )
    )


# -- agreeing


def test_nothing_is_rendered_until_the_merchant_agrees_on_shopifys_page(payer: Payer) -> None:
    sell(payer, "#2b4a7f", "#7f2b4a")
    read(payer)
    assert made(payer) == 0
    assert notices(payer) == [f"{payer.store.name} needs a plan"]
    row = plans.ask(payer.store, back=BACK, by="user:1")
    assert payer.press(row.page, "agree").startswith(BACK)
    plans.look(payer.store)
    payer.shop.work()
    assert made(payer) == 2
    assert notices(payer) == []
    assert (payer.told("asked"), payer.told("began")) == (1, 1)


def test_coming_back_from_shopify_says_nothing_by_itself(payer: Payer) -> None:
    plans.ask(payer.store, back=BACK, by="user:1")
    plans.look(payer.store)  # what the way back does, whatever its address says
    assert payer.standing().why_stopped == "none"
    assert payer.standing().asked is not None


def test_who_declines_is_not_charged_and_can_be_asked_again(payer: Payer) -> None:
    payer.press(plans.ask(payer.store, back=BACK, by="user:1").page, "decline")
    plans.look(payer.store)
    found = payer.standing()
    assert found.holds is None and found.asked is None and found.last is not None
    assert found.last.state == "declined" and payer.told("declined") == 1
    assert payer.agree().state == "active"


def test_a_plan_that_nobody_answers_is_forgotten_after_two_days(payer: Payer) -> None:
    plans.ask(payer.store, back=BACK, by="user:1")
    Subscription.objects.update(asked_at=timezone.now() - dt.timedelta(days=3))
    payer.platform.site.clock.advance(3 * 86400)
    try:
        plans.look(payer.store)
    finally:
        payer.platform.site.clock.advance(-3 * 86400)
    assert payer.standing().last.state == "expired"  # type: ignore[union-attr]


def test_shopifys_word_of_a_change_is_looked_after(payer: Payer, client: Any, settings: Any) -> None:
    from tests.shopify_app import delivery

    payer.press(plans.ask(payer.store, back=BACK, by="user:1").page, "agree")
    body = {
        "app_subscription": {"admin_graphql_api_id": "gid://shopify/AppSubscription/1", "status": "CANCELLED"}
    }
    raw, headers = delivery(
        "app_subscriptions/update", body, shop=payer.name, secret=settings.SHOPIFY_API_SECRET
    )
    answer = client.post("/hooks/shopify/", raw, content_type="application/json", headers=headers)
    assert answer.status_code == 200
    payer.shop.carry()
    assert payer.plan().state == "active", "what the message says does not count"


def test_the_app_asks_to_be_told_of_plans(settings: Any, payer: Payer) -> None:
    from apps.stores import shopify

    text = shopify.app_file(home="/a", back="/b", hook="/c")
    assert "app_subscriptions/update" in text and "app_subscriptions/approaching_capped_amount" in text


def test_without_a_plan_there_is_nothing_to_agree_to(payer: Payer) -> None:
    Plan.objects.all().delete()
    with pytest.raises(plans.NoPlan):
        plans.ask(payer.store, back=BACK, by="user:1")


def test_a_plan_that_is_active_is_not_asked_for_again(payer: Payer) -> None:
    payer.agree()
    with pytest.raises(BadRequest, match="active already"):
        plans.ask(payer.store, back=BACK, by="user:1")


def test_shopify_that_does_not_answer_leaves_everything_as_it_is(payer: Payer) -> None:
    payer.platform.faults.add("BillingAsk$", "close_after")
    with pytest.raises(ConnectorError):
        plans.ask(payer.store, back=BACK, by="user:1")
    assert not Subscription.objects.exists()
    assert payer.agree().state == "active"


# -- another plan, a higher limit


def test_another_plan_takes_over_what_the_one_before_had_not_charged(payer: Payer) -> None:
    first = payer.agree()
    payer.finish(3)
    paying.bill()  # put into a charge that has not gone out
    offer(name="Studio plus", picture_micros=40_000)
    second = payer.agree()
    assert second.pk != first.pk and second.plan.name == "Studio plus"
    first.refresh_from_db()
    assert first.state == "ended"
    payer.bill()
    assert payer.paid() == pytest.approx(0.12)
    assert Charged.objects.filter(charge__subscription=second).count() == 3


def test_the_limit_is_raised_by_the_merchant_and_nobody_else(payer: Payer) -> None:
    payer.agree()
    page = plans.raise_cap(payer.store, cap_micros=2_000_000, by="user:1")
    plans.look(payer.store)
    assert payer.plan().cap_micros == 1_000_000
    payer.press(page, "agree")
    plans.look(payer.store)
    assert payer.plan().cap_micros == 2_000_000


@pytest.mark.parametrize("micros", [1_000_000, 500_000, 1_000_001, 10**12])
def test_a_limit_that_makes_no_sense_is_not_sent(payer: Payer, micros: int) -> None:
    payer.agree()
    with pytest.raises(BadRequest):
        plans.raise_cap(payer.store, cap_micros=micros, by="user:1")


# -- the end


def test_ending_a_plan_stops_rendering(payer: Payer) -> None:
    payer.agree()
    assert plans.cancel(payer.store, by="user:1")
    assert payer.standing().why_stopped == "none"
    assert not plans.cancel(payer.store, by="user:1")
    sell(payer, "#2b4a7f")
    read(payer)
    assert made(payer) == 0


def test_a_shop_that_takes_the_app_off_pays_no_more(payer: Payer, client: Any, settings: Any) -> None:
    from tests.shopify_app import delivery

    row = payer.agree()
    payer.finish(2)
    paying.bill()
    payer.platform.site.uninstall(payer.name)
    raw, headers = delivery(
        "app/uninstalled",
        {"myshopify_domain": payer.name},
        shop=payer.name,
        secret=settings.SHOPIFY_API_SECRET,
    )
    assert (
        client.post("/hooks/shopify/", raw, content_type="application/json", headers=headers).status_code
        == 200
    )
    payer.shop.carry()
    row.refresh_from_db()
    assert (payer.store.state, row.state) == (StoreState.DISCONNECTED, "ended")
    assert payer.paid() == 0 and not Charge.objects.filter(work_state="done").exists()


def test_disconnecting_ends_the_plan_first(payer: Payer) -> None:
    payer.agree()
    paying.disconnect(payer.store, by="user:1")
    assert payer.store.state == StoreState.DISCONNECTED
    (plan,) = payer.platform.site.billing.plans(payer.name)
    assert plan["status"] == "CANCELLED"


def test_a_store_whose_plan_can_not_be_ended_stays_connected(payer: Payer) -> None:
    payer.agree()
    payer.platform.faults.add("BillingCancel$", "close_before", times=0)
    with pytest.raises(ConnectorError):
        paying.disconnect(payer.store, by="user:1")
    assert payer.store.state == StoreState.CONNECTED and payer.plan().state == "active"


def test_a_frozen_plan_rests_until_the_shop_has_paid_shopify(payer: Payer) -> None:
    row = payer.agree()
    payer.platform.site.billing.set_status(payer.name, int(row.external_id), "FROZEN")
    plans.look(payer.store)
    assert payer.standing().why_stopped == "frozen" and payer.told("frozen") == 1
    payer.platform.site.billing.set_status(payer.name, int(row.external_id), "ACTIVE")
    plans.look(payer.store)
    assert payer.standing().why_stopped == ""


def test_a_plan_that_a_backup_had_forgotten_is_found_again(payer: Payer) -> None:
    payer.agree()
    Subscription.objects.all().delete()
    plans.ask(payer.store, back=BACK, by="user:1")
    plans.look(payer.store)
    assert payer.plan().plan.name == "Studio"


def test_an_old_answer_changes_nothing_that_a_newer_one_said(payer: Payer, monkeypatch: Any) -> None:
    payer.agree()
    later = timezone.now() + dt.timedelta(minutes=1)
    Subscription.objects.update(looked_at=later)
    payer.platform.site.billing.end_all(payer.name)
    plans.look(payer.store)
    assert payer.plan().state == "active"
    with time_machine.travel(later + dt.timedelta(seconds=1), tick=True):
        plans.look(payer.store)
    assert payer.standing().holds is None


# -- nobody pays


def test_where_nobody_pays_nothing_is_asked_and_nothing_stops(payer: Payer, settings: Any) -> None:
    settings.BILLING = "none"
    with pytest.raises(plans.NothingToPay):
        plans.ask(payer.store, back=BACK, by="user:1")
    assert selectors.standings(payer.shop.workspace.pk) == []
    assert selectors.pictures_left([payer.store.pk]) == {}
    sell(payer, "#2b4a7f")
    read(payer)
    assert made(payer) == 1
    paying.bill()
    assert not payer.platform.faults.requests(f"^POST /{payer.name}.*Billing")


def test_stores_of_other_platforms_pay_nothing(payer: Payer, shop: Shop) -> None:
    shop.sell("Mug", photo("#2b4a7f"))
    shop.deliver()
    shop.work()
    assert shop.jobs() and all(job.state == "done" for job in shop.jobs())
    assert selectors.standings(shop.workspace.pk) == []


def test_a_store_that_is_away_is_looked_at_next_time(payer: Payer, monkeypatch: Any) -> None:
    payer.agree()
    Subscription.objects.update(looked_at=timezone.now() - dt.timedelta(hours=2))

    def away(store: Any) -> Any:
        raise Unavailable("it does not answer", status=503)

    with monkeypatch.context() as patched:
        patched.setattr(plans, "open_billing", away)
        paying.bill()
    assert payer.plan().state == "active"
    paying.bill()
    assert payer.plan().looked_at > timezone.now() - dt.timedelta(minutes=1)  # type: ignore[operator]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"currency": "dollars"},
        {"picture_micros": 5_000},
        {"picture_micros": -10_000},
        {"cap_micros": 0},
        {"picture_micros": 2_000_000},
        {"trial_days": 400},
    ],
)
def test_a_plan_that_no_platform_would_take_is_not_offered(db: None, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        offer(**wrong)
