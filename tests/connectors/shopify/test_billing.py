"""What a merchant agrees to pay, on a Shopify of one's own: plans, caps, charges that are booked once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from connectors import registry
from connectors.base import Opening, Settings
from connectors.billing import Billing, Money, Offer, Standing
from connectors.errors import NotJson, OutcomeUnknown, Rejected, Unsupported
from connectors.sandbox.shopify.server import ShopifySandbox
from connectors.types import Credentials, Kind
from tests.connectors.shopify.conftest import published

_NAMES = itertools.count(1)
DAY_S = 86400
BACK = "https://photos.example.com/plan/back/"
OFFER = Offer(
    "Studio", Money(19_000_000, "USD"), Money(5_000_000, "USD"), "0.05 USD for each picture.", trial_days=14
)
SETTINGS = Settings(allow_private_hosts=frozenset({"127.0.0.1"}), read_timeout_s=10, write_timeout_s=10)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopifySandbox]:
    folder = tmp_path_factory.mktemp("shopify")
    with ShopifySandbox(folder, shops=(), schemas=published(), webhook_interval_s=None) as running:
        yield running


@pytest.fixture
def shop(platform: ShopifySandbox) -> str:
    name = platform.site.open_shop(f"shop-{next(_NAMES)}")
    platform.site.install(name)
    return name


@pytest.fixture
def bills(platform: ShopifySandbox, shop: str) -> Billing:
    return opened(platform, shop)


def opened(platform: ShopifySandbox, shop: str) -> Billing:
    token = platform.site.token(shop)["access_token"]
    opening = Opening(f"https://{shop}", Credentials(token=token), SETTINGS, api_root=platform.api_root)
    return registry.billing("shopify")(opening)


def press(page: str, button: str) -> str:
    """The merchant reads Shopify's page and presses a button; where that leads."""
    shown = requests.get(page, timeout=10)
    assert OFFER.name in shown.text or "instead of" in shown.text
    answer = requests.post(page, data={button: "1"}, timeout=10, allow_redirects=False)
    return str(answer.headers["Location"])


def agreed(bills: Billing, offer: Offer = OFFER) -> tuple[str, str]:
    """A plan that holds: its id, and that of its line."""
    asked = bills.ask(offer, back=BACK)
    press(asked.page, "agree")
    plan = bills.plans().active[0]
    assert plan.id == asked.id
    return plan.id, plan.line_id


def used(platform: ShopifySandbox, plan: str) -> list[str]:
    return [row["key"] for row in platform.site.billing.used(int(plan))]


def test_a_plan_holds_once_the_merchant_agreed_on_shopifys_page(bills: Billing) -> None:
    asked = bills.ask(OFFER, back=BACK)
    waiting = bills.plans()
    assert waiting.active == () and waiting.others[asked.id] is Standing.PENDING
    assert press(asked.page, "agree") == f"{BACK}?charge_id={asked.id}"
    (plan,) = bills.plans().active
    assert (plan.id, plan.name, plan.standing) == (asked.id, "Studio", Standing.ACTIVE)
    assert (plan.cap, plan.used) == (Money(5_000_000, "USD"), Money(0, "USD"))
    assert (plan.trial_days, plan.test) == (14, False)
    assert plan.line_id and plan.period_end is not None


def test_who_declines_or_waits_for_too_long_has_no_plan(
    platform: ShopifySandbox, bills: Billing, shop: str
) -> None:
    declined = bills.ask(OFFER, back=BACK)
    press(declined.page, "decline")
    late = bills.ask(OFFER, back=BACK)
    platform.site.clock.advance(2 * DAY_S + 1)
    found = opened(platform, shop).plans()
    assert found.active == ()
    assert (found.others[declined.id], found.others[late.id]) == (Standing.DECLINED, Standing.EXPIRED)
    assert requests.post(late.page, data={"agree": "1"}, timeout=10).status_code == 404


def test_a_plan_without_a_monthly_price_has_one_line(bills: Billing) -> None:
    agreed(bills, Offer("Studio", Money(0, "USD"), Money(5_000_000, "USD"), "0.05 USD a picture.", test=True))
    (plan,) = bills.plans().active
    assert plan.test and plan.cap == Money(5_000_000, "USD")


def test_another_plan_takes_the_place_of_the_one_before(bills: Billing) -> None:
    first, _ = agreed(bills)
    second, _ = agreed(bills)
    found = bills.plans()
    assert [plan.id for plan in found.active] == [second]
    assert found.others[first] is Standing.CANCELLED


def test_what_is_used_is_booked_once_for_each_key(platform: ShopifySandbox, bills: Billing) -> None:
    plan, line = agreed(bills)
    first = bills.charge(line, Money(1_250_000, "USD"), words="25 pictures", key="a")
    again = bills.charge(line, Money(1_250_000, "USD"), words="25 pictures", key="a")
    other = bills.charge(line, Money(50_000, "USD"), words="1 picture", key="b")
    assert first.id == again.id != other.id
    assert (other.used, other.cap) == (Money(1_300_000, "USD"), Money(5_000_000, "USD"))
    assert used(platform, plan) == ["a", "b"]


def test_a_charge_whose_answer_got_lost_can_be_looked_up(
    platform: ShopifySandbox, bills: Billing, shop: str
) -> None:
    plan, line = agreed(bills)
    platform.faults.add("BillingCharge$", "close_after")
    with pytest.raises(OutcomeUnknown):
        bills.charge(line, Money(50_000, "USD"), words="1 picture", key="lost")
    assert bills.charged(plan, line, "lost") is not None
    assert bills.charged(plan, line, "never sent") is None
    found = platform.site.billing.plan(shop, int(plan))
    assert found is not None
    for n in range(120):
        platform.site.billing.use(found, f"later-{n}", Decimal("0.01"), "later")
    assert bills.charged(plan, line, "lost") is not None, "behind a hundred others too"


def test_nothing_is_booked_beyond_the_cap_until_the_merchant_raises_it(
    platform: ShopifySandbox, bills: Billing
) -> None:
    plan, line = agreed(bills)
    bills.charge(line, Money(4_000_000, "USD"), words="80 pictures", key="a")
    with pytest.raises(Rejected, match="balance remaining"):
        bills.charge(line, Money(1_050_000, "USD"), words="21 pictures", key="b")
    page = bills.raise_cap(line, Money(10_000_000, "USD"))
    assert bills.plans().active[0].cap == Money(5_000_000, "USD"), "until the merchant agrees"
    assert press(page, "agree").startswith(BACK)
    assert bills.plans().active[0].cap == Money(10_000_000, "USD")
    bills.charge(line, Money(1_050_000, "USD"), words="21 pictures", key="b")
    assert used(platform, plan) == ["a", "b"]


def test_a_new_month_begins_with_nothing_used(platform: ShopifySandbox, bills: Billing, shop: str) -> None:
    _, line = agreed(bills)
    bills.charge(line, Money(5_000_000, "USD"), words="100 pictures", key="a")
    platform.site.clock.advance((14 + 30) * DAY_S)
    bills = opened(platform, shop)
    assert bills.plans().active[0].used == Money(0, "USD")
    bills.charge(line, Money(5_000_000, "USD"), words="100 pictures", key="b")


def test_a_plan_that_ended_takes_no_charge(bills: Billing) -> None:
    plan, line = agreed(bills)
    bills.cancel(plan)
    bills.cancel(plan)
    assert bills.plans().active == ()
    with pytest.raises(Rejected):
        bills.charge(line, Money(50_000, "USD"), words="1 picture", key="a")


def test_taking_the_app_off_ends_the_plan(platform: ShopifySandbox, bills: Billing, shop: str) -> None:
    plan, _ = agreed(bills)
    platform.site.uninstall(shop)
    platform.site.install(shop)
    found = opened(platform, shop).plans()
    assert found.active == () and found.others[plan] is Standing.CANCELLED


def test_the_app_is_told_of_every_change_and_when_the_cap_comes_near(
    platform: ShopifySandbox, bills: Billing, web: Any
) -> None:
    web.pages["/hook"] = (200, {}, b"")
    before = platform.site.access.app
    platform.site.access.app = before.hearing(
        f"{web.url}/hook", "app_subscriptions/update", "app_subscriptions/approaching_capped_amount"
    )
    try:
        _, line = agreed(bills)
        bills.charge(line, Money(4_400_000, "USD"), words="88 pictures", key="a")
        platform.hooks.deliver_due()
        assert [seen.headers["X-Shopify-Topic"] for seen in web.hooks()] == ["app_subscriptions/update"]
        bills.charge(line, Money(100_000, "USD"), words="2 pictures", key="b")
        platform.hooks.deliver_due()
    finally:
        platform.site.access.app = before
    near = web.hooks()[-1]
    told = registry.get("shopify").parse(headers=near.headers, body=near.body)
    assert (told.kind, told.external_id) == (Kind.BILLING_CHANGED, "")
    assert told.raw["app_subscription"]["balance_used"] == "4.5"


@pytest.mark.parametrize("amount", ["twelve", None, "NaN", {}])
def test_an_amount_that_is_none_is_not_guessed_at(amount: Any) -> None:
    with pytest.raises(NotJson):
        Money.read(amount, "USD")


def test_amounts_are_exact() -> None:
    assert Money.read("0.07", "USD").micros == 70_000
    assert Money(1_100_000, "USD").amount == "1.1"


def test_other_platforms_take_no_money_for_us() -> None:
    with pytest.raises(Unsupported):
        registry.billing("woocommerce")
